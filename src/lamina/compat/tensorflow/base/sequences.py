"""Functions of `tensorflow` for sequences, segments and histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.tensorflow.base.declare import array_op
from lamina.compat.tensorflow.base.tensors import constant, dtype_of
from lamina.core.graph import op
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, DTypeLike

Name = str | None


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: Name = None,
) -> Any:
    """Reverse the first `seq_lengths` items of each sequence, and no others."""
    times, batch = seq_axis or 0, batch_axis or 0

    @op
    def reversed_items(x: Array, lengths: Array) -> Array:
        steps = jnp.arange(x.shape[times])
        ends = jnp.asarray(lengths)[:, None]
        index = jnp.where(steps < ends, ends - 1 - steps, steps)
        index = index if batch < times else index.T
        shape = [n if a in (times, batch) else 1 for a, n in enumerate(x.shape)]
        return jnp.take_along_axis(x, index.reshape(shape), axis=times)

    return reversed_items(input, seq_lengths)


def _segments(
    reduce: Callable[..., Any], empty: Callable[[Any], Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the functions of sorted and of unsorted segments.

    Args:
        reduce: reduces the rows of each segment.
        empty: returns the value of an unsorted segment without rows, of an element
            type; that of a sorted one is 0 unless it is 1.
    """

    def unsorted(
        data: Tensor, segment_ids: ArrayLike, num_segments: int, name: Name = None
    ) -> Any:
        ids, count = jnp.asarray(segment_ids), int(num_segments)

        def reduced(x: Array) -> Array:
            return _where_rows(x, ids, reduce(x, ids, count), empty(x.dtype))

        return array_op(reduced)(data)

    def in_order(data: Tensor, segment_ids: ArrayLike, name: Name = None) -> Any:
        ids = jnp.asarray(segment_ids)
        count = int(ids.max()) + 1

        def reduced(x: Array) -> Array:
            value = 1 if reduce is jax.ops.segment_prod else 0
            return _where_rows(x, ids, reduce(x, ids, count), value)

        return array_op(reduced)(data)

    return in_order, unsorted


def _where_rows(x: Array, ids: Array, reduced: Array, value: Any) -> Array:
    """Return the reduced rows of segments that have rows, and a value for others."""
    rows = jax.ops.segment_sum(jnp.ones(ids.shape, "int32"), ids, len(reduced))
    has_rows = rows.reshape(-1, *[1] * (reduced.ndim - 1)) > 0
    return jnp.where(has_rows, reduced, jnp.asarray(value, reduced.dtype))


def _mean_of_rows(x: Array, ids: Array, count: int) -> Array:
    rows = jax.ops.segment_sum(jnp.ones(ids.shape, x.dtype), ids, count)
    total = jax.ops.segment_sum(x, ids, count)
    return total / jnp.maximum(rows, 1).reshape(-1, *[1] * (total.ndim - 1))


def _limits(dtype: Any) -> Any:
    return (jnp.finfo if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo)(dtype)


segment_sum, unsorted_segment_sum = _segments(jax.ops.segment_sum, lambda _: 0)
segment_mean, unsorted_segment_mean = _segments(_mean_of_rows, lambda _: 0)
segment_prod, unsorted_segment_prod = _segments(jax.ops.segment_prod, lambda _: 1)
segment_max, unsorted_segment_max = _segments(
    jax.ops.segment_max, lambda dtype: _limits(dtype).min
)
segment_min, unsorted_segment_min = _segments(
    jax.ops.segment_min, lambda dtype: _limits(dtype).max
)


def is_non_decreasing(x: ArrayLike, name: Name = None) -> Any:
    """Return whether no item is less than the one before it."""
    return jnp.all(jnp.diff(jnp.ravel(jnp.asarray(x))) >= 0)


def is_strictly_increasing(x: ArrayLike, name: Name = None) -> Any:
    """Return whether each item is greater than the one before it."""
    return jnp.all(jnp.diff(jnp.ravel(jnp.asarray(x))) > 0)


def histogram_fixed_width(
    values: ArrayLike,
    value_range: Sequence[float],
    nbins: int = 100,
    dtype: DTypeLike = "int32",
    name: Name = None,
) -> Array:
    """Count the values in bins of one width; values outside are in the outer bins."""
    index = histogram_fixed_width_bins(values, value_range, nbins)
    found = jnp.bincount(index.reshape(-1), length=int(nbins))
    return found.astype(dtype_of(dtype))


def histogram_fixed_width_bins(
    values: ArrayLike,
    value_range: Sequence[float],
    nbins: int = 100,
    dtype: DTypeLike = "int32",
    name: Name = None,
) -> Array:
    """Return the bin of each value."""
    low, high = value_range
    places = (jnp.asarray(values) - low) / (high - low) * nbins
    return jnp.clip(jnp.floor(places), 0, int(nbins) - 1).astype(dtype_of(dtype))


def unique_with_counts(
    x: ArrayLike, out_idx: DTypeLike = "int32", name: Name = None
) -> tuple[Any, Any, Any]:
    """Return the values in their order, the index of each item, and their counts."""
    found, first, inverse, counts = np.unique(
        np.asarray(x), return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    places = np.argsort(order)
    return constant(found[order]), constant(places[inverse]), constant(counts[order])


def dynamic_stitch(
    indices: Sequence[ArrayLike], data: Sequence[Tensor], name: Name = None
) -> Any:
    """Join tensors, whose rows are at the indices of the result."""
    index = np.concatenate([np.ravel(np.asarray(i)) for i in indices])
    rows = [
        ops.reshape(d, (np.size(i), *ops.shape(d)[np.ndim(i) :]))
        for i, d in zip(indices, data, strict=True)
    ]
    last = {int(i): n for n, i in enumerate(index)}
    order = np.array([last[i] for i in range(int(index.max()) + 1)])
    return ops.take(ops.concatenate(rows, axis=0), order, axis=0)
