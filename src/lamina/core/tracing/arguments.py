"""Arguments of ops as arrays: variables and sparse matrices among them."""

from __future__ import annotations

import functools
from typing import Any

from lamina.core.untrusted import check_output
from lamina.core.variable import Variable


def as_array(value: Any) -> Any:
    """Return a variable or sparse matrix as an array, also in a list or tuple."""
    kind = type(value)
    if kind is list or kind is tuple:
        if any(_is_converted(type(v)) for v in value):
            return kind(map(as_array, value))
    elif _is_converted(kind):
        return value.value if isinstance(value, Variable) else dense_array(value)
    return value


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


@functools.cache
def _is_converted(kind: type) -> bool:
    return issubclass(kind, Variable) or hasattr(kind, "todense")
