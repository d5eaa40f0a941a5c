"""HDF5 writer for groups and arrays, in one pass over the arrays.

The layout is readable by HDF5 1.8 and later: first the arrays, then the text of
attributes, then the headers of arrays and groups, each before the header of its parent.
All addresses follow from the arrays' shapes, so a file can be streamed into an archive
or a checksum, and equal models give equal files. One array at a time is in memory.

Reference: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BufferedWriter
from typing import Any, TypeAlias

import numpy as np

from lamina.errors import ArgumentError
from lamina.io import hdf5
from lamina.io.checksum import AnyArray, Checksum, array_chunks, nbytes
from lamina.io.hdf5 import SIGNATURE, UNDEFINED
from lamina.io.hdf5_types import BFLOAT16, FLOAT_LAYOUTS
from lamina.typing import DTypeLike

# Placeholder of the same length as the checksum that replaces it.
CHECKSUM = "the SHA-256 of the arrays".ljust(64)

_START = 96  # size of the superblock
_ALIGNMENT = 64
_TEXTS_PER_HEAP = 60_000
_TEXT = b"\x19\x01\x01\x00\x10\x00\x00\x00" + b"\x13\x00\x00\x00\x01\x00\x00\x00"
_BITS = {dtype: bits for bits, dtype in FLOAT_LAYOUTS.items() if dtype != BFLOAT16}

Texts: TypeAlias = Mapping[str, str | list[str]]
# Addresses of arrays by name, and groups of these.
_Tree: TypeAlias = dict[str, Any]


class HDF5File:
    """HDF5 file to be written: its contents, size and bytes.

    Args:
        groups: for each group, by its path such as `"layers/dense/vars"`, its arrays
            by name. An array is anything with `shape` and `dtype` that NumPy can read.
        attributes: for each group, by its path, a string or a list of strings by name.
            `CHECKSUM` is replaced by the SHA-256 of all arrays.

    Raises:
        ArgumentError: an array has a dtype that Keras's files cannot hold.
    """

    def __init__(
        self,
        groups: dict[str, dict[str, AnyArray]],
        attributes: Mapping[str, Texts],
    ) -> None:
        self.arrays: list[tuple[int, AnyArray]] = []
        self.headers: list[bytes | list[str]] = []
        self.end = _START
        self.attributes = attributes
        offsets = {
            (path, name): self._reserve(array)
            for path, arrays in groups.items()
            for name, array in arrays.items()
        }
        self._align()
        self.data_end = self.end
        values = (value for group in attributes.values() for value in group.values())
        texts = {text for value in values for text in _as_list(value)}
        self.has_checksum = CHECKSUM in texts
        self.texts = self._reserve_texts(sorted({"bfloat16", *texts}))
        tree: _Tree = {}
        for path, arrays in groups.items():
            group = tree
            for part in filter(None, path.split("/")):
                group = group.setdefault(part, {})
            for name, array in arrays.items():
                group[name] = self._array_header(array, offsets[path, name])
        self.root = self._group_header("", tree)
        self.size = self.end

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield the file's bytes in chunks, in order."""
        yield self._superblock()
        position = _START
        digest = Checksum()
        for offset, array in self.arrays:
            yield bytes(offset - position)
            for chunk in array_chunks(array, array.dtype):
                if self.has_checksum:
                    digest.update(chunk)
                yield chunk
            position = offset + nbytes(array)
        yield bytes(self.data_end - position)
        replacements = {CHECKSUM: digest.hexdigest()}
        for header in self.headers:
            if isinstance(header, list):
                header = _heap([replacements.get(text, text) for text in header])
            yield header

    def write(self, file: BufferedWriter) -> None:
        """Write all bytes to a file."""
        for piece in self:
            file.write(piece)

    def _superblock(self) -> bytes:
        sizes = struct.pack("<5x2Bx2H4x", 8, 8, 4, 16)
        ends = struct.pack("<4Q", 0, UNDEFINED, self.size, UNDEFINED)
        return SIGNATURE + sizes + ends + struct.pack("<8xQ24x", self.root)

    # Addresses

    def _align(self) -> None:
        self.end += -self.end % _ALIGNMENT

    def _reserve(self, array: AnyArray) -> int:
        """Reserve bytes for an array's values and return their offset."""
        size = nbytes(array)
        if not size:
            return UNDEFINED
        self._align()
        offset = self.end
        self.arrays.append((offset, array))
        self.end += size
        return offset

    def _append(self, header: bytes) -> int:
        address = self.end
        self.headers.append(header)
        self.end += len(header)
        return address

    # Texts

    def _reserve_texts(self, texts: list[str]) -> dict[str, bytes]:
        """Reserve bytes for texts in heaps and return the reference to each."""
        found: dict[str, bytes] = {}
        for first in range(0, len(texts), _TEXTS_PER_HEAP):
            heap = texts[first : first + _TEXTS_PER_HEAP]
            for number, text in enumerate(heap, 1):
                size = len(text.encode())
                found[text] = struct.pack("<IQI", size, self.end, number)
            self.headers.append(heap)
            self.end += len(_heap(heap))
        return found

    def _attribute(self, name: str, value: str | list[str]) -> tuple[int, bytes]:
        key = name.encode() + b"\0"
        shape = _shape(() if isinstance(value, str) else (len(value),))
        sizes = struct.pack("<2B3H", 1, 0, len(key), len(_TEXT), len(shape))
        texts = [self.texts[text] for text in _as_list(value)]
        return hdf5.ATTRIBUTE, b"".join(
            [sizes, _padded(key), _TEXT, _padded(shape), *texts]
        )

    # Headers

    def _array_header(self, array: AnyArray, offset: int) -> int:
        messages = [
            (hdf5.SHAPE, _shape(array.shape)),
            (hdf5.TYPE, _type(array.dtype)),
            (hdf5.FILL, b"\2\2\2\1\0\0\0\0"),
            (hdf5.LAYOUT, b"\3\1" + struct.pack("<2Q", offset, nbytes(array))),
        ]
        if array.dtype == BFLOAT16:
            messages.append(self._attribute("dtype", "bfloat16"))
        return self._append(_header(messages))

    def _group_header(self, path: str, members: _Tree) -> int:
        messages = [
            (hdf5.LINKS, b"\0\0" + struct.pack("<2Q", UNDEFINED, UNDEFINED)),
            (hdf5.GROUP, b"\0\0"),
        ]
        for name, member in members.items():
            if isinstance(member, dict):
                member = self._group_header(f"{path}/{name}".lstrip("/"), member)
            messages.append((hdf5.LINK, _link(name, member)))
        for name, value in self.attributes.get(path, {}).items():
            messages.append(self._attribute(name, value))
        return self._append(_header(messages))


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _header(messages: list[tuple[int, bytes]]) -> bytes:
    packed = [
        struct.pack("<2HB3x", kind, len(_padded(data)), 0) + _padded(data)
        for kind, data in messages
    ]
    body = b"".join(packed)
    return struct.pack("<2BH2I4x", 1, 0, len(messages), 1, len(body)) + body


