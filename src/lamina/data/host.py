"""Rows that host layers, such as lookups of strings, convert before programs run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np

from lamina.data.arrays import map_arrays, num_rows
from lamina.data.sparse import LazyRows
from lamina.typing import PyTree

_EXAMPLE = 256  # rows


class HostFunction(Protocol):
    """A model's host layers, as a function of its inputs."""

    def __call__(self, inputs: PyTree) -> dict[str, Any]:
        """Return the inputs of the model's program, by name."""
        ...

    def is_prepared(self, inputs: PyTree) -> bool:
        """Return whether data is what the function returns."""
        ...


class HostRows(LazyRows):
    """Rows that host layers convert when they are read.

    Args:
        take: returns converted rows.
        like: some converted rows.
        rows: the rows of the data.
    """

    def __init__(
        self,
        take: Callable[[slice | np.ndarray], np.ndarray],
        like: np.ndarray,
        rows: range,
    ) -> None:
        self._take, self._like, self._rows = take, like, rows
        self.shape: tuple[int, ...] = (len(rows), *like.shape[1:])
        self.ndim, self.dtype = like.ndim, like.dtype
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, rows: slice | np.ndarray) -> HostRows | np.ndarray:
        if isinstance(rows, slice):
            return HostRows(self._take, self._like, self._rows[rows])
        return self._take(rows + self._rows.start)

    def toarray(self) -> np.ndarray:
        """Return all rows as an array."""
        return self._take(slice(self._rows.start, self._rows.stop))


class _LastRows:
    """Converted rows of arrays; the last ones are cached, for several tensors."""

    def __init__(self, function: HostFunction, arrays: PyTree) -> None:
        self._function, self._arrays = function, arrays
        self._key: object = None
        self._found: dict[str, Any] = {}

    def take(self, rows: slice | np.ndarray) -> dict[str, Any]:
        """Return converted rows, by name."""
        is_slice = isinstance(rows, slice)
        key = (rows.start, rows.stop) if is_slice else rows.tobytes()
        if key != self._key:
            batch = jax.tree.map(lambda a: a[rows], self._arrays)
            found = self._function(batch)
            self._found = {k: np.asarray(v) for k, v in found.items()}
            self._key = key
        return self._found


def host_arrays(tree: PyTree) -> Any:
    """Convert data for host layers to NumPy arrays, with strings as they are."""

    def convert(value: object) -> np.ndarray:
        if isinstance(value, (list, tuple)) and _holds_text(value):
            return np.array(value, object)
        return np.asarray(value)

    return map_arrays(convert, tree)


def _holds_text(value: object) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (str, bytes))


def host_rows(function: HostFunction, data: PyTree) -> dict[str, HostRows]:
    """Return rows that host layers compute from arrays when a batch takes them.

    Args:
        function: the host layers.
        data: arrays with the same number of rows, in lists and dictionaries.
    """
    arrays = host_arrays(data)
    rows = num_rows(arrays, "x")
    last = _LastRows(function, arrays)
    example = last.take(slice(0, min(rows, _EXAMPLE)))
    return {
        name: HostRows(lambda r, name=name: last.take(r)[name], like, range(rows))
        for name, like in example.items()
    }
