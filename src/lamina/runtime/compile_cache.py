"""JAX's compile cache: its size, damaged files, and programs that it cannot store.

JAX warns of an entry that it cannot read, compiles the program and does not replace
the entry, so that each later process does the same. A process that is killed, or a
full disk, leaves such entries. JAX bounds the size only if a lock of another package
is installed.
"""

from __future__ import annotations

import math
import os
import re
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax

from lamina import config

_ENTRY = re.compile(r".+-[0-9a-f]{64}-cache")
# The time of this file is that of the last check.
_CHECKED = ".checked"
# Resolution of file times, in seconds, of the coarsest file systems.
_TIME_RESOLUTION = 2.0
# Bytes before the program: the time that it took to compile.
_HEADER = 4
# Bytes of all entries: thousands of programs.
_MAX_BYTES = 2**30
# A program that is cut at these calls could be stored but for them. ResNet-20's first
# `fit` would then compile for 9.8 s of CPU instead of 7.1, and 2.7 in later processes.
# But a step would be 100 dispatches, with results of other bits.
_excluded_calls: set[str] = set()
_writing = threading.Lock()


def exclude_from_cache(call: str) -> None:
    """Exclude programs with this custom call, which XLA cannot serialize."""
    _excluded_calls.add(call)


@contextmanager
def cached_if_serializable(text: str) -> Iterator[None]:
    """Let JAX cache the program compiled in this block if XLA can serialize it.

    JAX has no setting per program, and warns of each one that XLA cannot serialize.
    The setting applies to the process, so programs that other threads compile
    meanwhile are not cached either.
    """
    if not any(call in text for call in _excluded_calls):
        yield
        return
    name = "jax_persistent_cache_min_compile_time_secs"
    with _writing:
        before = getattr(jax.config, name)
        jax.config.update(name, math.inf)
        try:
            yield
        finally:
            jax.config.update(name, before)


def clean_cache() -> None:
    """Remove entries that JAX cannot read, and the oldest if there are too many.

    Only entries written since the last check are read, and only in lamina's folder,
    not in a folder that the user has configured for JAX.
    """
    folder = config.cache_folder()
    settings: Any = jax.config
    if folder is None or settings.jax_compilation_cache_dir != str(folder):
        return
    checked = folder / _CHECKED
    with suppress(OSError):
        last = checked.stat().st_mtime - _TIME_RESOLUTION if checked.exists() else 0.0
        if folder.stat().st_mtime < last:
            return  # no entry has been added
        checked.touch()
        found = _entries(folder)
        for path, status in found.items():
            if status.st_mtime >= last and not _is_whole(Path(path)):
                _remove(path)
        _remove_oldest(found)


def _entries(folder: Path) -> dict[str, os.stat_result]:
    found: dict[str, os.stat_result] = {}
    for entry in list(os.scandir(folder)):
        if _ENTRY.fullmatch(entry.name):
            with suppress(FileNotFoundError):  # another process may have removed it
                found[entry.path] = entry.stat(follow_symlinks=False)
    return found


def _remove_oldest(found: dict[str, os.stat_result]) -> None:
    """Remove the entries that were used the longest ago, as far as the system knows."""
    total = sum(status.st_size for status in found.values())
    oldest_first = sorted(found, key=lambda path: _last_use(found[path]))
    for path in oldest_first:
        if total <= _MAX_BYTES:
            return
        total -= found[path].st_size
        _remove(path)


def _last_use(status: os.stat_result) -> float:
    return max(status.st_atime, status.st_mtime)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _is_whole(path: Path) -> bool:
    """Return whether JAX's decompressor can read an entry."""
    try:
        data = path.read_bytes()
    except OSError:
        return True
    # JAX uses the first of these that is installed, and has imported it.
    new, old = (sys.modules.get(name) for name in ("compression.zstd", "zstandard"))
    try:
        if new is not None:
            data = new.decompress(data)
        elif old is not None:
            data = old.ZstdDecompressor().decompress(data)
        else:
            data = zlib.decompress(data)
    except Exception:  # each library has its own exceptions
        return False
    return len(data) > _HEADER
