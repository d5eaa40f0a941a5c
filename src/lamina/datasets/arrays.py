"""Arrays out of NumPy's `.npz` files, of which only numbers are read."""

from __future__ import annotations

import math
import re
import zipfile
from contextlib import suppress

import numpy as np

from lamina.core.budget import BoundedReader
from lamina.datasets.archives import BROKEN, open_member, read_member
from lamina.errors import FileFormatError

__all__ = ["header_of", "npy_member", "read_arrays"]

_HEADER = re.compile(
    rb"\{'descr': '([<>|]?[a-zA-Z]\d*)', 'fortran_order': (True|False), "
    rb"'shape': \(([\dL, ]*)\), \}\s*"
)
_MAX_HEADER = 10_000


def read_arrays(path: str, *names: str) -> list[np.ndarray]:
    """Arrays of a file, by name.

    Raises:
        FileFormatError: the file is damaged, or holds something other than numbers.
    """
    return [_array(npy_member(path, name), f"{name!r} in {path}") for name in names]


def npy_member(path: str, name: str) -> bytearray:
    """The bytes of one array.

    Raises:
        FileFormatError: there is none, or the file is damaged.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(BoundedReader(file)) as archive:
            info = archive.getinfo(f"{name}.npy")
            with open_member(archive, info) as source:
                return read_member(source, info.filename, info.file_size)
    except BROKEN as error:
        raise FileFormatError(f"{name!r} can't be read from {path}: {error}") from None


def header_of(
    data: bytearray, what: str
) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """Type, order and shape of an array, and where its values begin.

    Raises:
        FileFormatError: its description is not as NumPy writes it.
    """
    width = 4 if data[6:7] > b"\1" else 2
    end = 8 + width + int.from_bytes(data[8 : 8 + width], "little")
    found = None
    if data.startswith(b"\x93NUMPY") and end <= min(len(data), _MAX_HEADER):
        found = _HEADER.fullmatch(data, 8 + width, end)
    with suppress(TypeError, ValueError):
        if found:
            dtype = np.dtype(found[1].decode())
            sizes = found[3].replace(b"L", b"").split(b",")  # as Python 2 wrote them
            shape = tuple(int(n) for n in sizes if n.strip())
            return dtype, found[2] == b"True", shape, end
    raise FileFormatError(f"{what} is described in a way that arrays are not.")


def _array(data: bytearray, what: str) -> np.ndarray:
    dtype, transposed, shape, start = header_of(data, what)
    if dtype.kind not in "biuf":
        raise FileFormatError(
            f"{what} holds values of type {dtype.str!r}, and only numbers are read: "
            "NumPy keeps objects as pickles, which can run any code."
        )
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise FileFormatError(
            f"{what} claims to have shape {shape}, but holds {len(data) - start:,} "
            "bytes."
        )
    values = np.frombuffer(data, dtype, offset=start)
    return values.reshape(shape, order="F" if transposed else "C")
