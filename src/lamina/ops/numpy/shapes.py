"""Reshaping, transposing, joining and splitting arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lamina.core.budget import check_count
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import op
from lamina.errors import invalid
from lamina.ops.families import family, joined, unary
from lamina.ops.types import Axis, Shape, Tensor, array_of, known_size, operand
from lamina.typing import Array, DTypeLike

__all__ = [
    "append",
    "array_split",
    "broadcast_to",
    "concatenate",
    "diag",
    "diagflat",
    "diagonal",
    "dsplit",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "moveaxis",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "tril",
    "triu",
    "view",
    "vsplit",
    "vstack",
]

Parts = int | Sequence[int]

fliplr = unary(jnp.fliplr, "Reverse the columns of x.")
flipud = unary(jnp.flipud, "Reverse the rows of x.")
ravel = unary(jnp.ravel, "Flatten x to one dimension.")

dstack = joined(jnp.dstack, "Concatenate arrays along the third axis.")
hstack = joined(
    jnp.hstack, "Concatenate arrays along the second axis, or the only one."
)
vstack = joined(jnp.vstack, "Concatenate arrays along the first axis.")


@family(static=["indices_or_sections"])
def _splitting(
    function: Callable[..., list[Array]], x: Tensor, indices_or_sections: Parts
) -> list[Array]:
    """Split an array along an axis that the function determines."""
    check_count(function.__name__, _count_parts(indices_or_sections))
    return function(array_of(x), indices_or_sections)


dsplit = _splitting(jnp.dsplit, "Split x along the third axis, as `split` does.")
hsplit = _splitting(
    jnp.hsplit, "Split x along the second axis, or the only one, as `split` does."
)
vsplit = _splitting(jnp.vsplit, "Split x along the first axis, as `split` does.")


def _count_parts(parts: Parts) -> int:
    return parts if isinstance(parts, int) else len(parts) + 1


@op
def append(x1: Tensor, x2: Tensor, axis: int | None = None) -> Array:
    """Append x2 to x1 along an axis; `None` flattens both first."""
    return jnp.append(array_of(x1), array_of(x2), axis)


@op(static=["indices_or_sections"])
def array_split(x: Tensor, indices_or_sections: Parts, axis: int = 0) -> list[Array]:
    """Split x as `split` does; the parts may differ by one in size."""
    check_count("array_split", _count_parts(indices_or_sections))
    return jnp.array_split(array_of(x), indices_or_sections, axis)


@op(static=["shape"])
def broadcast_to(x: Tensor, shape: Sequence[int]) -> Array:
    """Broadcast x to a shape."""
    return jnp.broadcast_to(array_of(x), shape)


@op
def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Array:
    """Concatenate arrays along an existing axis."""
    return jnp.concatenate([array_of(x) for x in xs], axis)


@op
def diag(x: Tensor, k: int = 0) -> Array:
    """Build a matrix with x on its k-th diagonal, or extract the diagonal of one."""
    return jnp.diag(array_of(x), k)


@op
def diagflat(x: Tensor, k: int = 0) -> Array:
    """Build a matrix with the elements of x on its k-th diagonal."""
    return jnp.diagflat(array_of(x), k)


@op
def diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Extract the diagonals of the matrices that two axes span."""
    return jnp.diagonal(array_of(x), offset, axis1, axis2)


@op(static=["axis"])
def expand_dims(x: Tensor, axis: int | Sequence[int]) -> Array:
    """Insert axes of length 1 at the given positions."""
    return jnp.expand_dims(array_of(x), axis)


@op(static=["axis"])
def flip(x: Tensor, axis: Axis = None) -> Array:
    """Reverse x along one axis, several, or all."""
    return jnp.flip(array_of(x), axis)


@op(static=["source", "destination"])
def moveaxis(
    x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]
) -> Array:
    """Move axes to other positions; the others remain in their order."""
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
    """
    options: dict[str, ArrayLike] = {}
    if constant_values is not None:
        if mode != "constant":
            raise invalid("pad", "mode", mode, "'constant' for `constant_values`")
        options["constant_values"] = operand(constant_values)
    return jnp.pad(array_of(x), pad_width, mode, **options)


@op
def repeat(x: Tensor, repeats: Tensor, axis: int | None = None) -> Array:
    """Repeat each element along an axis; `None` flattens x first."""
    # JAX traces arrays that are made here, and needs the values of `repeats`.
    counts = repeats if isinstance(repeats, Array) else np.asarray(repeats)
    with known_size("repeat", "Pass `repeats` as concrete integers."):
        return jnp.repeat(array_of(x), counts, axis)


@op(static=["newshape"])
def reshape(x: Tensor, newshape: Shape) -> Array:
    """Reshape x.

    Args:
        x: a tensor.
        newshape: one length may be -1, for the remaining elements. An unknown length
            may be `None`, as in `shape`: it stands for -1 or, if -1 is used
            already, for the length of that axis of x.
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
    """Shift elements along an axis; those past the end reappear at the start."""
    return jnp.roll(array_of(x), shift, axis)


@op
def rot90(array: Tensor, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Rotate by 90 degrees, k times, from the first axis towards the second."""
    return jnp.rot90(array_of(array), k, axes)


@op(static=["indices_or_sections"])
def split(x: Tensor, indices_or_sections: Parts, axis: int = 0) -> list[Array]:
    """Split x into equal parts, or at indices."""
    check_count("split", _count_parts(indices_or_sections))
    return jnp.split(array_of(x), indices_or_sections, axis)


@op(static=["axis"])
def squeeze(x: Tensor, axis: Axis = None) -> Array:
    """Remove axes of length 1, either the given ones or all."""
    return jnp.squeeze(array_of(x), axis)


@op
def stack(x: Sequence[Tensor], axis: int = 0) -> Array:
    """Stack arrays along a new axis."""
    return jnp.stack([array_of(v) for v in x], axis)


@op
def swapaxes(x: Tensor, axis1: int, axis2: int) -> Array:
    """Swap two axes of x."""
    return jnp.swapaxes(array_of(x), axis1, axis2)


@op(static=["repeats"])
def tile(x: Tensor, repeats: int | Sequence[int]) -> Array:
    """Repeat x along each axis."""
    return jnp.tile(array_of(x), repeats)


@op(static=["axes"])
def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes of x; by default reverse them."""
    return jnp.transpose(array_of(x), axes)


@op
def tril(x: Tensor, k: int = 0) -> Array:
    """Set the elements above the k-th diagonal of x to zero."""
    return jnp.tril(array_of(x), k)


@op
def triu(x: Tensor, k: int = 0) -> Array:
    """Set the elements below the k-th diagonal of x to zero."""
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
