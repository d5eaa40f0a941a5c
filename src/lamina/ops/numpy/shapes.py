"""Arrays put into another shape or order, cut and joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.budget import check_count
from lamina.core.graph import op
from lamina.errors import ArgumentError
from lamina.ops.types import Axis, Shape, Tensor, array_of, known_size, operand

__all__ = [
    "append",
    "array_split",
    "broadcast_to",
    "concatenate",
    "diag",
    "diagonal",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
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
    "unstack",
    "vstack",
]

Parts = int | Sequence[int]


def _number_of(parts: Parts) -> int:
    return parts if isinstance(parts, int) else len(parts) + 1


@op
def append(x1: Tensor, x2: Tensor, axis: int | None = None) -> jax.Array:
    """x2 after x1, along an axis or, both flattened, along none."""
    return jnp.append(array_of(x1), array_of(x2), axis)


@op
def array_split(
    x: Tensor, indices_or_sections: Parts, axis: int = 0
) -> list[jax.Array]:
    """As `split`; the parts may differ by one in size."""
    check_count("array_split", _number_of(indices_or_sections))
    return jnp.array_split(array_of(x), indices_or_sections, axis)


@op
def broadcast_to(x: Tensor, shape: Sequence[int]) -> jax.Array:
    """x, repeated along axes of length 1 and new ones in front."""
    return jnp.broadcast_to(array_of(x), shape)


@op
def concatenate(xs: Sequence[Tensor], axis: int = 0) -> jax.Array:
    """Arrays one after another along an axis they have."""
    return jnp.concatenate([array_of(x) for x in xs], axis)


@op
def diag(x: Tensor, k: int = 0) -> jax.Array:
    """A matrix with x on its k-th diagonal; of a matrix, that diagonal."""
    return jnp.diag(array_of(x), k)


@op
def diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> jax.Array:
    """The diagonals of the matrices that two axes span."""
    return jnp.diagonal(array_of(x), offset, axis1, axis2)


@op
def dstack(xs: Sequence[Tensor]) -> jax.Array:
    """Arrays behind one another: along a third axis."""
    return jnp.dstack([array_of(x) for x in xs])


@op
def expand_dims(x: Tensor, axis: int | Sequence[int]) -> jax.Array:
    """x with a new axis of length 1 at each place named."""
    return jnp.expand_dims(array_of(x), axis)


@op
def flip(x: Tensor, axis: Axis = None) -> jax.Array:
    """x in reverse order along one axis, several, or all."""
    return jnp.flip(array_of(x), axis)


@op
def fliplr(x: Tensor) -> jax.Array:
    """The columns of x in reverse order."""
    return jnp.fliplr(array_of(x))


@op
def flipud(x: Tensor) -> jax.Array:
    """The rows of x in reverse order."""
    return jnp.flipud(array_of(x))


@op
def hstack(xs: Sequence[Tensor]) -> jax.Array:
    """Arrays side by side: along the second axis, or the only one."""
    return jnp.hstack([array_of(x) for x in xs])


@op
def moveaxis(
    x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]
) -> jax.Array:
    """x with axes moved to other places, the rest in their order."""
    return jnp.moveaxis(array_of(x), source, destination)


@op
def pad(
    x: Tensor,
    pad_width: Any,
    mode: str = "constant",
    constant_values: Tensor | None = None,
) -> jax.Array:
    """x with a border.

    Args:
        x: any array.
        pad_width: a pair (before, after) for each axis, or one for all of them.
        mode: "constant", "reflect", "symmetric", "edge" or another of `jnp.pad`.
        constant_values: what a "constant" border is made of; 0 by default.

    Raises:
        ArgumentError: `constant_values` is given with another mode.
    """
    if constant_values is None:
        return jnp.pad(array_of(x), pad_width, mode)
    if mode != "constant":
        raise ArgumentError(
            f"pad: `constant_values` works with mode='constant' only. Received: "
            f"mode={mode!r}."
        )
    return jnp.pad(
        array_of(x), pad_width, mode, constant_values=operand(constant_values)
    )


@op
def ravel(x: Tensor) -> jax.Array:
    """x as one long row."""
    return jnp.ravel(array_of(x))


@op
def repeat(x: Tensor, repeats: Tensor, axis: int | None = None) -> jax.Array:
    """Each element `repeats` times in a row, along an axis or, flattened, none."""
    with known_size("repeat", "Give `repeats` as numbers."):
        return jnp.repeat(array_of(x), operand(repeats), axis)


@op
def reshape(x: Tensor, newshape: Shape) -> jax.Array:
    """The same elements in another shape.

    Args:
        x: a tensor.
        newshape: one length may be -1, for the rest, and one may be `None`, as
            `shape` has it for what is not known: it is -1 too, or if that is taken,
            what x has at that place.
    """
    x = array_of(x)
    if isinstance(newshape, (list, tuple)) and None in newshape:
        own = x.shape if -1 in newshape else [-1] * len(newshape)
        newshape = [own[i] if n is None else n for i, n in enumerate(newshape)]
    return jnp.reshape(x, newshape)


@op
def roll(
    x: Tensor, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> jax.Array:
    """Elements moved `shift` places on; those pushed out come in on the other side."""
    return jnp.roll(array_of(x), shift, axis)


@op
def rot90(array: Tensor, k: int = 1, axes: tuple[int, int] = (0, 1)) -> jax.Array:
    """A quarter turn, k times, from the first axis towards the second."""
    return jnp.rot90(array_of(array), k, axes)


@op
def split(x: Tensor, indices_or_sections: Parts, axis: int = 0) -> list[jax.Array]:
    """The parts of x: so many equal ones, or those between indices."""
    check_count("split", _number_of(indices_or_sections))
    return jnp.split(array_of(x), indices_or_sections, axis)


@op
def squeeze(x: Tensor, axis: Axis = None) -> jax.Array:
    """x without the axes named, or without any, of length 1."""
    return jnp.squeeze(array_of(x), axis)


@op
def stack(x: Sequence[Tensor], axis: int = 0) -> jax.Array:
    """Arrays one after another along a new axis."""
    return jnp.stack([array_of(v) for v in x], axis)


@op
def swapaxes(x: Tensor, axis1: int, axis2: int) -> jax.Array:
    """x with two axes exchanged."""
    return jnp.swapaxes(array_of(x), axis1, axis2)


@op
def tile(x: Tensor, repeats: int | Sequence[int]) -> jax.Array:
    """Copies of x side by side, so many along each axis."""
    return jnp.tile(array_of(x), repeats)


@op
def transpose(x: Tensor, axes: Sequence[int] | None = None) -> jax.Array:
    """x with its axes in another order, by default the reverse one."""
    return jnp.transpose(array_of(x), axes)


@op
def tril(x: Tensor, k: int = 0) -> jax.Array:
    """x on and below its k-th diagonal, zeros above."""
    return jnp.tril(array_of(x), k)


@op
def triu(x: Tensor, k: int = 0) -> jax.Array:
    """x on and above its k-th diagonal, zeros below."""
    return jnp.triu(array_of(x), k)


@op
def unstack(x: Tensor, num: int | None = None, axis: int = 0) -> list[jax.Array]:
    """The slices of x along an axis.

    Args:
        x: any array.
        num: how many there are, where only the caller knows.
        axis: which axis.
    """
    slices = jnp.moveaxis(array_of(x), axis, 0)
    count = len(slices) if num is None else num
    check_count("unstack", count)
    return [slices[i] for i in range(count)]


@op
def vstack(xs: Sequence[Tensor]) -> jax.Array:
    """Arrays one below another: along the first axis."""
    return jnp.vstack([array_of(x) for x in xs])
