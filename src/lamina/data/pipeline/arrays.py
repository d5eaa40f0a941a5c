"""Data sets of arrays: `split_dataset` and `timeseries_dataset_from_array`."""

from __future__ import annotations

import functools
import random
from typing import Any

import jax
import numpy as np

from lamina.core.check import check_arguments, integer, one_of, optional, positive_int
from lamina.data.arrays import num_rows
from lamina.data.pipeline.collate import row
from lamina.data.pipeline.dataset import Dataset
from lamina.data.pipeline.items import EpochKey
from lamina.errors import ArgumentError, invalid
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike

# The libraries behind Keras's data sets; both values have the same effect.
FORMAT = one_of("tf", "grain")


@filter_traceback
def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split arrays or a data set into two parts.

    Args:
        dataset: an array, or several in a tuple, list or dictionary; or an iterable of
            single items.
        left_size: fraction or number of rows of the first part; by default the rows
            that are not in the second part.
        right_size: fraction or number of rows of the second part.
        shuffle: whether to shuffle the rows first.
        seed: seed of the shuffling.
        preferred_backend: accepted for Keras's signature.

    Returns:
        Two data sets of single rows: use `.batch(32)` before `fit`.

    Raises:
        ArgumentError: the sizes exceed the rows, or a part has no rows.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> len(left), [int(row) for row in right]
        (8, [8, 9])
    """
    if isinstance(dataset, (list, tuple, dict)):
        arrays = jax.tree.map(np.asarray, dataset)
        arrays = tuple(arrays) if isinstance(arrays, list) else arrays
        total, item = num_rows(arrays, "dataset"), functools.partial(row, arrays)
    else:
        items: Any = dataset if hasattr(dataset, "__getitem__") else list(dataset)
        total, item = len(items), items.__getitem__
    left, right = _sizes(total, left_size, right_size)
    order = list(range(total))
    if shuffle:
        random.Random(seed).shuffle(order)
    return (
        Dataset(left, lambda _, i: item(order[i])),
        Dataset(right, lambda _, i: item(order[total - right + i])),
    )


def _sizes(total: int, left: float | None, right: float | None) -> tuple[int, int]:
    """Return the number of rows of each part."""
    first = _count(total, "left_size", left)
    second = _count(total, "right_size", right)
    if first is None and second is None:
        raise ArgumentError("split_dataset: pass `left_size` or `right_size`.")
    first = total - (second or 0) if first is None else first
    second = total - first if second is None else second
    if first + second > total or not first or not second:
        raise ArgumentError(
            f"split_dataset: of {total} rows, the first part would have {first} and "
            f"the second {second}. Each needs at least one, and together at most all."
        )
    return first, second


def _count(total: int, name: str, size: float | None) -> int | None:
    if size is None:
        return None
    if isinstance(size, float) and 0 <= size <= 1:
        return round(size * total)
    check = integer(0, total)
    if not check.accepts(size):
        expected = f"a fraction from 0 to 1, or {check.expected}, the number of rows"
        raise invalid("split_dataset", name, size, expected)
    return int(size)


@filter_traceback
def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Return batches of windows of a time series.

    Args:
        data: the series, one row per time step.
        targets: target of the window that starts at the same row; `None` for windows
            alone.
        sequence_length: number of rows in a window.
        sequence_stride: number of rows between the starts of two windows.
        sampling_rate: number of rows between two consecutive rows of a window.
        batch_size: number of windows in a batch; `None` for single windows.
        shuffle: whether to shuffle the windows, anew in each epoch.
        seed: seed of the shuffling; by default that of `fit`, or a new one.
        start_index: first row to use.
        end_index: row after the last one to use.
        format: `"tf"` or `"grain"`, with the same effect.

    Returns:
        A lazy data set of batches of windows, or of pairs (windows, targets).

    Raises:
        ArgumentError: a number is out of range, or `format` is unknown.

    Example:
        >>> windows = timeseries_dataset_from_array(np.arange(6), None, 3)
        >>> next(iter(windows)).tolist()
        [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    """
    series = np.asarray(data)
    begin, end = start_index or 0, len(series) if end_index is None else end_index
    for name, value, low in (
        ("sequence_length", sequence_length, 1),
        ("sequence_stride", sequence_stride, 1),
        ("sampling_rate", sampling_rate, 1),
        ("start_index", begin, 0),
        ("end_index", end, begin + 1),
    ):
        check = {name: integer(low, len(series))}
        check_arguments("timeseries_dataset_from_array", check, {name: value})
    checks = {"batch_size": optional(positive_int), "format": FORMAT}
    check_arguments("timeseries_dataset_from_array", checks, locals())
    rows = series[begin:end]
    count = len(rows) - (sequence_length - 1) * sampling_rate
    labels = None
    if targets is not None:
        labels = np.asarray(targets)[begin:end]
        count = min(count, len(labels))
    offsets = np.arange(sequence_length) * sampling_rate

    def window(_: EpochKey, index: int) -> Any:
        start = index * sequence_stride
        found = rows[start + offsets]
        return found if labels is None else (found, labels[start])

    dataset = Dataset(max(-(-count // sequence_stride), 0), window)
    dataset = dataset.shuffle(seed=seed) if shuffle else dataset
    return dataset if batch_size is None else dataset.batch(batch_size)
