"""Lazy sequences whose items are functions of a seed, an epoch and an index."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self, TypeAlias

import jax

from lamina.core.random.seeds import make_seed
from lamina.data.pipeline.collate import ArraySpec, rows_of
from lamina.data.prefetch import prefetch_map
from lamina.errors import ArgumentTypeError
from lamina.typing import PyTree


class EpochKey(NamedTuple):
    """Seed and epoch from which an item is computed, with its index."""

    seed: int
    epoch: int


# A function of seed and epoch, and an index.
ItemFunction: TypeAlias = Callable[[EpochKey, int], Any]


class Iterations:
    """Seed and count of iterations over a data set, shared by those derived from it."""

    def __init__(self) -> None:
        self._count = itertools.count()

    @functools.cached_property
    def seed(self) -> int:
        """Seed of orders that have none."""
        return make_seed()

    def next_key(self) -> EpochKey:
        """Return the key of the next iteration, which is an epoch."""
        return EpochKey(self.seed, next(self._count))


class Items:
    """Lazy sequence of items, the base of `Dataset`.

    Args:
        length: number of items; `None` if infinite.
        item: function of an `EpochKey` and an index that returns an item.
        counts: function of the same arguments that returns the number of rows, if
            items are batches; by default it computes the item.
        workers: number of threads that compute items; 0 for none.
    """

    # Of a data set made from a folder: names of its classes, and paths of its files.
    class_names: list[str] | None = None
    file_paths: list[str] | None = None

    def __init__(
        self,
        length: int | None,
        item: ItemFunction,
        counts: ItemFunction | None = None,
        workers: int = 0,
    ) -> None:
        self._length, self._item, self._workers = length, item, workers
        self._counts = counts or (lambda key, i: rows_of(item(key, i)))
        self._is_batched = counts is not None
        # The data set that `batch` made batches of.
        self._single: Self | None = None
        # Whether items in random order would compute the same batches repeatedly.
        self._is_sequential = False
        self._ahead = self._depth = 0
        self._iterations = Iterations()

    def _derive(
        self,
        length: int | None,
        item: ItemFunction,
        counts: ItemFunction | None = None,
        workers: int = 0,
    ) -> Self:
        """Return a data set of this one's items, in another order or form."""
        result = type(self)(length, item, counts, max(workers, self._workers))
        result.class_names, result._ahead = self.class_names, self._ahead
        result._is_sequential = self._is_sequential
        result._depth, result._iterations = self._depth + 1, self._iterations
        return result

    def _select(
        self,
        length: int | None,
        source: Callable[[EpochKey, int], tuple[EpochKey, int]],
    ) -> Self:
        """Return a data set of this one's items at `source(key, index)`."""
        result = self._derive(
            length,
            lambda key, i: self._item(*source(key, i)),
            lambda key, i: self._counts(*source(key, i)),
        )
        result._is_batched = self._is_batched
        return result

    def __len__(self) -> int:
        """Number of items.

        Raises:
            ArgumentTypeError: it is infinite.
        """
        if self._length is None:
            raise ArgumentTypeError(
                "The data set is infinite, so it has no length. Take some of its "
                "items: `dataset.take(count)`."
            )
        return self._length

    def cardinality(self) -> int:
        """Return the number of items, -1 if it is infinite."""
        return -1 if self._length is None else self._length

    def items(
        self, key: EpochKey, first: int = 0, stop: int | None = None
    ) -> Iterator[Any]:
        """Yield the items of an epoch, computed in advance by the threads.

        Args:
            key: seed and epoch.
            first: index of the first item.
            stop: index after the last item, if not all.
        """
        ends = [n for n in (self._length, stop) if n is not None]
        indices = range(first, min(ends)) if ends else itertools.count(first)
        function = functools.partial(self._item, key)
        if not self._workers:
            return map(function, indices)
        ahead = max(self._ahead, 2 * self._workers)
        return prefetch_map(function, indices, self._workers, ahead)

    def __iter__(self) -> Iterator[Any]:
        """Yield all items.

        The first iteration over this data set or one derived from it, such as
        `dataset.take(1)`, is epoch 0, the next one epoch 1.
        """
        return self.items(self._iterations.next_key())

    def __getitem__(self, index: int) -> Any:
        """Return an item of epoch 0."""
        if self._length is not None and not -self._length <= index < self._length:
            raise IndexError(f"Index {index} is out of range for {len(self)} items.")
        index = index if index >= 0 else index + len(self)
        return self._item(EpochKey(self._iterations.seed, 0), index)

    @functools.cached_property
    def element_spec(self) -> PyTree:
        """Shapes and types of the arrays in an item; the first item is computed."""
        first = next(self.items(EpochKey(0, 0), 0, 1), None)
        return jax.tree.map(lambda a: ArraySpec.of(a, self._is_batched), first)

    def __repr__(self) -> str:
        count = "infinite" if self._length is None else f"{self._length:,} items"
        return f"<Dataset: {count}, element_spec={self.element_spec}>"

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over the items; their arrays are NumPy's already."""
        return iter(self)
