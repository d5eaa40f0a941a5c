"""Conversion of sparse matrices to dense arrays, at once or batch by batch."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from lamina import config
from lamina.core.budget import readable_size
from lamina.errors import DataError


def is_sparse(value: object) -> bool:
    """Return whether a value is a sparse matrix, as of SciPy or JAX."""
    makes_dense = hasattr(value, "toarray") or hasattr(value, "todense")
    return makes_dense and not isinstance(value, (np.ndarray, jax.Array))


def dense(value: Any, what: str) -> np.ndarray:
    """Convert a sparse matrix to an array.

    Args:
        value: the matrix.
        what: `"x"`, `"y"` or `"sample_weight"`, for messages.

    Raises:
        DataError: the array exceeds the available memory.
    """
    size = _dense_size(value)
    if size > config.memory_limit():
        raise DataError(
            f"{what} is a sparse matrix of shape {tuple(value.shape)}: as an array it "
            f"would take {readable_size(size)}. Pass `scipy.sparse.csr_array(x)`, "
            "which is converted batch by batch, or a generator of batches."
        )
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value.todense())


def _dense_size(value: Any) -> int:
    return math.prod(value.shape) * np.dtype(value.dtype).itemsize


class LazyRows:
    """Base of rows that are converted to dense arrays when they are read."""

    shape: tuple[int, ...]
    ndim: int
    dtype: Any
    # Size of all rows as an array.
    nbytes: int

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> LazyRows | np.ndarray:
        """Return an array of the rows at some indices, or a slice unconverted."""
        raise NotImplementedError

    def toarray(self) -> np.ndarray:
        """Return all rows as an array."""
        raise NotImplementedError


class SparseRows(LazyRows):
    """SciPy sparse matrix that returns its rows as dense arrays.

    Args:
        matrix: any two-dimensional format.
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix.tocsr()
        self.shape: tuple[int, ...] = self._matrix.shape
        self.dtype = self._matrix.dtype
        self.nbytes = _dense_size(self._matrix)

    def __getitem__(self, rows: slice | np.ndarray) -> SparseRows | np.ndarray:
        part = self._matrix[rows]
        return SparseRows(part) if isinstance(rows, slice) else part.toarray()

    def tocsr(self) -> Any:
        """Return SciPy's matrix."""
        return self._matrix

    def toarray(self) -> np.ndarray:
        """Return all rows as an array."""
        return self._matrix.toarray()
