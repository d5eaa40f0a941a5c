"""Functions of `tensorflow.data.experimental`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data.dataset import Dataset, as_dataset
from lamina.compat.tensorflow.data.sources import INFINITE, UNKNOWN
from lamina.typing import DTypeLike

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN


def cardinality(dataset: Iterable[Any]) -> Any:
    """Return the number of items, -1 if it is infinite, -2 if unknown."""
    return as_dataset(dataset).cardinality()


def assert_cardinality(expected_cardinality: int) -> Callable[[Any], Dataset]:
    """Return a function that sets the number of items of a data set."""
    return lambda d: Dataset(as_dataset(d).items, int(expected_cardinality))


def get_single_element(dataset: Iterable[Any]) -> Any:
    """Return the only item of a data set."""
    return next(iter(dataset))


def ignore_errors(log_warning: bool = False) -> Callable[[Any], Any]:
    """Return a function that returns a data set as it is: errors are raised."""
    return lambda dataset: dataset


def Counter(start: int = 0, step: int = 1, dtype: DTypeLike = "int64") -> Dataset:
    """Return a data set of all integers from a start."""
    kind = np.dtype(str(dtype))

    def numbers() -> Iterator[Any]:
        return (on_host(kind.type(n)) for n in itertools.count(start, step))

    return Dataset(numbers, INFINITE)


def from_list(elements: list[Any], name: str = "") -> Dataset:
    """Return a data set of the items of a list."""
    return as_dataset(elements)
