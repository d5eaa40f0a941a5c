"""SHA-256 in a thread, so that writing does not wait for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["Checksum", "chunks"]

# Below, to hand a piece to a thread takes longer than to go over it.
_SMALL = 2**16
# What the processor's cache holds while several go over it.
_CHUNK = 2**22


def chunks(data: memoryview) -> Iterator[memoryview]:
    """Stretches of bytes that are quickly gone over several times."""
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


class Checksum:
    """The SHA-256 of pieces, each gone over while it is written.

    One piece is under way at a time, so that no more than two are in memory. The thread
    ends with the program, or when nothing refers to this any more.

    Example:
        >>> checksum = Checksum()
        >>> checksum.update(b"abc")
        >>> checksum.hexdigest()[:8]
        'ba7816bf'
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def update(self, piece: Any) -> None:
        """Add bytes, which must not change before `hexdigest` or the next piece."""
        self._wait()
        if len(piece) < _SMALL:
            self._digest.update(piece)
        else:
            self._under_way = self._thread.submit(self._digest.update, piece)

    def hexdigest(self) -> str:
        """The checksum of all pieces so far, in hexadecimal digits."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None
