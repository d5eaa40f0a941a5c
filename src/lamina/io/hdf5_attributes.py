"""Attributes of the objects of an HDF5 file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.io.byte_range import require
from lamina.io.hdf5_source import Source, decode_text
from lamina.io.hdf5_types import TEXT, Cursor, read_shape, read_type


class AttributeReader:
    """Parser of attributes: numbers, text, and arrays of these.

    Args:
        source: the file.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        # Strings of variable length, by the address of their heap and their index.
        self._heaps: dict[int, dict[int, bytes]] = {}

    def read(self, data: bytes) -> tuple[str, Any]:
        """Return the name and the value of an attribute, from its header message."""
        cursor = Cursor(data)
        version, flags, *sizes = cursor.unpack("<2B3H")
        is_known = version == 1 or version in (2, 3) and not flags
        require(is_known, "an attribute in it is of an unknown version")
        cursor.read(1 if version == 3 else 0)
        read_part = cursor.read_padded if version == 1 else cursor.read
        name, dtype, shape = (read_part(size) for size in sizes)
        values = self._read_values(cursor, read_type(Cursor(dtype)), Cursor(shape))
        return decode_text(name.rstrip(b"\0")), values

    def _read_values(self, cursor: Cursor, dtype: np.dtype, shape: Cursor) -> Any:
        """Read an attribute's number or text, or an array of these."""
        sizes = read_shape(shape)
        count = math.prod(sizes)
        if dtype == TEXT:
            is_inside = count <= cursor.remaining // 16
            require(is_inside, "an attribute in it is longer than the available bytes")
            array = np.array([self._read_heap_text(cursor) for _ in range(count)], "O")
        else:
            array = np.frombuffer(cursor.read(count * dtype.itemsize), dtype)
        if dtype.kind == "S":
            array = np.array([decode_text(item) for item in array.tolist()], "O")
        return array.reshape(sizes) if sizes else array[0]

    def _read_heap_text(self, cursor: Cursor) -> str:
        size, heap, index = cursor.unpack("<IQI")
        if not size:
            return ""
        if heap not in self._heaps:
            self._heaps[heap] = dict(self._read_heap(heap))
        self._source.spend(size)
        return decode_text(self._heaps[heap].get(index, b"")[:size])

    def _read_heap(self, address: int) -> Iterator[tuple[int, bytes]]:
        """Yield the index and the bytes of each object in a global heap."""
        signature, size = self._source.unpack_at(address, "<8sQ")
        is_heap = signature == b"GCOL\1\0\0\0"
        require(is_heap, "the text of an attribute is damaged")
        cursor = self._source.cursor_at(address + 16, max(size - 16, 0))
        while cursor.remaining >= 16:
            index, size = cursor.unpack("<H6xQ")
            if not index:
                break
            yield index, cursor.read_padded(size)
