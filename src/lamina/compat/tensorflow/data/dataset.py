"""`Dataset` of `tensorflow.data`: lazy, in NumPy, never holding all items."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data import sources, transforms
from lamina.compat.tensorflow.data.base import Items
from lamina.compat.tensorflow.data.grouping import Grouping
from lamina.compat.tensorflow.data.sources import INFINITE, UNKNOWN, Filenames
from lamina.core.scope import local
from lamina.errors import ArgumentError
from lamina.typing import DTypeLike, PyTree

_Workers = int | None


class Sources(Grouping):
    """Base of `Dataset` with the functions that create data sets."""

    @classmethod
    def from_tensor_slices(cls, tensors: PyTree, name: str = "") -> Dataset:
        """Return a data set of the rows of arrays, or of a nest of arrays."""
        return Dataset(*sources.slices(tensors))

    @classmethod
    def from_tensors(cls, tensors: PyTree, name: str = "") -> Dataset:
        """Return a data set of one item."""
        item = sources.host_items(tensors)
        return Dataset(lambda: iter([item]), 1)

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Iterable[Any]],
        output_types: PyTree = None,
        output_shapes: PyTree = None,
        args: Sequence[Any] = (),
        output_signature: PyTree = None,
        name: str = "",
    ) -> Dataset:
        """Return a data set of what a function yields, called anew for each epoch."""
        types = output_types if output_signature is None else output_signature
        return Dataset(sources.generated(generator, args, types))

    @classmethod
    def range(
        cls, *args: int, output_type: DTypeLike = "int64", **_: object
    ) -> Dataset:
        """Return a data set of numbers, as Python's `range`."""
        numbers = range(*(int(n) for n in args))
        kind = np.dtype(str(output_type))
        return Dataset(lambda: (on_host(kind.type(n)) for n in numbers), len(numbers))

    @classmethod
    def zip(cls, *datasets: object, name: str = "", **named: Any) -> Dataset:
        """Return a data set of nests of the items of several."""
        tree = named.get("datasets", datasets)
        tree = tree[0] if len(tree) == 1 and not isinstance(tree, dict) else tree
        parts = jax.tree.map(as_dataset, tree, is_leaf=_is_items)
        leaves, structure = jax.tree.flatten(parts, is_leaf=_is_items)
        lengths = [part._length for part in leaves]
        finite = [n for n in lengths if n != INFINITE]
        length = UNKNOWN if UNKNOWN in lengths else min(finite, default=INFINITE)

        def iterate() -> Iterator[Any]:
            return transforms.zipped([part.items() for part in leaves], structure)

        return Dataset(iterate, length)

    @classmethod
    def list_files(
        cls,
        file_pattern: Filenames,
        shuffle: bool | None = None,
        seed: int | None = None,
        name: str = "",
    ) -> Dataset:
        """Return a data set of the paths that match patterns, shuffled by default."""
        found = sources.matching_files(file_pattern)
        dataset = cls.from_tensor_slices(found)
        return dataset if shuffle is False else dataset.shuffle(len(found), seed)

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Sequence[Any],
        weights: Sequence[float] | None = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Return items of several data sets, each chosen at random by its weight."""
        orders = sources.Orders(seed, is_fixed=not rerandomize_each_iteration)
        given = [1.0] * len(datasets) if weights is None else np.asarray(weights)

        def iterate() -> Iterator[Any]:
            pairs = zip(datasets, given, strict=True)
            active = [(as_dataset(d).items(), float(w)) for d, w in pairs if w > 0]
            return transforms.sampled(active, orders.next(), stop_on_empty_dataset)

        return Dataset(iterate)


class Transforms(Sources):
    """Base of `Dataset` with the methods that change the items."""

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: _Workers = None,
        deterministic: bool | None = None,
        **_: object,
    ) -> Dataset:
        """Apply a function to each item, or to its parts if it is a tuple."""

        def iterate() -> Iterator[Any]:
            return transforms.mapped(self.items(), map_func)

        return Dataset(iterate, self._length, self._has_batches)

    def filter(self, predicate: Callable[..., Any], name: str = "") -> Dataset:
        """Return the items for which a function is true."""

        def iterate() -> Iterator[Any]:
            items = self.items()
            return (i for i in items if np.all(transforms.call(predicate, i)))

        return Dataset(iterate, UNKNOWN, self._has_batches)

    def take_while(self, predicate: Callable[..., Any], name: str = "") -> Dataset:
        """Return the items before the first for which a function is false."""

        def holds(item: object) -> bool:
            return bool(np.all(transforms.call(predicate, item)))

        return Dataset(lambda: itertools.takewhile(holds, self.items()))

    def flat_map(self, map_func: Callable[..., Any], name: str = "") -> Dataset:
        """Join the data sets that a function returns."""
        return self.interleave(map_func, cycle_length=1)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: _Workers = None,
        deterministic: bool | None = None,
        name: str = "",
    ) -> Dataset:
        """Return items of the data sets that a function returns, in turns."""
        cycle = 2 if cycle_length in (None, -1) else int(cycle_length)

        def iterate() -> Iterator[Any]:
            found = (transforms.call(map_func, item) for item in self.items())
            parts = (as_dataset(part).items() for part in found)
            return transforms.in_turns(parts, cycle, block_length or 1)

        return Dataset(iterate)

    def enumerate(self, start: int = 0, name: str = "") -> Dataset:
        """Return a data set of the numbers of the items and the items."""

        def iterate() -> Iterator[Any]:
            numbered = enumerate(self.items(), start)
            return ((on_host(np.int64(i)), item) for i, item in numbered)

        return Dataset(iterate, self._length)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str = "",
    ) -> Dataset:
        """Return a data set of data sets of consecutive items."""
        step = size if shift is None else shift

        def iterate() -> Iterator[Any]:
            found = transforms.windows(self.items(), size, step, stride, drop_remainder)
            return (_nest_of_datasets(items) for items in found)

        return Dataset(iterate)

    def scan(
        self, initial_state: PyTree, scan_func: Callable[..., Any], name: str = ""
    ) -> Dataset:
        """Return what a function makes of each item and a state that it updates."""

        def iterate() -> Iterator[Any]:
            state = initial_state
            for item in self.items():
                state, found = scan_func(state, item)
                yield sources.host_items(found)

        return Dataset(iterate, self._length)

    def reduce(
        self, initial_state: PyTree, reduce_func: Callable[..., Any], name: str = ""
    ) -> Any:
        """Combine all items by a function of a state and an item."""
        state = initial_state
        for item in self:
            state = reduce_func(state, item)
        return state

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """Return what a function makes of this data set."""
        return transformation_func(self)


class Dataset(Transforms):
    """Lazy sequence of items, computed in NumPy as they are needed.

    Example:
        >>> dataset = tf.data.Dataset.from_tensor_slices([1, 2, 3]).batch(2)
        >>> [batch.tolist() for batch in dataset]
        [[1, 2], [3]]
    """

    def _parts(
        self, iterate: Callable[[], Iterator[Any]], length: int | None = None
    ) -> Dataset:
        """Return a data set of some of the items."""
        length = self._length if length is None else length
        return Dataset(iterate, length, self._has_batches)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: _Workers = None,
        deterministic: bool | None = None,
        name: str = "",
    ) -> Dataset:
        """Stack consecutive items to batches."""
        return self._batched(batch_size, drop_remainder, transforms.stack)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: PyTree = None,
        padding_values: PyTree = None,
        drop_remainder: bool = False,
        name: str = "",
    ) -> Dataset:
        """Stack consecutive items to batches, padded to one shape."""

        def join(items: Sequence[Any]) -> Any:
            return transforms.pad_and_stack(items, padded_shapes, padding_values)

        return self._batched(batch_size, drop_remainder, join)

    def _batched(
        self, batch_size: int, drop: bool, join: Callable[[Sequence[Any]], Any]
    ) -> Dataset:
        size = int(batch_size)
        if size < 1:
            raise ArgumentError(f"batch_size must be positive. Received: {batch_size}.")

        def iterate() -> Iterator[Any]:
            return map(join, transforms.chunks(self.items(), size, drop))

        rows = self._length
        length = rows if rows < 0 else rows // size if drop else -(-rows // size)
        return Dataset(iterate, length, has_batches=not drop)

    def unbatch(self, name: str = "") -> Dataset:
        """Split batches into their rows."""
        batches = self.items
        return Dataset(lambda: (row for b in batches() for row in sources.rows(b)))

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: str = "",
    ) -> Dataset:
        """Put the items into a random order, from a buffer of a size."""
        orders = sources.Orders(seed, reshuffle_each_iteration is False)
        size = max(int(buffer_size), 1)

        def iterate() -> Iterator[Any]:
            if local.infers_shapes:
                return self.items()
            return sources.shuffled(self.items(), size, orders.next())

        return self._parts(iterate)

    def repeat(self, count: int | None = None, name: str = "") -> Dataset:
        """Return the items several times, infinitely often by default."""
        times = None if count in (None, -1) else int(count)

        def iterate() -> Iterator[Any]:
            passes = itertools.count() if times is None else range(times)
            for _ in passes:
                is_empty = True
                for item in self.items():
                    is_empty = False
                    yield item
                if is_empty:
                    return

        if times is None:
            return self._parts(iterate, INFINITE)
        return self._parts(iterate, times * self._length if self._length > 0 else None)

    def take(self, count: int, name: str = "") -> Dataset:
        """Return the first items; -1 for all."""
        if int(count) < 0:
            return self
        length = min(self._length, int(count)) if self._length >= 0 else self._length
        length = int(count) if length == INFINITE else length
        return self._parts(lambda: itertools.islice(self.items(), int(count)), length)

    def skip(self, count: int, name: str = "") -> Dataset:
        """Return all but the first items; -1 skips all."""
        start = int(count)
        if start < 0:
            return self.take(0)
        length = self._length if self._length < 0 else max(self._length - start, 0)
        return self._parts(lambda: itertools.islice(self.items(), start, None), length)

    def shard(self, num_shards: int, index: int, name: str = "") -> Dataset:
        """Return every `num_shards`-th item."""
        start, step = int(index), int(num_shards)
        rows = self._length
        length = rows if rows < 0 else len(range(start, rows, step))
        return self._parts(
            lambda: itertools.islice(self.items(), start, None, step), length
        )

    def concatenate(self, dataset: Iterable[Any], name: str = "") -> Dataset:
        """Return these items, then those of another data set."""
        other = as_dataset(dataset)
        lengths = self._length, other._length
        # INFINITE is larger than UNKNOWN: one infinite part makes the whole infinite.
        total = max((n for n in lengths if n < 0), default=sum(lengths))
        return self._parts(lambda: itertools.chain(self.items(), other.items()), total)

    def cache(self, filename: str = "", name: str = "") -> Dataset:
        """Store all items in memory once they are computed, for later epochs."""
        # The items of the first iterator that reached the end.
        stored: list[list[Any]] = []

        def iterate() -> Iterator[Any]:
            if stored:
                yield from stored[0]
                return
            found: list[Any] = []
            for item in self.items():
                found.append(item)
                yield item
            if not stored:
                stored.append(found)

        return self._parts(iterate)

    def prefetch(self, buffer_size: int | None = None, name: str = "") -> Dataset:
        """Return the data set itself: `fit` computes batches in advance."""
        return self


def as_dataset(value: Any) -> Any:
    """Return a data set of any iterable of items, or the data set itself."""
    if isinstance(value, Items):
        return value
    try:
        length = len(value)
    except TypeError:
        length = INFINITE if getattr(value, "cardinality", None) else UNKNOWN
    return Dataset(lambda: map(sources.host_items, iter(value)), length)


def _is_items(value: object) -> bool:
    return hasattr(value, "as_numpy_iterator")


def _nest_of_datasets(items: Sequence[Any]) -> Any:
    """Return a data set for each part of the items of a window."""
    first = items[0]
    if isinstance(first, tuple):
        columns = list(zip(*items, strict=True))
        return tuple(_nest_of_datasets(column) for column in columns)
    if isinstance(first, dict):
        return {name: _nest_of_datasets([i[name] for i in items]) for name in first}
    return Dataset(lambda: iter(items), len(items))
