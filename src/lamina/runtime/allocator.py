"""What the C library does with freed memory, on Linux with glibc.

By its own rules it gives the large buffers of a convolution back to the system at once,
which has to fill them with zeros each time they are taken anew: up to two fifths of a
step. Importing this module has it keep an eighth of the machine's memory, but no less
than 512 MiB and no more than 2 GiB, for the next step.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

__all__ = ["trim_heap"]

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_LEAST, _MOST = 2**29, 2**31 - 1


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
    library.mallopt(_ARENA_MAX, 1)  # XLA's threads share one heap
    library.mallopt(_MMAP_MAX, 0)  # large arrays are on it too
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    library.mallopt(_TRIM_THRESHOLD, max(_LEAST, min(memory // 8, _MOST)))
    return library


# XLA's threads take heaps of their own as they begin, so it is told before.
_library = _glibc()


def trim_heap() -> None:
    """Give all freed memory back, after something that takes much of it once."""
    if _library is not None:
        _library.malloc_trim(0)
