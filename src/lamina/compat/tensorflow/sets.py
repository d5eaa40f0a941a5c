"""Functions of `tensorflow.sets`: the last axis of a tensor is a set, on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.sparse import SparseTensor


def _rows(sets: Any) -> tuple[list[list[Any]], tuple[int, ...]]:
    """Return the items of each set, and the shape of the other axes."""
    if not isinstance(sets, SparseTensor):
        array = np.asarray(sets)
        return array.reshape(-1, array.shape[-1]).tolist(), array.shape[:-1]
    indices, values = np.asarray(sets.indices), np.asarray(sets.values).tolist()
    shape = tuple(int(size) for size in np.asarray(sets.dense_shape)[:-1])
    rows: list[list[Any]] = [[] for _ in range(int(np.prod(shape)))]
    for index, value in zip(indices, values, strict=True):
        rows[int(np.ravel_multi_index(index[:-1], shape)) if shape else 0].append(value)
    return rows, shape


def _combined(a: Any, b: Any, combine: Callable[[Any, Any], Any]) -> SparseTensor:
    first, shape = _rows(a)
    second, _ = _rows(b)
    pairs = zip(first, second, strict=True)
    rows = [np.array(sorted(combine(set(x), set(y)))) for x, y in pairs]
    found = SparseTensor.of_rows(rows)
    places = np.unravel_index(np.asarray(found.indices)[:, 0], shape or (1,))
    columns = [*(places if shape else ()), np.asarray(found.indices)[:, 1]]
    width = int(np.asarray(found.dense_shape)[1])
    return SparseTensor(np.stack(columns, 1), found.values, (*shape, width))


def union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """Return the items that either set has."""
    return _combined(a, b, set.union)


def intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """Return the items that both sets have."""
    return _combined(a, b, set.intersection)


def difference(
    a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True
) -> SparseTensor:
    """Return the items that the first set only has."""
    return (
        _combined(a, b, set.difference) if aminusb else _combined(b, a, set.difference)
    )


def size(a: Any, validate_indices: bool = True) -> Any:
    """Return the number of items of each set."""
    rows, shape = _rows(a)
    return jnp.asarray([len(set(row)) for row in rows]).reshape(shape)
