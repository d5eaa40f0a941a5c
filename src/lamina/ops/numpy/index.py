"""Indexing, scatter and gather, sorting and searching."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina.core.graph import op
from lamina.ops.types import Tensor, array_of, known_size, operand
from lamina.typing import Array

__all__ = [
    "argsort",
    "bincount",
    "digitize",
    "get_item",
    "nonzero",
    "searchsorted",
    "select",
    "sort",
    "take",
    "take_along_axis",
    "where",
]

_WHERE = "Use `where(condition, x1, x2)`, whose size is known."


@op
def argsort(x: Tensor, axis: int = -1) -> Array:
    """Return the indices that sort x."""
    x = array_of(x)
    return jnp.argsort(x, axis if x.ndim else None)


@op
def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Array:
    """Count the occurrences of each integer, or sum their weights.

    Args:
        x: non-negative integers, one row or a batch of rows.
        weights: weight of each occurrence, in the shape of x.
        minlength: minimum length of the result; its exact length inside a model or a
            compiled function, where x is not known.

    Raises:
        ArgumentError: x is not known, and `minlength` is not given.
    """
    x = array_of(x)
    weights = None if weights is None else array_of(weights)
    length = minlength
    if x.size and not (isinstance(x, Tracer) and minlength):
        with known_size("bincount", "Pass `minlength`, larger than every integer."):
            length = builtins.max(minlength, int(x.max()) + 1)

    def count(row: Array, weight: Array | None) -> Array:
        return jnp.bincount(row, weight, length=length)

    return count(x, weights) if x.ndim == 1 else jax.vmap(count)(x, weights)


@op
def digitize(x: Tensor, bins: Sequence[float]) -> Array:
    """Return the index of the bin of each element, for increasing `bins`."""
    return jnp.digitize(array_of(x), jnp.asarray(bins))


@op
def get_item(x: Tensor, key: Any) -> Array:
    """Return x[key]."""
    with known_size("get_item", "Use `where(mask, x, 0)`, whose size is known."):
        return array_of(x)[tuple(key) if isinstance(key, list) else key]


@op
def nonzero(x: Tensor) -> tuple[Array, ...]:
    """Return the indices of the elements that are not 0, an array for each axis.

    Their number depends on the values, so this does not work inside models and compiled
    functions; `where` with three arguments does.
    """
    with known_size("nonzero", _WHERE):
        return jnp.nonzero(array_of(x))


@op
def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Array:
    """Return the indices that insert values into a sorted sequence.

    Args:
        sorted_sequence: 1D, in increasing order.
        values: any array.
        side: "left" to insert before equal elements, "right" after them.
    """
    return jnp.searchsorted(array_of(sorted_sequence), array_of(values), side)


@op
def select(
    condlist: Sequence[Tensor], choicelist: Sequence[Tensor], default: Tensor = 0
) -> Array:
    """Select from the first choice whose condition is true, else `default`."""
    conditions = [array_of(c) for c in condlist]
    choices = [array_of(c) for c in choicelist]
    return jnp.select(conditions, choices, operand(default))


@op
def sort(x: Tensor, axis: int = -1) -> Array:
    """Sort x in increasing order along an axis."""
    return jnp.sort(array_of(x), axis)


@op
def take(x: Tensor, indices: Tensor, axis: int | None = None) -> Array:
    """Take elements at indices along an axis; `None` flattens x first.

    Negative indices count from the end. Indices out of range give NaN, or the smallest
    integer.
    """
    return jnp.take(array_of(x), array_of(indices), axis)


@op
def take_along_axis(x: Tensor, indices: Tensor, axis: int | None = None) -> Array:
    """Take elements by an array of indices along an axis."""
    return jnp.take_along_axis(array_of(x), array_of(indices), axis)


@op
def where(condition: Tensor, x1: Tensor | None = None, x2: Tensor | None = None) -> Any:
    """Select x1 where the condition is true, else x2.

    Without x1 and x2, return the indices of true elements, as `nonzero` does.
    """
    if x1 is None or x2 is None:
        with known_size("where", _WHERE):
            return jnp.nonzero(array_of(condition))
    return jnp.where(array_of(condition), operand(x1), operand(x2))
