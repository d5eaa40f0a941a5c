"""Functions of `tensorflow.ragged`, of rows of different lengths."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.ragged import (
    RaggedTensor,
    constant_rows,
    map_flat_values,
    ragged,
)
from lamina.typing import ArrayLike

__all__ = ["RaggedTensor", "constant", "map_flat_values", "range", "stack"]
constant = constant_rows
stack = ragged


def range(
    starts: ArrayLike, limits: ArrayLike | None = None, deltas: ArrayLike = 1
) -> RaggedTensor:
    """Return a row of numbers from each start to its limit; from 0 without limits."""
    first, last = (0, starts) if limits is None else (starts, limits)
    rows = np.broadcast_arrays(np.atleast_1d(first), last, deltas)
    return RaggedTensor([jnp.arange(*row) for row in zip(*rows, strict=True)])
