"""A stretch of bytes of a file, from which nothing outside it can be read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from io import BufferedReader, BytesIO

import numpy as np

from lamina.errors import FileFormatError

__all__ = ["ByteRange"]

_CHUNK = 2**20


class ByteRange:
    """A stretch of an open file, read by offset.

    Every size is compared with the stretch before memory is taken for it, and the
    file is read, not mapped, so that one cut short meanwhile is an error and no crash.

    Args:
        file: open for reading, in binary.
        what: what messages call it.
        start: where the stretch begins.
        size: how long it is; the rest of the file by default.
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

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from an offset on.

        Raises:
            FileFormatError: they are not all inside.
        """
        self._go_to(offset, size)
        data = self.file.read(size)
        self._require(len(data) == size, offset, size)
        return data

    def array(self, offset: int, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """The array that begins at an offset.

        Raises:
            FileFormatError: it is not all inside.
        """
        size = math.prod(shape) * dtype.itemsize
        self._go_to(offset, size)
        flat = np.empty(size, np.uint8)
        self._require(self.file.readinto(flat.data) == size, offset, size)
        return flat.view(dtype).reshape(shape)

    def chunks(self) -> Iterator[bytes]:
        """All bytes, some at a time."""
        for offset in range(0, self.size, _CHUNK):
            yield self.read(offset, min(_CHUNK, self.size - offset))

    def _go_to(self, offset: int, size: int) -> None:
        self._require(0 <= offset <= offset + size <= self.size, offset, size)
        self.file.seek(self.start + offset)

    def _require(self, fine: bool, offset: int, size: int) -> None:
        if not fine:
            raise FileFormatError(
                f"{self.what} is cut short or damaged: it refers to {size:,} bytes at "
                f"{offset:,}, and has {self.size:,} in all."
            )
