"""Bounded view of a range of bytes in a file."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader, BytesIO

import numpy as np

from lamina.errors import FileFormatError

_CHUNK = 2**20


class DamagedError(Exception):
    """Error in a file; its text completes the sentence "... cannot be read:"."""


def require(condition: bool, problem: str) -> None:
    """Raise `DamagedError` unless a condition holds."""
    if not condition:
        raise DamagedError(problem)


class ByteRange:
    """Range of bytes in an open file, read by offset.

    Sizes are checked against the range before memory is allocated. The file is read
    rather than memory-mapped, so that a file truncated by another process raises an
    error instead of crashing.

    Args:
        file: binary file, open for reading.
        what: name of the range in error messages.
        start: offset of the first byte.
        size: number of bytes; by default the rest of the file.

    Raises:
        FileFormatError: the range is not inside the file.
    """

    def __init__(
        self,
        file: BufferedReader | BytesIO,
        what: str,
        start: int = 0,
        size: int | None = None,
    ) -> None:
        self.file, self.what, self.start = file, what, start
        end = file.seek(0, os.SEEK_END)
        self.size = end - start if size is None else size
        if not 0 <= start <= start + self.size <= end:
            raise FileFormatError(f"{what} is cut short or damaged.")

    def part(self, offset: int, size: int) -> ByteRange:
        """Return the range of some of the bytes."""
        return ByteRange(self.file, self.what, self.start + offset, size)

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes from an offset.

        Raises:
            FileFormatError: some of the bytes are outside the range.
        """
        self._seek(offset, size)
        data = self.file.read(size)
        self._check(len(data) == size, offset, size)
        return data

    def read_array(
        self, offset: int, shape: Sequence[int], dtype: np.dtype
    ) -> np.ndarray:
        """Read an array from an offset.

        Raises:
            FileFormatError: part of the array is outside the range.
        """
        size = math.prod(shape) * dtype.itemsize
        self._seek(offset, size)
        flat = np.empty(size, np.uint8)
        self._check(self.file.readinto(flat.data) == size, offset, size)
        return flat.view(dtype).reshape(shape)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes in chunks."""
        for offset in range(0, self.size, _CHUNK):
            yield self.read(offset, min(_CHUNK, self.size - offset))

    def _seek(self, offset: int, size: int) -> None:
        self._check(0 <= offset <= offset + size <= self.size, offset, size)
        self.file.seek(self.start + offset)

    def _check(self, is_valid: bool, offset: int, size: int) -> None:
        if not is_valid:
            raise FileFormatError(
                f"{self.what} is cut short or damaged: it refers to {size:,} bytes at "
                f"offset {offset:,}, but has {self.size:,} bytes."
            )


def sha256(ranges: Iterable[ByteRange]) -> str:
    """Return the checksum of the bytes of several ranges, in their order."""
    digest = hashlib.sha256()
    for part in ranges:
        for chunk in part.chunks():
            digest.update(chunk)
    return digest.hexdigest()
