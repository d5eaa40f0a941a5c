"""Items in another form: rows of batches, shuffled windows, stored items."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.data.pipeline.collate import row, rows_of
from lamina.data.pipeline.items import EpochKey, ItemFunction
from lamina.data.prefetch import LruCache
from lamina.data.shuffle import permutation
from lamina.errors import ArgumentTypeError, DataError

# Batches, and windows of rows, that threads take rows of at the same time.
_BATCHES, _WINDOWS = 8, 2


def ordered(key: EpochKey, length: int, salt: int) -> np.ndarray:
    """Return a random order of items; another `salt` gives another order."""
    return permutation((key.seed + salt) & 0x7FFFFFFF, key.epoch, length)


def rows_of_batches(
    length: int | None, item: ItemFunction, counts: ItemFunction
) -> tuple[int, ItemFunction]:
    """Return the number of all rows of batches, and the function that returns a row.

    Args:
        length: number of batches.
        item: function of seed and epoch, and an index, that returns a batch.
        counts: function of the same arguments that returns its number of rows.

    Raises:
        ArgumentTypeError: there are infinitely many batches.
    """
    if length is None:
        raise ArgumentTypeError(
            "unbatch: the data set is infinite. Call `unbatch()` before `repeat()`."
        )
    recent = LruCache[tuple[EpochKey, int], Any](lambda k: item(*k), _BATCHES)

    @functools.lru_cache(maxsize=2)
    def ends(key: EpochKey) -> np.ndarray:
        return np.cumsum([counts(key, i) for i in range(length)])

    def row_item(key: EpochKey, index: int) -> Any:
        number = int(np.searchsorted(ends(key), index, side="right"))
        batch, rows = recent((key, number)), counts(key, number)
        if rows_of(batch) != rows:
            raise DataError(
                f"unbatch: batch {number} has {rows_of(batch)} rows instead of {rows}. "
                "A function that changes the number of rows needs `unbatch()` before "
                "`map`."
            )
        return row(batch, index - int(ends(key)[number]) + rows)

    return int(ends(EpochKey(0, 0))[-1]) if length else 0, row_item


def shuffled_windows(
    length: int,
    item: ItemFunction,
    size: int,
    seeded: Callable[[EpochKey], EpochKey],
) -> ItemFunction:
    """Return the function of items that are shuffled in windows, read in order.

    Args:
        length: number of items.
        item: function of seed and epoch, and an index, that returns an item.
        size: number of items in a window.
        seeded: function that returns the seed and epoch of the order.
    """

    def window(key_and_start: tuple[EpochKey, int]) -> list[Any]:
        key, start = key_and_start
        items = [item(key, i) for i in range(start, min(start + size, length))]
        order = ordered(seeded(key), len(items), salt=start)
        return [items[i] for i in order]

    recent = LruCache[tuple[EpochKey, int], list[Any]](window, _WINDOWS)
    return lambda key, i: recent((key, i - i % size))[i % size]


def cached(
    item: ItemFunction, counts: ItemFunction
) -> tuple[ItemFunction, ItemFunction]:
    """Return functions of items that are computed once, and of their numbers of rows.

    Items that depend on the seed have that of the first use in all epochs.
    """
    first: dict[str, EpochKey] = {}
    recent = LruCache[tuple[EpochKey, int], Any](lambda k: item(*k), sys.maxsize)

    def stored(key: EpochKey, index: int) -> Any:
        return recent((first.setdefault("key", key._replace(epoch=0)), index))

    def count(key: EpochKey, index: int) -> int:
        return counts(first.get("key", key._replace(epoch=0)), index)

    return stored, count
