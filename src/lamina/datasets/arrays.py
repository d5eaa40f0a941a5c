"""Readers of arrays in `.npz` files and pickles that run no code.

NumPy writes object arrays as pickles, and CIFAR is published as pickles; a pickle can
call any function. Here each class that a pickle names is replaced by a placeholder that
only stores the values given to it.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from contextlib import suppress
from typing import Any

import numpy as np

from lamina.core.untrusted import BoundedReader
from lamina.datasets.archives import archive_errors, open_member, read_member
from lamina.errors import FileFormatError

_HEADER = re.compile(
    rb"\{'descr': '([<>|]?[a-zA-Z]\d*)', 'fortran_order': (True|False), "
    rb"'shape': \(([\dL, ]*)\), \}\s*"
)
_MAX_HEADER = 10_000
_ARRAY_GLOBALS = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
    }
)


def read_arrays(path: str, *names: str) -> list[np.ndarray]:
    """Read arrays of a file by name.

    Raises:
        FileFormatError: the file is damaged, or holds something other than numbers.
    """
    return [
        _array(read_npy_member(path, name), f"{name!r} in {path}") for name in names
    ]


def read_npy_member(path: str, name: str) -> bytearray:
    """Read the bytes of an array in `.npy` format.

    Raises:
        FileFormatError: there is no such array, or the file is damaged.
    """
    with (
        archive_errors(f"{name!r} cannot be read from {path}"),
        open(path, "rb") as file,
        zipfile.ZipFile(BoundedReader(file)) as archive,
    ):
        info = archive.getinfo(f"{name}.npy")
        with open_member(archive, info) as source:
            return read_member(source, info.filename, info.file_size)


def parse_header(
    data: bytearray, what: str
) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """Parse the header of an array: dtype, Fortran order, shape, offset of its values.

    Raises:
        FileFormatError: the header is not as NumPy writes it.
    """
    width = 4 if data[6:7] > b"\1" else 2
    end = 8 + width + int.from_bytes(data[8 : 8 + width], "little")
    found = None
    if data.startswith(b"\x93NUMPY") and end <= min(len(data), _MAX_HEADER):
        found = _HEADER.fullmatch(data, 8 + width, end)
    with suppress(TypeError, ValueError):
        if found:
            dtype = np.dtype(found[1].decode())
            sizes = found[3].replace(b"L", b"").split(b",")  # Python 2 writes 3L.
            shape = tuple(int(n) for n in sizes if n.strip())
            return dtype, found[2] == b"True", shape, end
    raise FileFormatError(f"{what} does not have a valid NumPy header.")


def _array(data: bytearray, what: str) -> np.ndarray:
    dtype, transposed, shape, start = parse_header(data, what)
    if dtype.kind not in "biuf":
        raise FileFormatError(
            f"{what} holds values of type {dtype.str!r}, but only numbers are read: "
            "NumPy stores objects as pickles, which can run any code."
        )
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise FileFormatError(
            f"{what} declares the shape {shape}, but holds {len(data) - start:,} bytes."
        )
    values = np.frombuffer(data, dtype, offset=start)
    return values.reshape(shape, order="F" if transposed else "C")


class _Placeholder:
    """Placeholder for NumPy's classes and functions that only stores a state."""

    def __init__(self, *_: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
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
