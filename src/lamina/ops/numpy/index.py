"""Indexing, scatter and gather, sorting and searching."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina.core.check import is_int, require_dense
from lamina.core.graph import op
from lamina.errors import ArgumentTypeError, ShapeError, invalid, shown
from lamina.ops.types import Tensor, array_of, known_size, operand
from lamina.typing import Array

__all__ = [
    "argpartition",
    "argsort",
    "bincount",
    "digitize",
    "get_item",
    "histogram",
    "nonzero",
    "searchsorted",
    "select",
    "sort",
    "take",
    "take_along_axis",
    "unique",
    "unravel_index",
    "where",
]

_WHERE = "Use `where(condition, x1, x2)`, whose size is known."


@op
def argpartition(x: Tensor, kth: int, axis: int | None = -1) -> Array:
    """Return indices that move the `kth` smallest element to its sorted position.

    Smaller elements come before it and larger ones after it, in any order. `axis=None`
    flattens x first.

    Example:
        >>> int(argpartition([30, 10, 20], kth=0)[0])
        1
    """
    x = array_of(x)
    return jnp.argpartition(x.ravel() if axis is None else x, kth, axis or 0)


@op
def argsort(x: Tensor, axis: int = -1) -> Array:
    """Return the indices that sort x.

    Example:
        >>> argsort([30, 10, 20]).tolist()
        [1, 2, 0]
    """
    x = array_of(x)
    return jnp.argsort(x, axis if x.ndim else None)


@op
def bincount(
    x: Tensor,
    weights: Tensor | None = None,
    minlength: int = 0,
    sparse: bool = False,
) -> Array:
    """Count the occurrences of each integer, or sum their weights.

    Args:
        x: non-negative integers, one row or a batch of rows.
        weights: weight of each occurrence, in the shape of x.
        minlength: minimum length of the result; its exact length inside a model or a
            compiled function, where x is not known.
        sparse: must be False; arrays are dense.

    Raises:
        ArgumentError: x is not known, and `minlength` is not given.

    Example:
        >>> bincount([0, 2, 2]).tolist()
        [1, 0, 2]
    """
    require_dense("bincount", sparse)
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
    """Return the index of the bin of each element, for increasing `bins`.

    Example:
        >>> digitize([0.5, 1.0, 7.0], bins=[1.0, 5.0]).tolist()
        [0, 1, 2]
    """
    return jnp.digitize(array_of(x), jnp.asarray(bins))


@op
def get_item(x: Tensor, key: object) -> Array:
    """Return x[key].

    Example:
        >>> get_item([[1, 2], [3, 4]], (0, 1)).tolist()
        2
    """
    with known_size("get_item", "Use `where(mask, x, 0)`, whose size is known."):
        return array_of(x)[tuple(key) if isinstance(key, list) else key]


@op
def histogram(
    x: Tensor, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[Array, Array]:
    """Count the elements in bins of equal width.

    Args:
        x: (n,).
        bins: number of bins.
        range: the lowest and the highest edge; `None` for the extrema of x.

    Returns:
        The counts, (bins,), and the edges, (bins + 1,).

    Raises:
        ArgumentError: `bins`, `range` or the rank of x is not valid.
        ArgumentTypeError: `bins` is not an integer.

    Example:
        >>> counts, edges = histogram([0.5, 1.5, 1.5, 3.5], bins=4, range=(0, 4))
        >>> counts.tolist(), edges.tolist()
        ([1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 2.0, 3.0, 4.0])
    """
    if not is_int(bins):
        raise ArgumentTypeError(
            f"histogram: `bins` must be an integer. Received: bins={shown(bins)}."
        )
    if bins < 0:
        raise invalid("histogram", "bins", bins, "at least 0")
    if range is not None and (len(range) != 2 or range[1] < range[0]):
        raise invalid(
            "histogram", "range", range, "a pair (low, high) with low <= high"
        )
    x = array_of(x)
    if x.ndim > 1:
        raise ShapeError(f"histogram: `x` must have rank 1. Received: shape {x.shape}.")
    counts, edges = jnp.histogram(x, bins, range)
    return counts, edges


@op
def nonzero(x: Tensor) -> tuple[Array, ...]:
    """Return the indices of the elements that are not 0, an array for each axis.

    Their number depends on the values, so this does not work inside models and compiled
    functions; `where` with three arguments does.

    Example:
        >>> rows, columns = nonzero([[0, 5], [7, 0]])
        >>> rows.tolist(), columns.tolist()
        ([0, 1], [1, 0])
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

    Example:
        >>> searchsorted([10, 20, 30], [15, 20]).tolist()
        [1, 1]
    """
    return jnp.searchsorted(array_of(sorted_sequence), array_of(values), side)


@op
def select(
    condlist: Sequence[Tensor], choicelist: Sequence[Tensor], default: Tensor = 0
) -> Array:
    """Select from the first choice whose condition is true, else `default`.

    Example:
        >>> x = jnp.arange(5)
        >>> select([x < 2, x > 3], [x, x * 10], default=-1).tolist()
        [0, 1, -1, -1, 40]
    """
    conditions = [array_of(c) for c in condlist]
    choices = [array_of(c) for c in choicelist]
    return jnp.select(conditions, choices, operand(default))


@op
def sort(x: Tensor, axis: int = -1) -> Array:
    """Sort x in increasing order along an axis.

    Example:
        >>> sort([3, 1, 2]).tolist()
        [1, 2, 3]
    """
    return jnp.sort(array_of(x), axis)


@op
def take(x: Tensor, indices: Tensor, axis: int | None = None) -> Array:
    """Take elements at indices along an axis; `None` flattens x first.

    Negative indices count from the end. Indices out of range give NaN, or the smallest
    integer.

    Example:
        >>> take([10, 20, 30], [2, 0]).tolist()
        [30, 10]
    """
    return jnp.take(array_of(x), array_of(indices), axis)


@op
def take_along_axis(x: Tensor, indices: Tensor, axis: int | None = None) -> Array:
    """Take elements by an array of indices along an axis.

    Example:
        >>> take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).tolist()
        [[20], [30]]
    """
    return jnp.take_along_axis(array_of(x), array_of(indices), axis)


@op
def unique(
    x: Tensor,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Tensor | None = None,
) -> Any:
    """Return the distinct elements, or slices along an axis.

    Each NaN counts as distinct.

    Args:
        x: any array.
        sorted: whether to sort them; otherwise the order is not specified.
        return_index: whether to return the index of each one's first occurrence too.
        return_inverse: whether to return the indices that restore x too.
        return_counts: whether to return the number of occurrences too.
        axis: axis of the slices; `None` flattens x first.
        size: length of the result, which is cut or filled to it. Needed where the
            values of x are not known.
        fill_value: fills the result; `None` for the smallest element.

    Example:
        >>> values, counts = unique([3, 1, 3], return_counts=True)
        >>> values.tolist(), counts.tolist()
        ([1, 3], [1, 2])
    """
    with known_size("unique", "Pass `size`, the length of the result."):
        return jnp.unique(
            array_of(x),
            return_index=return_index,
            return_inverse=return_inverse,
            return_counts=return_counts,
            axis=axis,
            equal_nan=False,
            size=size,
            fill_value=None if fill_value is None else operand(fill_value),
            sorted=sorted,
        )


@op(static=["shape"])
def unravel_index(indices: Tensor, shape: Sequence[int]) -> tuple[Array, ...]:
    """Convert indices of a flat array to indices along each axis of a shape.

    Example:
        >>> [int(i) for i in unravel_index(5, (3, 3))]
        [1, 2]
    """
    return jnp.unravel_index(array_of(indices), tuple(shape))


@op
def where(condition: Tensor, x1: Tensor | None = None, x2: Tensor | None = None) -> Any:
    """Select x1 where the condition is true, else x2.

    Without x1 and x2, return the indices of true elements, as `nonzero` does.

    Example:
        >>> where([True, False, True], [1, 2, 3], 0).tolist()
        [1, 0, 3]
    """
    if x1 is None or x2 is None:
        with known_size("where", _WHERE):
            return jnp.nonzero(array_of(condition))
    return jnp.where(array_of(condition), operand(x1), operand(x2))
