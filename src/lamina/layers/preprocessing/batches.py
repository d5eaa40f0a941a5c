"""Iteration over the data that `adapt` accepts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lamina.errors import DataError


def is_batched(data: Any) -> bool:
    """Return whether data is a series of batches rather than one array of rows.

    In a list of lists of unequal lengths, each list is a batch.
    """
    if not isinstance(data, (list, tuple)):
        return not hasattr(data, "__array__")
    has_arrays = any(len(getattr(item, "shape", ())) > 0 for item in data[:1])
    lengths = {len(item) for item in data if isinstance(item, (list, tuple))}
    return has_arrays or len(lengths) > 1


def batches_of(data: Any, steps: int | None = None) -> Iterator[np.ndarray]:
    """Yield the batches of an array, a list of arrays, a generator or a data set.

    Of a batch that is a tuple, such as (x, y), the first element is taken.

    Args:
        data: the argument of `adapt`.
        steps: maximum number of batches.

    Raises:
        DataError: the data has no batches, or is not iterable.
    """
    found = False
    for item in itertools.islice(_items(data), steps):
        batch = np.asarray(item[0] if isinstance(item, tuple) else item)
        if batch.size:
            found = True
            yield batch
    if not found:
        raise DataError(
            "`adapt` received no values: the data is empty, or an exhausted generator. "
            "Create the generator again."
        )


def _items(data: Any) -> Iterable[Any]:
    if not is_batched(data):
        return [np.asarray(data)]
    if hasattr(data, "__getitem__") and not isinstance(data, (list, tuple)):
        return (data[i] for i in range(len(data)))
    if not isinstance(data, Iterable):
        raise DataError(
            f"`adapt` needs an array or an iterable of batches. Received: an object "
            f"of type {type(data).__name__}. Convert it: `np.asarray(data)`."
        )
    return data
