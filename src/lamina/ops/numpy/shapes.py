"""Reshaping, transposing, reversing and padding arrays."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax.typing import ArrayLike

from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import op
from lamina.errors import invalid
from lamina.ops.families import unary
from lamina.ops.types import Axis, Shape, Tensor, array_of, operand
from lamina.typing import Array, DTypeLike

__all__ = [
    "broadcast_to",
    "diag",
    "diagflat",
    "diagonal",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "pad",
    "ravel",
    "reshape",
    "roll",
    "rot90",
    "squeeze",
    "swapaxes",
    "transpose",
    "tril",
    "triu",
    "view",
]


fliplr = unary(
    jnp.fliplr,
    "Reverse the columns of x.",
    "[[1, 2, 3], [4, 5, 6]] -> [[3, 2, 1], [6, 5, 4]]",
)
flipud = unary(
    jnp.flipud, "Reverse the rows of x.", "[[1, 2], [3, 4]] -> [[3, 4], [1, 2]]"
)
ravel = unary(
    jnp.ravel, "Flatten x to one dimension.", "[[1, 2], [3, 4]] -> [1, 2, 3, 4]"
)


@op(static=["shape"])
def broadcast_to(x: Tensor, shape: Sequence[int]) -> Array:
    """Broadcast x to a shape.

    Example:
        >>> broadcast_to([1, 2], (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    return jnp.broadcast_to(array_of(x), shape)


@op
def diag(x: Tensor, k: int = 0) -> Array:
    """Build a matrix with x on its k-th diagonal, or extract the diagonal of one.

    Example:
        >>> diag([1, 2]).tolist()
        [[1, 0], [0, 2]]
        >>> diag([[1, 2], [3, 4]]).tolist()
        [1, 4]
    """
    return jnp.diag(array_of(x), k)


@op
def diagflat(x: Tensor, k: int = 0) -> Array:
    """Build a matrix with the elements of x on its k-th diagonal.

    Example:
        >>> diagflat([[1, 2]]).tolist()
        [[1, 0], [0, 2]]
    """
    return jnp.diagflat(array_of(x), k)


@op
def diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Extract the diagonals of the matrices that two axes span.

    Example:
        >>> diagonal([[1, 2], [3, 4]]).tolist()
        [1, 4]
    """
    return jnp.diagonal(array_of(x), offset, axis1, axis2)


@op(static=["axis"])
def expand_dims(x: Tensor, axis: int | Sequence[int]) -> Array:
    """Insert axes of length 1 at the given positions.

    Example:
        >>> expand_dims([1, 2], axis=1).tolist()
        [[1], [2]]
    """
    return jnp.expand_dims(array_of(x), axis)


@op(static=["axis"])
def flip(x: Tensor, axis: Axis = None) -> Array:
    """Reverse x along one axis, several, or all.

    Example:
        >>> flip([[1, 2], [3, 4]], axis=1).tolist()
        [[2, 1], [4, 3]]
    """
    return jnp.flip(array_of(x), axis)


@op(static=["source", "destination"])
def moveaxis(
    x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]
) -> Array:
    """Move axes to other positions; the others remain in their order.

    Example:
        >>> moveaxis(jnp.ones((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    return jnp.moveaxis(array_of(x), source, destination)


@op
def pad(
    x: Tensor,
    pad_width: int | Sequence[int] | Sequence[Sequence[int]],
    mode: str = "constant",
    constant_values: Tensor | None = None,
) -> Array:
    """Pad x along each axis.

    Args:
        x: any array.
        pad_width: a pair (before, after) for each axis, or one for all of them.
        mode: "constant", "reflect", "symmetric", "edge" or another of `jnp.pad`.
        constant_values: value of a "constant" padding; 0 by default.

    Raises:
        ArgumentError: `constant_values` is given with another mode.

    Example:
        >>> pad([1, 2], (1, 2)).tolist()
        [0, 1, 2, 0, 0]
        >>> pad([1, 2, 3], 1, mode="reflect").tolist()
        [2, 1, 2, 3, 2]
    """
    options: dict[str, ArrayLike] = {}
    if constant_values is not None:
        if mode != "constant":
            raise invalid("pad", "mode", mode, "'constant' for `constant_values`")
        options["constant_values"] = operand(constant_values)
    return jnp.pad(array_of(x), pad_width, mode, **options)


@op(static=["newshape"])
def reshape(x: Tensor, newshape: Shape) -> Array:
    """Reshape x.

    Args:
        x: a tensor.
        newshape: one length may be -1, for the remaining elements. An unknown length
            may be `None`, as in `shape`: it stands for -1 or, if -1 is used
            already, for the length of that axis of x.

    Example:
        >>> reshape([1, 2, 3, 4], (2, -1)).tolist()
        [[1, 2], [3, 4]]
    """
    x = array_of(x)
    if isinstance(newshape, (list, tuple)) and None in newshape:
        lengths = x.shape if -1 in newshape else [-1] * len(newshape)
        newshape = [lengths[i] if n is None else n for i, n in enumerate(newshape)]
    return jnp.reshape(x, newshape)


@op(static=["shift", "axis"])
def roll(
    x: Tensor, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Array:
    """Shift elements along an axis; those past the end reappear at the start.

    Example:
        >>> roll([1, 2, 3, 4], 1).tolist()
        [4, 1, 2, 3]
    """
    return jnp.roll(array_of(x), shift, axis)


@op
def rot90(array: Tensor, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Rotate by 90 degrees, k times, from the first axis towards the second.

    Example:
        >>> rot90([[1, 2], [3, 4]]).tolist()
        [[2, 4], [1, 3]]
    """
    return jnp.rot90(array_of(array), k, axes)


@op(static=["axis"])
def squeeze(x: Tensor, axis: Axis = None) -> Array:
    """Remove axes of length 1, either the given ones or all.

    Example:
        >>> squeeze([[[1], [2]]]).tolist()
        [1, 2]
    """
    return jnp.squeeze(array_of(x), axis)


@op
def swapaxes(x: Tensor, axis1: int, axis2: int) -> Array:
    """Swap two axes of x.

    Example:
        >>> swapaxes(jnp.ones((2, 3, 4)), 0, 2).shape
        (4, 3, 2)
    """
    return jnp.swapaxes(array_of(x), axis1, axis2)


@op(static=["axes"])
def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes of x; by default reverse them.

    Example:
        >>> transpose([[1, 2], [3, 4]]).tolist()
        [[1, 3], [2, 4]]
        >>> transpose(jnp.ones((2, 3, 4)), (0, 2, 1)).shape
        (2, 4, 3)
    """
    return jnp.transpose(array_of(x), axes)


@op
def tril(x: Tensor, k: int = 0) -> Array:
    """Set the elements above the k-th diagonal of x to zero.

    Example:
        >>> tril([[1, 2], [3, 4]]).tolist()
        [[1, 0], [3, 4]]
    """
    return jnp.tril(array_of(x), k)


@op
def triu(x: Tensor, k: int = 0) -> Array:
    """Set the elements below the k-th diagonal of x to zero.

    Example:
        >>> triu([[1, 2], [3, 4]]).tolist()
        [[1, 2], [0, 4]]
    """
    return jnp.triu(array_of(x), k)


@op
def view(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Reinterpret the bytes of x as another element type.

    Args:
        x: any array.
        dtype: if its size differs, the length of the last axis changes. `None` for the
            element type of x.

    Example:
        >>> view(jnp.array([1.0]), "int32").tolist()
        [1065353216]
    """
    x = array_of(x)
    return x if dtype is None else x.view(standardize_dtype(dtype))
