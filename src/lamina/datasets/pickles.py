"""A reader of pickled NumPy arrays that runs no code.

NumPy writes object arrays as pickles, and CIFAR is published as pickles; a pickle can
call any function. Here each class that a pickle names is replaced by a placeholder that
only stores the values given to it.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from lamina.errors import FileFormatError

__all__ = ["array_values", "unpickle"]

_ARRAY_GLOBALS = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
    }
)


class _Placeholder:
    """Placeholder for NumPy's classes and functions that only stores a state."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that replaces NumPy's classes and refuses all others."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) in _ARRAY_GLOBALS:
            return _Placeholder
        raise FileFormatError(
            f"The file names {module_name}.{global_name}, but arrays need only NumPy's "
            "array types. Nothing in the file was run."
        )


def unpickle(data: bytes | bytearray, what: str) -> Any:
    """Load a pickle of plain values and arrays; strings of Python 2 become bytes.

    Args:
        data: the pickle.
        what: its name, for messages.

    Raises:
        FileFormatError: it is damaged, or names other classes than those of arrays.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except FileFormatError:
        raise
    # The bytes of a damaged pickle can ask for any operation on any object.
    except Exception as error:
        raise FileFormatError(f"{what} is damaged: {error}") from None


def array_values(array: Any) -> Any:
    """Return the elements of an unpickled array, a list or bytes, or else `None`."""
    # NumPy pickles an array's state as (version, shape, dtype, is_fortran, elements).
    is_array = isinstance(array, _Placeholder) and isinstance(array.state, tuple)
    return array.state[-1] if is_array and array.state else None
