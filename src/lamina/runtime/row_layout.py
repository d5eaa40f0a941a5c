"""Arrays as rows of numbers, which is how the training loop holds variables."""

from __future__ import annotations

from collections.abc import Iterable

import jax

__all__ = ["as_rows"]


def as_rows(arrays: Iterable[jax.Array]) -> list[jax.Array]:
    """Each array as one row, on a CPU.

    XLA:CPU loops over each axis by itself, up to seven times slower if the last is
    short. Where it changes an array in place, the array must be a row throughout, or
    it is copied.
    """
    if jax.default_backend() != "cpu":
        return list(arrays)
    return [a.reshape(-1) if a.ndim > 1 else a for a in arrays]