def _heap(texts: list[str]) -> bytes:
    entries = [
        struct.pack("<2H4xQ", number, 1, len(text)) + _padded(text)
        for number, text in enumerate((t.encode() for t in texts), 1)
    ]
    body = b"".join(entries)
    size = max(4096, 16 + len(body) + 16)
    free = size - 16 - len(body)
    end = struct.pack("<2H4xQ", 0, 0, free) + bytes(free - 16)
    return b"GCOL\1\0\0\0" + struct.pack("<Q", size) + body + end


def _link(name: str, address: int) -> bytes:
    data = name.encode()
    # Flags: the name is UTF-8, and its length takes two bytes.
    head = struct.pack("<3BH", 1, 0x11, 1, len(data))
    return head + data + struct.pack("<Q", address)


def _shape(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<3B5x{len(shape)}Q", 1, len(shape), 0, *shape)


def _type(dtype: DTypeLike) -> bytes:
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    if dtype == BFLOAT16:
        return struct.pack("<2BHI", 0x15, 0, 0, 2)
    if dtype.kind == "b":
        members = b"FALSE\0\0\0TRUE\0\0\0\0\0\1"
        return struct.pack("<BHBI", 0x18, 2, 0, 1) + _type(np.int8) + members
    if dtype.kind in "iu":
        signed = 8 if dtype.kind == "i" else 0
        return struct.pack("<BHBI2H", 0x10, signed, 0, size, 0, 8 * size)
    if dtype not in _BITS:
        raise ArgumentError(
            f"Weights of type {dtype.name} cannot be written: Keras's file format does "
            "not support it. Cast them to float32 first."
        )
    sign, *fields, bias = _BITS[dtype]
    head = struct.pack("<4BI2H", 0x11, 0x20, sign, 0, size, 0, 8 * size)
    return head + struct.pack("<4BI", *fields, bias)
