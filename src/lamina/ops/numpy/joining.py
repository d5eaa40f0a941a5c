"""Joining, splitting and repeating arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from lamina.core.graph import op
from lamina.core.untrusted import check_count
from lamina.ops.families import joined
from lamina.ops.types import Tensor, array_of, known_size
from lamina.typing import Array

__all__ = [
    "append",
    "array_split",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "repeat",
    "split",
    "stack",
    "tile",
    "vsplit",
    "vstack",
]

Parts = int | Sequence[int]

dstack = joined(
    jnp.dstack,
    "Concatenate arrays along the third axis.",
    "[[1, 2], [3, 4]] -> [[[1, 3], [2, 4]]]",
)
hstack = joined(
    jnp.hstack,
    "Concatenate arrays along the second axis, or the only one.",
    "[[1, 2], [3]] -> [1, 2, 3]",
)
vstack = joined(
    jnp.vstack,
    "Concatenate arrays along the first axis.",
    "[[1, 2], [3, 4]] -> [[1, 2], [3, 4]]",
)


def _count_parts(parts: Parts) -> int:
    return parts if isinstance(parts, int) else len(parts) + 1


def _split_by(
    function: Callable[..., list[Array]], x: Tensor, parts: Parts
) -> list[Array]:
    check_count(function.__name__, _count_parts(parts))
    return function(array_of(x), parts)


@op(static=["indices_or_sections"])
def dsplit(x: Tensor, indices_or_sections: Parts) -> list[Array]:
    """Split x along the third axis, as `split` does.

    Example:
        >>> [part.tolist() for part in dsplit([[[1, 2]]], 2)]
        [[[[1]]], [[[2]]]]
    """
    return _split_by(jnp.dsplit, x, indices_or_sections)


@op(static=["indices_or_sections"])
def hsplit(x: Tensor, indices_or_sections: Parts) -> list[Array]:
    """Split x along the second axis, or the only one, as `split` does.

    Example:
        >>> [part.tolist() for part in hsplit([[1, 2], [3, 4]], 2)]
        [[[1], [3]], [[2], [4]]]
    """
    return _split_by(jnp.hsplit, x, indices_or_sections)


@op(static=["indices_or_sections"])
def vsplit(x: Tensor, indices_or_sections: Parts) -> list[Array]:
    """Split x along the first axis, as `split` does.

    Example:
        >>> [part.tolist() for part in vsplit([[1, 2], [3, 4]], 2)]
        [[[1, 2]], [[3, 4]]]
    """
    return _split_by(jnp.vsplit, x, indices_or_sections)


@op
def append(x1: Tensor, x2: Tensor, axis: int | None = None) -> Array:
    """Append x2 to x1 along an axis; `None` flattens both first.

    Example:
        >>> append([1, 2], [3]).tolist()
        [1, 2, 3]
    """
    return jnp.append(array_of(x1), array_of(x2), axis)


@op(static=["indices_or_sections"])
def array_split(x: Tensor, indices_or_sections: Parts, axis: int = 0) -> list[Array]:
    """Split x as `split` does; the parts may differ by one in size.

    Example:
        >>> [part.tolist() for part in array_split([1, 2, 3, 4, 5], 2)]
        [[1, 2, 3], [4, 5]]
    """
    check_count("array_split", _count_parts(indices_or_sections))
    return jnp.array_split(array_of(x), indices_or_sections, axis)


@op
def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Array:
    """Concatenate arrays along an existing axis.

    Example:
        >>> concatenate([[1, 2], [3]]).tolist()
        [1, 2, 3]
        >>> concatenate([[[1], [2]], [[3], [4]]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    return jnp.concatenate([array_of(x) for x in xs], axis)


@op
def repeat(x: Tensor, repeats: Tensor, axis: int | None = None) -> Array:
    """Repeat each element along an axis; `None` flattens x first.

    Example:
        >>> repeat([1, 2], 2).tolist()
        [1, 1, 2, 2]
        >>> repeat([1, 2], [1, 3]).tolist()
        [1, 2, 2, 2]
    """
    # JAX traces arrays that are made here, and needs the values of `repeats`.
    counts = repeats if isinstance(repeats, Array) else np.asarray(repeats)
    with known_size("repeat", "Pass `repeats` as concrete integers."):
        return jnp.repeat(array_of(x), counts, axis)


@op(static=["indices_or_sections"])
def split(x: Tensor, indices_or_sections: Parts, axis: int = 0) -> list[Array]:
    """Split x into equal parts, or at indices.

    Example:
        >>> [part.tolist() for part in split([1, 2, 3, 4], 2)]
        [[1, 2], [3, 4]]
        >>> [part.tolist() for part in split([1, 2, 3, 4], [1])]
        [[1], [2, 3, 4]]
    """
    check_count("split", _count_parts(indices_or_sections))
    return jnp.split(array_of(x), indices_or_sections, axis)


@op
def stack(x: Sequence[Tensor], axis: int = 0) -> Array:
    """Stack arrays along a new axis.

    Example:
        >>> stack([[1, 2], [3, 4]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    return jnp.stack([array_of(v) for v in x], axis)


@op(static=["repeats"])
def tile(x: Tensor, repeats: int | Sequence[int]) -> Array:
    """Repeat x along each axis.

    Example:
        >>> tile([1, 2], 2).tolist()
        [1, 2, 1, 2]
    """
    return jnp.tile(array_of(x), repeats)
