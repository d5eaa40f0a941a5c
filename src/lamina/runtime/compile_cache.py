"""The files of JAX's compile cache: damaged ones are removed before JAX reads them.

JAX warns of an entry that it cannot read, compiles the program and leaves the entry as
it is, so that each later process does the same. Such entries are written by a process
that is killed meanwhile, or on a full disk.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax

from lamina import config

__all__ = ["remove_damaged_entries"]

_ENTRY = re.compile(r".+-[0-9a-f]{64}-cache")
# The time of this file is that of the last check.
_CHECKED = ".checked"
# File systems round times.
_SECONDS = 2.0
# Before the program stands the time that it took to compile.
_HEADER = 4


def remove_damaged_entries() -> None:
    """Remove the entries that JAX cannot read; it writes them again.

    Only those that were written since the last check are read, and only in lamina's
    folder, not in one that the user has chosen for all of JAX.
    """
    folder = config.cache_folder()
    settings: Any = jax.config
    if folder is None or settings.jax_compilation_cache_dir != str(folder):
        return
    checked = folder / _CHECKED
    with suppress(OSError):
        last = checked.stat().st_mtime - _SECONDS if checked.exists() else 0.0
        checked.touch()
        for entry in list(os.scandir(folder)):
            if _ENTRY.fullmatch(entry.name):
                _check(entry, last)


def _check(entry: os.DirEntry[str], last: float) -> None:
    with suppress(OSError):  # another process may have removed it
        found = entry.stat(follow_symlinks=False)
        if found.st_mtime >= last and not _is_whole(Path(entry.path)):
            os.unlink(entry.path)


def _is_whole(path: Path) -> bool:
    """Whether an entry can be decompressed by what JAX decompresses with."""
    data = path.read_bytes()
    # JAX takes the first of these that is installed, and has loaded it.
    new, old = (sys.modules.get(name) for name in ("compression.zstd", "zstandard"))
    try:
        if new is not None:
            data = new.decompress(data)
        elif old is not None:
            data = old.ZstdDecompressor().decompress(data)
        else:
            data = zlib.decompress(data)
    except Exception:  # each library has errors of its own
        return False
    return len(data) > _HEADER
