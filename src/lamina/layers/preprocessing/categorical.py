"""One-hot, multi-hot and count vectors of categories."""

from __future__ import annotations

from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina.core.check import Check, one_of, positive_int
from lamina.errors import ArgumentError, DataError
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.typing import Array, DTypeLike, PartialShape

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
        return jnp.max(vectors, -2, initial=0)
    if weights is not None:
        vectors = vectors * jnp.asarray(weights, vectors.dtype)[..., None]
    return jnp.sum(vectors, -2)


def encoded_shape(shape: PartialShape, mode: str, depth: int) -> PartialShape:
    """Return the shape of `encode`'s result for indices of a shape."""
    if mode == "int":
        return tuple(shape)
    shape = tuple(shape) or (1,)
    is_column = len(shape) > 1 and shape[-1] == 1
    if mode == "one_hot" and not is_column:
        return (*shape, depth)
    return (*shape[:-1], depth)


class CategoryEncoding(Layer):
    """Encoding of category indices as one-hot, multi-hot or count vectors.

    Args:
        num_tokens: number of categories; indices are 0 to `num_tokens - 1`.
        output_mode: `"multi_hot"` for a vector per row with 1 for each of its
            categories; `"count"` for a vector per row with the count of each
            category; `"one_hot"` for a vector per index.
        sparse: must be false; sparse arrays are not supported.

    Shape:
        (..., n) of integers to (..., num_tokens), or to (..., n, num_tokens) with
        `"one_hot"` if n is not 1.

    Raises:
        DataError: an index is negative or too large. Compiled programs cannot raise
            it, and ignore such an index.

    Example:
        >>> import numpy as np
        >>> CategoryEncoding(4)(np.array([[0, 1], [3, 3]]))
        Array([[1., 1., 0., 0.],
               [0., 0., 0., 1.]], dtype=float32)
    """

    arguments = {
        "num_tokens": positive_int,
        "output_mode": mode_check("multi_hot", "count", "one_hot"),
        "sparse": dense,
    }

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        if num_tokens is None:
            raise ArgumentError("CategoryEncoding needs `num_tokens`.")
        self.num_tokens, self.output_mode = num_tokens, mode_name(output_mode)
        self.sparse = sparse

    def call(self, inputs: Array, count_weights: Array | None = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError(
                f"Layer {self.name!r} (CategoryEncoding): `count_weights` needs "
                f"output_mode='count'. Received: output_mode={self.output_mode!r}."
            )
        inputs = jnp.asarray(inputs)
        if not isinstance(inputs, Tracer) and inputs.size:
            low, high = int(inputs.min()), int(inputs.max())
            if low < 0 or high >= self.num_tokens:
                raise DataError(
                    f"Layer {self.name!r} (CategoryEncoding) takes indices from 0 to "
                    f"num_tokens - 1 = {self.num_tokens - 1}. It got indices from "
                    f"{low} to {high}. Set `num_tokens` to the number of categories."
                )
        dtype = self.compute_dtype
        return encode(inputs, self.output_mode, self.num_tokens, dtype, count_weights)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {k: v for k, v in super().get_config().items() if k != "sparse"}
