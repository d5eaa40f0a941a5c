"""Indexing, scatter and gather, sorting and searching."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer

from lamina.core.check import check_arguments, one_of, optional
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.types import Tensor, array_of, known_size, operand
from lamina.typing import Array

__all__ = [
    "argsort",
    "bincount",
    "digitize",
    "get_item",
    "in_top_k",
    "nonzero",
    "scatter",
    "scatter_update",
    "searchsorted",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "select",
    "slice",
    "slice_update",
    "sort",
    "take",
    "take_along_axis",
    "top_k",
    "where",
]

_REDUCTIONS = {"reduction": optional(one_of("add", "max", "min", "mul"))}
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
def in_top_k(targets: Tensor, predictions: Tensor, k: int) -> Array:
    """Return whether each row's target is among its k highest predictions.

    Ties with the k-th prediction count as hits.

    Example:
        >>> in_top_k([2, 0], [[0.1, 0.5, 0.4], [0.2, 0.5, 0.3]], k=2).tolist()
        [True, False]
    """
    targets, predictions = array_of(targets).astype("int32"), array_of(predictions)
    chosen = jnp.take_along_axis(predictions, targets[..., None], axis=-1)
    higher = jnp.sum(predictions > chosen, axis=-1)
    return (higher < k) & ~jnp.isnan(chosen[..., 0])


@op
def nonzero(x: Tensor) -> tuple[Array, ...]:
    """Return the indices of the elements that are not 0, an array for each axis.

    Their number depends on the values, so this does not work inside models and compiled
    functions; `where` with three arguments does.
    """
    with known_size("nonzero", _WHERE):
        return jnp.nonzero(array_of(x))


@op(static=["shape"])
def scatter(indices: Tensor, values: Tensor, shape: Sequence[int]) -> Array:
    """Add values at indices of an array of zeros.

    Args:
        indices: (n, k) integers; each row points into the first k axes.
        values: (n, ...), one for each row.
        shape: shape of the result.

    Example:
        >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,)).tolist()
        [1.0, 0.0, 5.0, 0.0]
    """
    values = array_of(values)
    return jnp.zeros(shape, values.dtype).at[_indices_by_axis(indices)].add(values)


@op
def scatter_update(
    inputs: Tensor, indices: Tensor, updates: Tensor, reduction: str | None = None
) -> Array:
    """Return a copy of `inputs` with updates at indices.

    Args:
        inputs: any array.
        indices: (n, k) integers; each row points into the first k axes.
        updates: (n, ...), one for each row.
        reduction: "add", "max", "min" or "mul" combines with the current value;
            `None` replaces it.
    """
    check_arguments("scatter_update", _REDUCTIONS, {"reduction": reduction})
    target = array_of(inputs).at[_indices_by_axis(indices)]
    method = "set" if reduction is None else reduction.lower()
    return getattr(target, method)(array_of(updates))


def _indices_by_axis(indices: Tensor) -> tuple[Array, ...]:
    return tuple(jnp.moveaxis(array_of(indices), -1, 0))


@op
def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Array:
    """Return the indices that insert values into a sorted sequence.

    Args:
        sorted_sequence: 1D, in increasing order.
        values: any array.
        side: "left" to insert before equal elements, "right" after them.
    """
    return jnp.searchsorted(array_of(sorted_sequence), array_of(values), side)


def _segments(
    function: Callable[..., Array],
    data: Tensor,
    segment_ids: Tensor,
    number: int | None,
    is_sorted: bool,
) -> Array:
    data, ids = array_of(data), array_of(segment_ids)
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ShapeError(
            f"{function.__name__}: `segment_ids` must have one integer for each row of "
            f"`data`. Received: shapes {ids.shape} and {data.shape}."
        )
    if number is None:
        with known_size(function.__name__, "Pass `num_segments`."):
            number = int(ids.max()) + 1
    return function(data, ids, number, indices_are_sorted=is_sorted)


@op
def segment_max(
    data: Tensor,
    segment_ids: Tensor,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Compute the maximum of each segment; arguments are as in `segment_sum`."""
    return _segments(jax.ops.segment_max, data, segment_ids, num_segments, sorted)


@op
def segment_min(
    data: Tensor,
    segment_ids: Tensor,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Compute the minimum of each segment; arguments are as in `segment_sum`."""
    return _segments(jax.ops.segment_min, data, segment_ids, num_segments, sorted)


@op
def segment_prod(
    data: Tensor,
    segment_ids: Tensor,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Compute the product of each segment; arguments are as in `segment_sum`."""
    return _segments(jax.ops.segment_prod, data, segment_ids, num_segments, sorted)


@op
def segment_sum(
    data: Tensor,
    segment_ids: Tensor,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Compute the sum of each segment.

    Args:
        data: rows along the first axis.
        segment_ids: the segment of each row, from 0.
        num_segments: number of segments; `None` counts them, outside compiled
            functions.
        sorted: whether `segment_ids` is in increasing order, which may be faster.

    Example:
        >>> segment_sum([1.0, 2.0, 3.0], [0, 0, 1]).tolist()
        [3.0, 3.0]
    """
    return _segments(jax.ops.segment_sum, data, segment_ids, num_segments, sorted)


@op
def select(
    condlist: Sequence[Tensor], choicelist: Sequence[Tensor], default: Tensor = 0
) -> Array:
    """Select from the first choice whose condition is true, else `default`."""
    conditions = [array_of(c) for c in condlist]
    choices = [array_of(c) for c in choicelist]
    return jnp.select(conditions, choices, operand(default))


@op(static=["shape"])
def slice(
    inputs: Tensor, start_indices: Sequence[int] | Array, shape: Sequence[int]
) -> Array:
    """Return the block that starts at `start_indices`.

    Args:
        inputs: any array.
        start_indices: an index for each axis; may be traced.
        shape: length along each axis, a static size; -1 for the rest of the axis.
    """
    x = array_of(inputs)
    lengths = [
        x.shape[i] - int(start_indices[i]) if length == -1 else length
        for i, length in enumerate(shape)
    ]
    return lax.dynamic_slice(x, list(start_indices), lengths)


@op
def slice_update(
    inputs: Tensor, start_indices: Sequence[int] | Array, updates: Tensor
) -> Array:
    """Return a copy of `inputs` with the block at `start_indices` replaced."""
    x = array_of(inputs)
    new = array_of(updates).astype(x.dtype)
    return lax.dynamic_update_slice(x, new, list(start_indices))


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
def top_k(x: Tensor, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """Return the k largest elements of the last axis, and their indices.

    They are always in decreasing order, whatever `sorted` is.
    """
    values, indices = lax.top_k(array_of(x), k)
    return values, indices


@op
def where(condition: Tensor, x1: Tensor | None = None, x2: Tensor | None = None) -> Any:
    """Select x1 where the condition is true, else x2.

    Without x1 and x2, return the indices of true elements, as `nonzero` does.
    """
    if x1 is None or x2 is None:
        with known_size("where", _WHERE):
            return jnp.nonzero(array_of(condition))
    return jnp.where(array_of(condition), operand(x1), operand(x2))
