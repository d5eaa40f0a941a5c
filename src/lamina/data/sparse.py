"""Conversion of sparse matrices to dense arrays, batch by batch."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lamina import config
from lamina.core.untrusted import readable_size
from lamina.errors import DataError
from lamina.io.checksum import nbytes


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
    size = nbytes(value)
    if size > config.memory_limit():
        raise DataError(
            f"{what} is a sparse matrix of shape {tuple(value.shape)}: as an array it "
            f"would take {readable_size(size)}. Pass a generator of batches, or a "
            "matrix with two axes as x, which is converted batch by batch."
        )
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value.todense())


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


def _as_csr(value: Any) -> Any:
    """Return a matrix in SciPy's format of rows; `None` for other sparse arrays."""
    if len(value.shape) != 2:
        return None
    if hasattr(value, "tocsr"):
        return value.tocsr()
    value = value.to_bcoo() if hasattr(value, "to_bcoo") else value
    # JAX's coordinate format, whose module takes a while to import.
    if getattr(value, "n_batch", 1) or value.n_dense:
        return None
    from scipy.sparse import csr_array

    values, indices = np.asarray(value.data), np.asarray(value.indices)
    # JAX pads with indices that are out of bounds.
    kept = (indices < value.shape).all(1)
    return csr_array((values[kept], tuple(indices[kept].T)), value.shape)


def sparse_rows(value: object) -> SparseRows | None:
    """Return the rows of a sparse matrix; `None` for other values."""
    matrix = _as_csr(value) if is_sparse(value) else None
    return None if matrix is None else SparseRows(matrix)


class SparseRows(LazyRows):
    """Sparse matrix that returns its rows as dense arrays.

    Args:
        matrix: a matrix in SciPy's format of rows.
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        self._matrix: Any = matrix
        self.shape: tuple[int, ...] = matrix.shape
        self.dtype = matrix.dtype
        self.nbytes = nbytes(matrix)

    def __getitem__(self, rows: slice | np.ndarray) -> SparseRows | np.ndarray:
        part = self._matrix[rows]
        return SparseRows(part) if isinstance(rows, slice) else part.toarray()

    def toarray(self) -> np.ndarray:
        """Return all rows as an array."""
        return self._matrix.toarray()
