"""Methods of `Dataset` that group items by a key, a length or a choice."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data import sources, transforms
from lamina.compat.tensorflow.data.base import Items, Iterate
from lamina.compat.tensorflow.data.sources import INFINITE, UNKNOWN
from lamina.lazy import LazyImport
from lamina.typing import DTypeLike, PyTree

_MODULE = "lamina.compat.tensorflow.data.dataset"
_dataset, _as_dataset = (
    LazyImport(f"{_MODULE}:Dataset"),
    LazyImport(f"{_MODULE}:as_dataset"),
)


def _made(iterate: Iterate, length: int = UNKNOWN) -> Any:
    return _dataset.load()(iterate, length)


class Grouping(Items):
    """Base of `Dataset` with methods that group or choose items."""

    @staticmethod
    def counter(
        start: int = 0, step: int = 1, dtype: DTypeLike = "int64", name: str = ""
    ) -> Any:
        """Return a data set of all integers from a start."""
        kind = np.dtype(str(dtype)).type

        def numbers() -> Iterator[Any]:
            return (on_host(kind(n)) for n in itertools.count(start, step))

        return _made(numbers, INFINITE)

    @staticmethod
    def random(
        seed: int | None = None,
        rerandomize_each_iteration: bool | None = None,
        name: str = "",
    ) -> Any:
        """Return an infinite data set of random integers."""
        orders = sources.Orders(seed, is_fixed=not rerandomize_each_iteration)

        def numbers() -> Iterator[Any]:
            generator = orders.next()
            while True:
                yield on_host(generator.integers(2**32))

        return _made(numbers, INFINITE)

    @staticmethod
    def choose_from_datasets(
        datasets: Sequence[Any],
        choice_dataset: Iterable[Any],
        stop_on_empty_dataset: bool = True,
    ) -> Any:
        """Return items of several data sets, chosen by the indices of another."""

        def iterate() -> Iterator[Any]:
            parts = [_as_dataset.load()(d).items() for d in datasets]
            for choice in _as_dataset.load()(choice_dataset).items():
                found = next(parts[int(choice)], None)
                if found is not None:
                    yield found
                elif stop_on_empty_dataset:
                    return

        return _made(iterate)

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[[Any, Any], Iterable[Any]],
        window_size: int | None = None,
        window_size_func: Callable[[Any], Any] | None = None,
        name: str = "",
    ) -> Any:
        """Join what a function makes of items with the same key, in windows."""

        def size(key: Any) -> int:
            return int(window_size_func(key) if window_size_func else window_size or 1)

        def reduced(key: int, items: list[Any]) -> Iterator[Any]:
            window = _made(lambda: iter(items), len(items))
            return _as_dataset.load()(
                reduce_func(on_host(np.int64(key)), window)
            ).items()

        def iterate() -> Iterator[Any]:
            groups: dict[int, list[Any]] = {}
            for item in self.items():
                key = int(transforms.call(key_func, item))
                group = groups.setdefault(key, [])
                group.append(item)
                if len(group) == size(key):
                    yield from reduced(key, groups.pop(key))
            for key, group in sorted(groups.items()):
                yield from reduced(key, group)

        return _made(iterate)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: PyTree = None,
        padding_values: PyTree = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str = "",
    ) -> Any:
        """Stack items of similar lengths to batches, padded to one shape."""

        def bucket(*item: Any) -> int:
            length = int(element_length_func(*item))
            return int(np.searchsorted(bucket_boundaries, length, side="right"))

        def batch(key: Any, window: Any) -> Any:
            size = bucket_batch_sizes[int(key)]
            if no_padding:
                return window.batch(size, drop_remainder)
            return window.padded_batch(
                size, padded_shapes, padding_values, drop_remainder
            )

        def size(key: Any) -> int:
            return bucket_batch_sizes[int(key)]

        return self.group_by_window(bucket, batch, window_size_func=size)

    def unique(self, name: str = "") -> Any:
        """Return each item once."""

        def iterate() -> Iterator[Any]:
            seen: set[bytes | str] = set()
            for item in self.items():
                array = np.asarray(item)
                key = repr(array.tolist()) if array.dtype == object else array.tobytes()
                if key not in seen:
                    seen.add(key)
                    yield item

        return _made(iterate)

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str = ""
    ) -> Any:
        """Return the rows of batches in batches of another size."""
        dataset: Any = self
        return dataset.unbatch().batch(batch_size, drop_remainder)

    def snapshot(self, path: str, **_: object) -> Any:
        """Return the data set itself: nothing is stored."""
        return self
