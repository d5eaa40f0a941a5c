"""What `adapt` accepts: an array, or batches of arrays in any form."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lamina.errors import DataError

__all__ = ["batches_of", "is_batched"]


def is_batched(data: Any) -> bool:
    """Whether data is a series of batches rather than one array of rows.

    Lists of unequal lengths are a batch each.
    """
    if not isinstance(data, (list, tuple)):
        return not hasattr(data, "__array__")
    arrays = any(len(getattr(item, "shape", ())) > 0 for item in data[:1])
    lengths = {len(item) for item in data if isinstance(item, (list, tuple))}
    return arrays or len(lengths) > 1


def batches_of(data: Any, steps: int | None = None) -> Iterator[np.ndarray]:
    """The arrays in an array, a list of arrays, a generator or a data set.

    A batch that is a tuple, such as (x, y), gives its first element.

    Args:
        data: what the user passed to `adapt`.
        steps: how many batches to take at most.

    Raises:
        DataError: the data holds no batch, or can't be iterated over.
    """
    found = False
    for item in itertools.islice(_items(data), steps):
        batch = np.asarray(item[0] if isinstance(item, tuple) else item)
        if batch.size:
            found = True
            yield batch
    if not found:
        raise DataError(
            "adapt got no values: the data is empty, or a generator that has been used "
            "up already."
        )


def _items(data: Any) -> Iterable[Any]:
    if not is_batched(data):
        return [np.asarray(data)]
    if hasattr(data, "__getitem__") and not isinstance(data, (list, tuple)):
        return (data[i] for i in range(len(data)))
    if not isinstance(data, Iterable):
        raise DataError(
            f"adapt can't read {type(data).__name__}: give it an array, or something "
            "to iterate over that yields batches."
        )
    return data
