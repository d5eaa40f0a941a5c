"""The bytes of arrays, and their SHA-256 computed in a background thread."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from lamina.typing import Array

# Below this size, submitting to the thread costs more than hashing.
_MIN_THREAD_BYTES = 2**16
# Fits into the processor's cache between hashing and writing.
_CHUNK = 2**22

AnyArray: TypeAlias = np.ndarray | Array


def nbytes(array: AnyArray) -> int:
    """Return the size of an array in bytes, without reading it."""
    return math.prod(array.shape) * np.dtype(array.dtype).itemsize


def array_chunks(array: AnyArray, dtype: np.dtype) -> Iterator[memoryview]:
    """Yield an array's bytes in chunks that fit into the processor's cache."""
    flat = np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8)
    for start in range(0, flat.nbytes, _CHUNK):
        yield flat.data[start : start + _CHUNK]


class Checksum:
    """Incremental SHA-256 that hashes each piece while the caller writes it.

    At most one piece is pending, so that no more than two are in memory. The thread
    ends when this object is garbage-collected or the program exits.

    Example:
        >>> checksum = Checksum()
        >>> checksum.update(b"abc")
        >>> checksum.hexdigest()[:8]
        'ba7816bf'
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def update(self, piece: bytes | memoryview) -> None:
        """Add bytes, which must not change until the next `update` or `hexdigest`."""
        self._wait()
        if len(piece) < _MIN_THREAD_BYTES:
            self._digest.update(piece)
        else:
            self._pending = self._thread.submit(self._digest.update, piece)

    def hexdigest(self) -> str:
        """Return the checksum of all pieces so far as a hexadecimal string."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None
