"""Batches of items: trees of arrays with a first axis of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from lamina.errors import DataError
from lamina.typing import PyTree

# Makes a batch of a number of items.
Collate: TypeAlias = Callable[[Iterable[Any], int], Any]


class ArraySpec(NamedTuple):
    """Shape and type of an array in a data set; `None` is the size of a batch."""

    shape: tuple[int | None, ...]
    dtype: str

    @classmethod
    def of(cls, value: object, batched: bool) -> ArraySpec:
        """Return the shape and type of a value, in a batch without its rows."""
        array = _as_array(value)
        shape = (None, *array.shape[1:]) if batched else array.shape
        dtype = "str" if array.dtype.kind in "OSU" else array.dtype.name
        return cls(shape, dtype)

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


def _as_array(value: object) -> np.ndarray:
    # A NumPy array of strings has the length of the longest one for each.
    return np.asarray(value, dtype=object if isinstance(value, (str, bytes)) else None)


def rows_of(batch: PyTree) -> int:
    """Return the number of rows in a batch."""
    leaves = jax.tree.leaves(batch)
    return len(leaves[0]) if leaves and np.ndim(leaves[0]) else 0


def row(batch: PyTree, index: int) -> Any:
    """Return a row of a batch."""
    return jax.tree.map(lambda array: array[index], batch)


def collate(items: Iterable[Any], count: int) -> Any:
    """Return a batch of items, each written into the batch as it arrives.

    Raises:
        DataError: the items have different structures or shapes.
    """
    structure, buffers = None, list[np.ndarray]()
    for i, item in enumerate(items):
        leaves, new = jax.tree.flatten(item)
        arrays = [_as_array(leaf) for leaf in leaves]
        if structure is None:
            structure = new
            buffers = [np.empty((count, *a.shape), a.dtype) for a in arrays]
        if new != structure:
            raise DataError(
                f"Items of a batch differ: the first is {structure}, another is {new}. "
                "The function in `map` must return the same parts for each item."
            )
        for k, array in enumerate(arrays):
            buffers[k] = _write(buffers[k], i, array)
    return jax.tree.unflatten(structure, buffers) if structure is not None else ()


def _write(buffer: np.ndarray, index: int, array: np.ndarray) -> np.ndarray:
    if array.shape != buffer.shape[1:]:
        raise DataError(
            f"Items of a batch have the shapes {buffer.shape[1:]} and {array.shape}. "
            "Pad or resize them to one shape, as in `dataset.map(...)`."
        )
    if array.dtype != buffer.dtype:
        buffer = buffer.astype(np.result_type(buffer, array))
    buffer[index, ...] = array  # `...` so that an object array holds the string itself
    return buffer


def padded(items: Iterable[Any], count: int) -> Any:
    """Return a batch of items, padded with zeros at the end to the largest shape."""

    def stack(*values: object) -> np.ndarray:
        arrays = [_as_array(value) for value in values]
        shape = np.max([array.shape for array in arrays], axis=0).astype(int)
        batch = np.zeros((count, *shape), arrays[0].dtype)
        for i, array in enumerate(arrays):
            batch[i, *map(slice, array.shape), ...] = array
        return batch

    return jax.tree.map(stack, *items)
