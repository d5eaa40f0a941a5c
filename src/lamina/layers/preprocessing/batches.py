"""Iteration over the data that `adapt` accepts."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import DataError, FileFormatError
from lamina.io.files import open_file
from lamina.progress.bar import ProgressBar
from lamina.typing import DTypeLike

# Rows that are converted at once.
_LINES = 10_000
_SINGLE = (Path, str, bytes)


def is_batched(data: object) -> bool:
    """Return whether data is a series of batches rather than one array of rows.

    In a list of lists of unequal lengths, each list is a batch.
    """
    if not isinstance(data, (list, tuple)):
        return not (hasattr(data, "__array__") or isinstance(data, _SINGLE))
    has_arrays = any(len(getattr(item, "shape", ())) > 0 for item in data[:1])
    lengths = {len(item) for item in data if isinstance(item, (list, tuple))}
    return has_arrays or len(lengths) > 1


def batches_of(
    data: object, steps: int | None = None, dtype: DTypeLike = None
) -> Iterator[np.ndarray]:
    """Yield the batches of an array, a list of arrays, a generator or a data set.

    Of a batch that is a tuple, such as (x, y), the first element is taken.

    Args:
        data: the argument of `adapt`.
        steps: maximum number of batches.
        dtype: element type of batches that are lists; `None` for NumPy's choice.

    Raises:
        DataError: the data has no batches, or is not iterable.
    """
    found = False
    for item in itertools.islice(_items(data), steps):
        item = item[0] if isinstance(item, tuple) else item
        batch = np.array(item, dtype) if isinstance(item, list) else np.asarray(item)
        if batch.size:
            found = True
            # A data set without batches has single texts or numbers.
            yield np.atleast_1d(batch)
    if not found:
        raise DataError(
            "`adapt` received no values: the data is empty, or an exhausted generator. "
            "Create the generator again."
        )


def as_numbers(layer: Any, batch: np.ndarray) -> np.ndarray:
    """Return a batch for the `adapt` of a layer of numbers.

    Raises:
        DataError: it holds something else.
    """
    try:
        return batch.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Layer {layer.name!r} ({type(layer).__name__}) needs numbers: {error}. "
            "For strings, use StringLookup, or in a FeatureSpace 'string_categorical'."
        ) from None


def _items(data: Any) -> Iterable[Any]:
    if isinstance(data, Path):
        return _lines(data)
    if not is_batched(data):
        return [list(data) if isinstance(data, tuple) else data]
    if hasattr(data, "__getitem__") and not isinstance(data, Iterable):
        return (data[i] for i in range(len(data)))
    if not isinstance(data, Iterable):
        raise DataError(
            f"`adapt` needs an array or an iterable of batches. Received: an object "
            f"of type {type(data).__name__}. Convert it: `np.asarray(data)`."
        )
    return data


def _lines(path: Path) -> Iterator[list[str]]:
    """Yield the lines of a text file in batches.

    Raises:
        MissingFileError: the file does not exist, or is not a regular one.
        FileFormatError: the file is not a text in UTF-8.
    """
    with open_file(path) as source, io.TextIOWrapper(source, encoding="utf-8") as file:
        try:
            while lines := list(itertools.islice(file, _LINES)):
                yield [line.rstrip("\n") for line in lines]
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"{str(path)!r} is not a text file in UTF-8: {error}."
            ) from None


def pieces_of(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield batches in pieces of few rows, each row of at least one axis."""
    for batch in batches:
        rows = batch.reshape(-1, 1) if batch.ndim < 2 else batch
        for start in range(0, len(rows), _LINES):
            yield rows[start : start + _LINES]


def with_progress(batches: Iterable[np.ndarray], title: str) -> Iterator[np.ndarray]:
    """Yield batches, and show progress if it takes long.

    Args:
        batches: arrays of rows.
        title: text before the number of rows that are done.
    """
    with ProgressBar(title, unit="row") as bar:
        for batch in batches:
            yield batch
            bar.add(len(batch))
