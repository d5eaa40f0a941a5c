"""Reader of an HDF5 file that bounds the bytes it reads."""

from __future__ import annotations

import struct
from typing import Any

from lamina.io.byte_range import ByteRange, DamagedError, require
from lamina.io.hdf5_types import Cursor


class Source:
    """Bytes of a file, with a budget of bytes to read.

    Args:
        region: the bytes.
    """

    def __init__(self, region: ByteRange) -> None:
        self._region = region
        self._byte_budget = 2 * region.size + 1024

    def cursor_at(self, address: int, size: int) -> Cursor:
        """Return a cursor over bytes at an address."""
        self.spend(size)
        return Cursor(self._region.read(address, size))

    def unpack_at(self, address: int, layout: str) -> tuple[Any, ...]:
        """Return the values at an address, in a layout of `struct`."""
        return self.cursor_at(address, struct.calcsize(layout)).unpack(layout)

    def spend(self, size: int) -> None:
        """Subtract bytes from the budget: about twice the size of the file."""
        self._byte_budget -= size
        require(self._byte_budget >= 0, "its parts overlap")


def decode_text(data: bytes) -> str:
    """Return text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DamagedError("a string in it is not valid UTF-8") from None


def decode_name(data: bytes) -> str:
    """Return the name of an object."""
    name = decode_text(data)
    is_valid = name not in ("", ".", "..") and "/" not in name and len(name) <= 1000
    require(is_valid, f"an object in it has the invalid name {name[:100]!r}")
    return name
