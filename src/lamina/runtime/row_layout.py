"""One-dimensional layout of the variables in the training loop."""

from __future__ import annotations

from collections.abc import Iterable

import jax

from lamina.core.tracing.trace_state import platform


def as_rows(arrays: Iterable[jax.Array]) -> list[jax.Array]:
    """Reshape each array to one dimension on a CPU.

    XLA:CPU loops over each axis separately, up to seven times slower if the last axis
    is short. It updates an array in place only if the layout does not change.
    """
    if platform() != "cpu":
        return list(arrays)
    return [a.reshape(-1) if a.ndim > 1 else a for a in arrays]
