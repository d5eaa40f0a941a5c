"""`Dataset` with the constructors and methods of `tensorflow.data`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow import text
from lamina.data.pipeline.dataset import Dataset as Pipeline
from lamina.data.pipeline.items import EpochKey
from lamina.errors import ArgumentError

AUTOTUNE = -1


class Dataset(Pipeline):
    """Lazy sequence of items, each computed from its index.

    Example:
        >>> dataset = Dataset.from_tensor_slices([1, 2, 3]).batch(2)
        >>> [batch.tolist() for batch in dataset]
        [[1, 2], [3]]
    """

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: Any = None) -> Dataset:
        """Return a data set of the rows of arrays, or of a nest of arrays.

        Raises:
            ArgumentError: the arrays have different numbers of rows.
        """
        arrays = _arrays(tensors)
        lengths = {len(a) for a in jax.tree.leaves(arrays)}
        if len(lengths) != 1:
            counts = sorted(lengths)
            raise ArgumentError(f"The arrays have different numbers of rows: {counts}.")
        return cls(lengths.pop(), lambda key, i: jax.tree.map(lambda a: a[i], arrays))

    @classmethod
    def from_tensors(cls, tensors: Any, name: Any = None) -> Dataset:
        """Return a data set of one item."""
        arrays = _arrays(tensors)
        return cls(1, lambda key, i: arrays)

    @classmethod
    def range(cls, *args: int, **_: Any) -> Dataset:
        """Return a data set of numbers, as Python's `range`."""
        return cls.from_tensor_slices(np.arange(*args))

    @classmethod
    def zip(cls, *datasets: Any, name: Any = None) -> Dataset:
        """Return a data set of tuples of the items of several."""
        first = datasets[0]
        parts = first if isinstance(first, (tuple, list)) else datasets
        length = min(len(part) for part in parts)
        return cls(length, lambda key, i: tuple(p._item(key, i) for p in parts))

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: Any = None,
    ) -> Dataset:
        """Return a data set of data sets of consecutive items."""
        shift = size if shift is None else shift
        total = len(self)
        span = (size - 1) * stride + 1
        count = (total - span) // shift + 1 if drop_remainder else -(-total // shift)

        def item(key: EpochKey, index: int) -> Dataset:
            start = index * shift
            length = min(size, -(-(total - start) // stride))
            return type(self)(length, lambda k, i: self._item(key, start + i * stride))

        return self._derive(max(0, count), item)

    def flat_map(self, map_func: Callable[..., Any], name: Any = None) -> Dataset:
        """Join the data sets that a function returns, which must be of one length.

        Raises:
            ArgumentError: they have different lengths.
        """

        def inner(key: EpochKey, index: int) -> Dataset:
            value = self._item(key, index)
            return map_func(*value) if isinstance(value, tuple) else map_func(value)

        length = len(inner(EpochKey(0, 0), 0)) if len(self) else 1

        def item(key: EpochKey, index: int) -> Any:
            found = inner(key, index // length)
            if len(found) != length:
                raise ArgumentError(
                    f"flat_map: data sets of {length} and {len(found)} items. Use "
                    "`drop_remainder=True` so that all have the same length."
                )
            return found._item(key, index % length)

        return self._derive(len(self) * length, item)

    def filter(self, predicate: Callable[..., Any], name: Any = None) -> Dataset:
        """Return the items for which a function is true; it is called for all now."""
        key = EpochKey(0, 0)
        kept: list[int] = []
        for index in range(len(self)):
            value = self._item(key, index)
            parts = value if isinstance(value, tuple) else (value,)
            if np.asarray(predicate(*parts)):
                kept.append(index)
        return self._select(len(kept), lambda key, i: (key, kept[i]))

    def enumerate(self, start: int = 0, name: Any = None) -> Dataset:
        """Return a data set of the numbers of the items and the items."""
        return self._derive(
            self._length, lambda key, i: (np.int64(start + i), self._item(key, i))
        )

    def concatenate(self, dataset: Dataset, name: Any = None) -> Dataset:
        """Return a data set of these items, then those of another."""
        count = len(self)
        return self._derive(
            count + len(dataset),
            lambda key, i: (
                self._item(key, i) if i < count else dataset._item(key, i - count)
            ),
        )

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator of items as NumPy arrays."""
        return super().__iter__()

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            yield jax.tree.map(_tensor, item)


def _tensor(value: Any) -> Any:
    found = text(value)
    return found if found is not value else jnp.asarray(value)


def _arrays(tensors: Any) -> Any:
    """Return a nest with arrays in place of data frames, series and plain lists."""
    if isinstance(tensors, dict):
        return {name: _arrays(value) for name, value in tensors.items()}
    if isinstance(tensors, tuple):
        return tuple(_arrays(value) for value in tensors)
    return np.asarray(tensors)
