"""`Dataset`: lazy data sets with the methods of TensorFlow's that Keras code uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from lamina.core.check import boolean, check_arguments, integer, optional, positive_int
from lamina.core.scope import RunKey, StateScope
from lamina.data.pipeline.collate import Collate, collate, padded
from lamina.data.pipeline.items import EpochKey, Items
from lamina.data.pipeline.rows import cached, ordered, rows_of_batches, shuffled_windows
from lamina.data.prefetch import LruCache
from lamina.errors import invalid

# The value of `tf.data.AUTOTUNE`.
AUTOTUNE = -1
_COUNT = integer(-1, 2**31 - 1)
_SEED = integer(-(2**63), 2**63 - 1)


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Dataset(Items):
    """Lazy sequence of items, such as rows or batches of images and labels.

    `fit`, `evaluate`, `predict` and `adapt` accept it, and it can be iterated any
    number of times. Each method returns a new data set and computes no item.

    An item depends only on a seed, an epoch and its index. A run that resumes can thus
    start at any item and gets the same bits. In `fit`, the seed is that of the run.

    Example:
        >>> import lamina
        >>> left, right = lamina.utils.split_dataset(np.arange(10), left_size=6)
        >>> pairs = left.map(lambda x: (x, 2 * x)).batch(4)
        >>> [(x.tolist(), y.tolist()) for x, y in pairs]
        [([0, 1, 2, 3], [0, 2, 4, 6]), ([4, 5], [8, 10])]
    """

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """Apply a function to each item.

        Random layers and functions of `lamina.random` draw from the seed, the epoch and
        the item's index in it. Variables that the function assigns do not change.

        Args:
            map_func: function of an item, or of its parts if items are tuples.
            num_parallel_calls: number of threads; -1 for one for each core.
            deterministic: accepted for TensorFlow's signature: the order never
                depends on the threads.
            name: accepted for TensorFlow's signature.
        """

        def item(key: EpochKey, index: int) -> Any:
            value = self._item(key, index)
            words = (key.seed + result._depth, key.epoch * 0x9E3779B9 + index)
            run = RunKey(*(np.uint32(word & 0xFFFFFFFF) for word in words))
            with StateScope(run=run):
                return map_func(*value) if isinstance(value, tuple) else map_func(value)

        workers = _workers("map", num_parallel_calls)
        result = self._derive(self._length, item, self._counts, workers)
        result._is_batched = self._is_batched
        return result

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """Stack consecutive items to batches.

        Args:
            batch_size: number of items in a batch.
            drop_remainder: whether to omit a smaller last batch.
            num_parallel_calls: number of threads; -1 for one for each core.
            deterministic: accepted for TensorFlow's signature: the order never
                depends on the threads.
            name: accepted for TensorFlow's signature.

        Raises:
            ArgumentError: `batch_size` is not a positive integer.
            DataError: items differ in shape; raised when the batch is computed.
        """
        workers = _workers("batch", num_parallel_calls)
        return self._batched(batch_size, drop_remainder, collate, workers)

    def padded_batch(self, batch_size: int, drop_remainder: bool = False) -> Self:
        """Stack consecutive items to batches, padded with zeros to one shape.

        Args:
            batch_size: number of items in a batch.
            drop_remainder: whether to omit a smaller last batch.

        Raises:
            ArgumentError: `batch_size` is not a positive integer.
        """
        return self._batched(batch_size, drop_remainder, padded, 0)

    def _batched(
        self, size: int, drop_remainder: bool, join: Collate, workers: int
    ) -> Self:
        checks = {"batch_size": positive_int, "drop_remainder": boolean}
        values = {"batch_size": size, "drop_remainder": drop_remainder}
        check_arguments("batch", checks, values)
        rows = self._length
        if rows is not None and drop_remainder:
            rows -= rows % size

        def indices(index: int) -> range:
            stop = (index + 1) * size
            return range(index * size, stop if rows is None else min(stop, rows))

        def item(key: EpochKey, index: int) -> Any:
            found = indices(index)
            return join((self._item(key, i) for i in found), len(found))

        count = None if rows is None else -(-rows // size)
        result = self._derive(count, item, lambda _, i: len(indices(i)), workers)
        result._single = self if rows == self._length else self.take(rows or 0)
        return result

    def unbatch(self, name: str | None = None) -> Self:
        """Split batches into their rows.

        A function that `map` applied to batches must keep the number of rows.

        Args:
            name: accepted for TensorFlow's signature.

        Raises:
            DataError: a batch has another number of rows; raised when it is computed.
        """
        if self._single is not None:
            return self._single
        total, item = rows_of_batches(self._length, self._item, self._counts)
        result = self._derive(total, item)
        result._is_sequential = True
        return result

    def shuffle(
        self,
        buffer_size: int | None = None,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """Put the items into a random order.

        Args:
            buffer_size: accepted for TensorFlow's signature, since any order of all
                items takes the same memory. Only rows of batches that a function has
                changed (`map`, then `unbatch`) are shuffled in windows of this size.
            seed: seed of the order; by default that of `fit`, or a new one.
            reshuffle_each_iteration: whether each epoch has another order, which is
                the default.
            name: accepted for TensorFlow's signature.

        Raises:
            ArgumentError: the data set is infinite, or an argument is not valid.
        """
        checks = {"buffer_size": optional(_COUNT), "seed": optional(_SEED)}
        check_arguments("shuffle", checks, locals())
        if self._length is None:
            received, mend = "an infinite data set", "Shuffle before `repeat()`."
            raise invalid("shuffle", "dataset", received, "finite", mend)
        salt = self._depth

        def seeded(key: EpochKey) -> EpochKey:
            epoch = 0 if reshuffle_each_iteration is False else key.epoch
            return EpochKey(key.seed if seed is None else seed, epoch)

        rows, size = self._length, buffer_size or 0
        if self._is_sequential and 0 < size < rows:
            return self._derive(rows, shuffled_windows(rows, self._item, size, seeded))
        order = LruCache[EpochKey, np.ndarray](lambda k: ordered(k, rows, salt), 2)
        return self._select(rows, lambda key, i: (key, int(order(seeded(key))[i])))

    def take(self, count: int, name: str | None = None) -> Self:
        """Return the first items of each epoch.

        Args:
            count: maximum number of items; -1 for all.
            name: accepted for TensorFlow's signature.
        """
        check_arguments("take", {"count": _COUNT}, {"count": count})
        ends = [
            n for n in (self._length, None if count < 0 else count) if n is not None
        ]
        return self._select(min(ends, default=None), lambda key, i: (key, i))

    def skip(self, count: int, name: str | None = None) -> Self:
        """Return all but the first items of each epoch.

        Args:
            count: number of items to omit; -1 for all.
            name: accepted for TensorFlow's signature.
        """
        check_arguments("skip", {"count": _COUNT}, {"count": count})
        rest = 0 if count < 0 else self._length
        if rest:
            rest = max(rest - count, 0)
        return self._select(rest, lambda key, i: (key, i + count))

    def repeat(self, count: int | None = None, name: str | None = None) -> Self:
        """Return the items several times; each repetition is an epoch.

        Args:
            count: number of times; `None` or -1 for infinitely often.
            name: accepted for TensorFlow's signature.
        """
        check_arguments("repeat", {"count": optional(_COUNT)}, {"count": count})
        rows, times = self._length, None if count in (None, -1) else count
        if rows is None:
            return self.take(-1)

        def source(key: EpochKey, index: int) -> tuple[EpochKey, int]:
            passes, rest = divmod(index, rows)
            return key._replace(epoch=key.epoch * (times or 1) + passes), rest

        length = None if times is None and rows else rows * (times or 0)
        return self._select(length, source)

    def cache(self, filename: str = "", name: str | None = None) -> Self:
        """Store all items in memory once they are computed, for all later epochs.

        Items that depend on the seed have that of the first use, also in a later `fit`.

        Args:
            filename: must be empty: items are stored in memory.
            name: accepted for TensorFlow's signature.

        Raises:
            ArgumentError: `filename` is not empty.
        """
        if filename:
            raise invalid(
                "cache", "filename", filename, "empty", "Use memory: `dataset.cache()`."
            )
        item, count = cached(self._item, self._counts)
        result = self._derive(self._length, item, count if self._is_batched else None)
        result._is_sequential = False
        return result

    def prefetch(self, buffer_size: int, name: str | None = None) -> Self:
        """Compute items in advance, in at least one thread.

        Args:
            buffer_size: number of items in advance; -1 for a default.
            name: accepted for TensorFlow's signature.
        """
        check_arguments(
            "prefetch", {"buffer_size": _COUNT}, {"buffer_size": buffer_size}
        )
        result = self.take(-1)
        result._single = self._single
        result._workers = max(self._workers, 1)
        result._ahead = max(self._ahead, buffer_size)
        return result


def _workers(owner: str, calls: int | None) -> int:
    check = {"num_parallel_calls": optional(_COUNT)}
    check_arguments(owner, check, {"num_parallel_calls": calls})
    return available_cores() if calls == AUTOTUNE else calls or 0
