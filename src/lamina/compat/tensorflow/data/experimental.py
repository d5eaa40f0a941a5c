"""Functions of `tensorflow.data.experimental`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lamina.compat.tensorflow.data.base import Options
from lamina.compat.tensorflow.data.csv_files import CsvDataset as CsvDataset
from lamina.compat.tensorflow.data.csv_files import make_csv_dataset as make_csv_dataset
from lamina.compat.tensorflow.data.dataset import Dataset, as_dataset
from lamina.compat.tensorflow.data.records import TFRecordWriter as TFRecordWriter
from lamina.compat.tensorflow.data.sources import INFINITE, UNKNOWN

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


def _applied(name: str) -> Callable[..., Any]:
    """Return a function whose result calls a method of a data set."""

    def function(*args: object, **kwargs: object) -> Callable[[Any], Any]:
        return lambda dataset: getattr(as_dataset(dataset), name)(*args, **kwargs)

    return function


bucket_by_sequence_length = _applied("bucket_by_sequence_length")
enumerate_dataset, unbatch = _applied("enumerate"), _applied("unbatch")
group_by_window, parallel_interleave = (
    _applied("group_by_window"),
    _applied("interleave"),
)
scan, snapshot, take_while = (
    _applied("scan"),
    _applied("snapshot"),
    _applied("take_while"),
)
unique, rebatch = _applied("unique"), _applied("rebatch")
choose_from_datasets = Dataset.choose_from_datasets
sample_from_datasets = Dataset.sample_from_datasets
Counter, RandomDataset = Dataset.counter, Dataset.random
OptimizationOptions = DistributeOptions = ThreadingOptions = Options


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: int,
    drop_remainder: bool = False,
    **_: object,
) -> Callable[[Any], Dataset]:
    """Return a function that maps a data set and stacks its items to batches."""
    return lambda d: as_dataset(d).map(map_func).batch(batch_size, drop_remainder)


def shuffle_and_repeat(
    buffer_size: int, count: int | None = None, seed: int | None = None
) -> Callable[[Any], Dataset]:
    """Return a function that shuffles a data set and repeats it."""
    return lambda d: as_dataset(d).shuffle(buffer_size, seed).repeat(count)


def prefetch_to_device(device: str, **_: object) -> Callable[[Any], Any]:
    """Return a function that returns a data set as it is."""
    return lambda dataset: dataset


copy_to_device = prefetch_to_device


def get_structure(dataset_or_iterator: Iterable[Any]) -> Any:
    """Return the shapes and types of an item."""
    return as_dataset(dataset_or_iterator).element_spec


class AutoShardPolicy:
    """Names of policies, which have no effect: there is one device."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


def from_list(elements: list[Any], name: str = "") -> Dataset:
    """Return a data set of the items of a list."""
    return as_dataset(elements)
