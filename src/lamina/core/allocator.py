"""What the C library does with freed memory, on Linux with glibc.

By its own rules it gives the large buffers of a convolution back to the system at once,
which has to fill them with zeros each time they are taken anew: up to two fifths of a
step. Importing this module has it keep up to 512 MiB for the next step.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

__all__ = ["give_back"]

# Of glibc's malloc.h: number and value.
_OPTIONS = {
    -8: 1,  # M_ARENA_MAX: XLA's threads share one heap
    -4: 0,  # M_MMAP_MAX: large arrays are on it too
    -1: 512 * 2**20,  # M_TRIM_THRESHOLD: bytes at its end that the process keeps
}


def _settled() -> bool:
    """Whether the user has decided."""
    tuned = any(name.startswith("MALLOC_") for name in os.environ)
    tuned |= "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    return tuned or os.environ.get("LAMINA_ALLOCATOR", "").lower() in ("off", "0")


def _glibc() -> Any:
    """The library, told to keep memory; `None` if there is nothing to tell."""
    if not sys.platform.startswith("linux") or _settled():
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    for option, value in _OPTIONS.items():
        library.mallopt(option, value)
    return library


# XLA's threads take heaps of their own as they begin, so it is told before.
_library = _glibc()


def give_back() -> None:
    """Give all freed memory back, after something that takes much of it once."""
    if _library is not None:
        _library.malloc_trim(0)
