"""Data sets of arrays: `split_dataset` and `timeseries_dataset_from_array`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from lamina.core.check import is_int
from lamina.data.arrays import num_rows
from lamina.errors import ArgumentError


class ArrayDataset:
    """Sequence of rows or batches of arrays, computed on access.

    It can be iterated many times; `dataset.batch(32)` makes batches of rows.

    Args:
        length: number of items.
        item: function that returns an item by its index.
    """

    def __init__(self, length: int, item: Callable[[int], Any]) -> None:
        self._length, self._item = length, item

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if not -self._length <= index < self._length:
            raise IndexError(f"There are {self._length} items, and no number {index}.")
        return self._item(index % self._length)

    def __iter__(self) -> Iterator[Any]:
        return map(self._item, range(self._length))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> ArrayDataset:
        """Return a data set of batches of items.

        Args:
            batch_size: number of items in a batch.
            drop_remainder: whether to omit a smaller last batch.
        """
        full, rest = divmod(self._length, batch_size)
        count = full if drop_remainder or not rest else full + 1

        def stacked(index: int) -> Any:
            start = index * batch_size
            items = [self[i] for i in range(start, min(start + batch_size, len(self)))]
            return jax.tree.map(lambda *rows: np.stack(rows), *items)

        return ArrayDataset(count, stacked)


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[ArrayDataset, ArrayDataset]:
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
        total = num_rows(arrays, "dataset")

        def row(index: int) -> Any:
            found = jax.tree.map(lambda array: array[index], arrays)
            return tuple(found) if isinstance(found, list) else found

    else:
        items: Any = dataset if isinstance(dataset, np.ndarray) else list(dataset)
        total, row = len(items), items.__getitem__
    left, right = _sizes(total, left_size, right_size)
    order = list(range(total))
    if shuffle:
        random.Random(seed).shuffle(order)
    return (
        ArrayDataset(left, lambda i: row(order[i])),
        ArrayDataset(right, lambda i: row(order[total - right + i])),
    )


def _sizes(total: int, left: Any, right: Any) -> tuple[int, int]:
    """Return the number of rows of each part."""
    counts: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        counts.append(_count(total, name, size))
    first, second = counts
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


def _count(total: int, name: str, size: Any) -> int | None:
    if isinstance(size, float) and 0 <= size <= 1:
        return round(size * total)
    if size is None:
        return None
    if is_int(size) and 0 <= size <= total:
        return int(size)
    raise ArgumentError(
        f"split_dataset: `{name}` must be a fraction from 0 to 1, or an integer up to "
        f"{total}, the number of rows. Received: {size!r}."
    )


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> ArrayDataset:
    """Return batches of windows of a time series.

    Args:
        data: the series, one row per time step.
        targets: target of the window that starts at the same row; `None` for windows
            alone.
        sequence_length: number of rows in a window.
        sequence_stride: number of rows between the starts of two windows.
        sampling_rate: number of rows between two consecutive rows of a window.
        batch_size: number of windows in a batch; `None` for single windows.
        shuffle: whether to shuffle the windows.
        seed: seed of the shuffling.
        start_index: first row to use.
        end_index: row after the last one to use.
        format: accepted for Keras's signature; batches are always NumPy arrays.

    Raises:
        ArgumentError: a number is out of range.

    Example:
        >>> windows = timeseries_dataset_from_array(np.arange(6), None, 3)
        >>> next(iter(windows)).tolist()
        [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    """
    data = np.asarray(data)
    begin, end = start_index or 0, len(data) if end_index is None else end_index
    for name, value, least in (
        ("sequence_length", sequence_length, 1),
        ("sequence_stride", sequence_stride, 1),
        ("sampling_rate", sampling_rate, 1),
        ("start_index", begin, 0),
        ("end_index", end, begin + 1),
        ("batch_size", batch_size if batch_size is not None else 1, 1),
    ):
        most = len(data) if name != "batch_size" else value
        if not is_int(value) or not least <= value <= most:
            raise ArgumentError(
                f"timeseries_dataset_from_array: `{name}` must be an integer from "
                f"{least} up to the number of rows, {len(data)}. Received: {value!r}."
            )
    rows = data[begin:end]
    count = len(rows) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)[begin:end]
        count = min(count, len(targets))
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        np.random.RandomState(seed).shuffle(starts)
    offsets = np.arange(sequence_length) * sampling_rate

    def windows(chosen: Sequence[int] | np.ndarray) -> Any:
        found = rows[np.asarray(chosen)[..., None] + offsets]
        return found if targets is None else (found, targets[chosen])

    if batch_size is None:
        return ArrayDataset(len(starts), lambda i: windows(starts[i]))
    size = batch_size
    return ArrayDataset(
        -(-len(starts) // size),
        lambda i: windows(starts[i * size : (i + 1) * size]),
    )
