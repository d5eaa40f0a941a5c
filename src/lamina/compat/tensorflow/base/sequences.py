"""Functions of `tensorflow` for sequences, segments and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import ops
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
    """Reverse the first items of each sequence; the rest stays."""
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


def segment_mean(data: Tensor, segment_ids: ArrayLike, name: Name = None) -> Any:
    """Return the mean of the rows of each segment, 0 for one without rows."""
    return unsorted_segment_mean(data, segment_ids, int(np.max(segment_ids)) + 1)


def unsorted_segment_mean(
    data: Any, segment_ids: ArrayLike, num_segments: int, name: Name = None
) -> Any:
    """Return the mean of the rows of each segment, 0 for one without rows."""
    total = ops.segment_sum(data, segment_ids, int(num_segments))
    ones = jnp.ones(np.shape(segment_ids), total.dtype)
    count = ops.segment_sum(ones, segment_ids, int(num_segments))
    shape = (*count.shape, *[1] * (len(total.shape) - len(count.shape)))
    return total / jnp.maximum(count, 1).reshape(shape)


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
