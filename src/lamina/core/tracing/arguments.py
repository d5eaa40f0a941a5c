"""Arguments of ops as arrays: variables and sparse matrices among them."""

from __future__ import annotations

from typing import Any

from lamina.core.budget import check_output
from lamina.core.variable import Variable


def as_array(value: Any) -> Any:
    """Return a variable or sparse matrix as an array, also in a list or tuple."""
    if type(value) in (list, tuple) and any(map(_is_converted, value)):
        return type(value)(map(as_array, value))
    if isinstance(value, Variable):
        return value.value
    return dense_array(value) if is_sparse(value) else value


def is_sparse(value: object) -> bool:
    """Return whether a value is a sparse matrix, of SciPy or JAX."""
    return hasattr(type(value), "todense")


def dense_array(matrix: Any) -> Any:
    """Convert a sparse matrix to an array.

    Raises:
        ShapeError: the array is larger than `config.memory_limit()`.
    """
    check_output("A sparse matrix", matrix.shape, matrix.dtype)
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix.todense()


def _is_converted(value: object) -> bool:
    return isinstance(value, Variable) or is_sparse(value)
