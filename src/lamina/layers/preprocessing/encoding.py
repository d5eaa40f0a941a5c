"""One-hot, multi-hot and count encoding of indices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.check import Check, one_of
from lamina.typing import Array, DTypeLike

dense = Check("False: sparse arrays are not supported", lambda v: not v, (True,))


def mode_check(*modes: str) -> Check:
    """Check for an output mode; `"binary"`, Keras 2's `"multi_hot"`, is accepted."""
    check = one_of(*modes)
    accepts = one_of(*modes, "binary").accepts
    return check._replace(accepts=accepts)


def mode_name(mode: str) -> str:
    """Return an output mode in lower case, by its name in Keras 3."""
    mode = mode.lower()
    return "multi_hot" if mode == "binary" else mode


def encode(
    indices: Array,
    mode: str,
    depth: int,
    dtype: DTypeLike,
    weights: Array | None = None,
) -> Array:
    """Encode category indices.

    Args:
        indices: integers from 0 to `depth - 1`; others are ignored.
        mode: `"int"` for the indices themselves, `"one_hot"` for a vector per index,
            `"multi_hot"` and `"count"` for a vector per row.
        depth: number of categories.
        dtype: element type of the vectors.
        weights: weight of each index, in mode `"count"`.

    Shape:
        (..., n) to the same shape in mode `"int"`, to (..., n, depth), or (..., depth)
        if n is 1, in mode `"one_hot"`, and to (..., depth) in the others.
    """
    indices = indices.astype(jnp.int32)
    if mode == "int":
        return indices
    indices = jnp.atleast_1d(indices)
    if mode == "one_hot" and indices.ndim > 1 and indices.shape[-1] == 1:
        indices = indices[..., 0]
    vectors = jax.nn.one_hot(indices, depth, dtype=dtype)
    if mode == "one_hot":
        return vectors
    if mode == "multi_hot":
        return jnp.max(vectors, -2)
    if weights is not None:
        vectors = vectors * weights[..., None].astype(vectors.dtype)
    return jnp.sum(vectors, -2)
