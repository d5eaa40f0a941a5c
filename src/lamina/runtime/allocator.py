"""Settings of glibc's memory allocator on Linux.

By default glibc returns the large buffers of a convolution to the system at once, and
the kernel clears them each time they are allocated again: up to 40 % of a step.
Importing this module makes glibc retain an eighth of the machine's memory, at least
512 MiB and at most 2 GiB.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

# Constants of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_MIN_RETAINED, _MAX_RETAINED = 2**29, 2**31 - 1


def _is_configured() -> bool:
    """Return whether the user has configured the allocator."""
    tuned = any(name.startswith("MALLOC_") for name in os.environ)
    tuned |= "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    return tuned or os.environ.get("LAMINA_ALLOCATOR", "").lower() in ("off", "0")


def _glibc() -> Any:
    """Configure glibc and return it; `None` on other systems or if not wanted."""
    if not sys.platform.startswith("linux") or _is_configured():
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    library.mallopt(_ARENA_MAX, 1)  # XLA's threads share one heap
    library.mallopt(_MMAP_MAX, 0)  # the heap also has the large arrays
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    retained = max(_MIN_RETAINED, min(memory // 8, _MAX_RETAINED))
    library.mallopt(_TRIM_THRESHOLD, retained)
    return library


# Before XLA's threads start, as each would allocate a heap for itself.
_library = _glibc()


def trim_heap() -> None:
    """Return all freed memory to the system, as after a compilation."""
    if _library is not None:
        _library.malloc_trim(0)
