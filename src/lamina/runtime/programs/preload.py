"""Programs that are read before they are needed.

A script usually needs the programs that it needed when it last ran, in the same order.
One is read ahead: the first one when the process begins to compute, the next one when
it takes the one before.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from jax.stages import Compiled

from lamina.core.process import on_first_array
from lamina.runtime.interrupts import run_in_thread
from lamina.runtime.programs import store

_FILE = "scripts.json"
_MAX_BYTES = 2**20
_MAX_SCRIPTS = 256
_MAX_PROGRAMS = 16


class Preloader:
    """The programs of this process, in the order in which it needs them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: list[str] = []
        self._used: list[str] = []
        self._ahead: tuple[str, Future[Compiled | None]] | None = None

    def start(self) -> None:
        """Begin to read the first program, in another thread."""
        with self._lock:
            self._expected = _read().get(_script(), [])
            self._read_next()

    def take(self, name: str, trees: store.Trees) -> Compiled | None:
        """Return a program if it is stored, and begin to read the next one.

        Args:
            name: the name of its file.
            trees: structures of its arguments and results.
        """
        with self._lock:
            ahead, self._ahead = self._ahead, None
            if len(self._used) < _MAX_PROGRAMS:
                self._used.append(name)
            if self._expected[: len(self._used)] == self._used:
                self._read_next()
        if ahead is not None and ahead[0] == name:
            found = ahead[1].result()
            if found is not None and (found.in_tree, found.out_tree) == trees:
                return found
        return store.load(name, trees)

    def _read_next(self) -> None:
        following = self._expected[len(self._used) :]
        if following:
            future = run_in_thread(store.load, following[0])
            self._ahead = following[0], future

    def write(self) -> None:
        """Store which programs this process has needed, if others were expected."""
        used = self._used
        path = store.folder() if used and used != self._expected else None
        if path is None:
            return
        scripts = _read()
        scripts.pop(_script(), None)
        scripts = dict(list(scripts.items())[1 - _MAX_SCRIPTS :])
        text = json.dumps({**scripts, _script(): used})
        store.replace_file(path / _FILE, text.encode())


def _script() -> str:
    """Return a key of this process's script and its arguments."""
    names = list(sys.argv)
    with suppress(OSError, IndexError):  # the working directory may be gone
        names[0] = os.path.abspath(names[0])
    return hashlib.sha256("\0".join(names).encode(errors="replace")).hexdigest()[:16]


def _read() -> dict[str, list[str]]:
    """Return the programs of each script, as far as the file can be read."""
    folder, content = store.folder(), None
    with suppress(OSError, ValueError, RecursionError):
        path = Path() if folder is None else folder / _FILE
        if path.stat().st_size <= _MAX_BYTES:
            content = json.loads(path.read_text())
    scripts: dict[str, Any] = content if isinstance(content, dict) else {}
    return {key: names for key, names in scripts.items() if _is_list_of_names(names)}


def _is_list_of_names(names: object) -> bool:
    return isinstance(names, list) and all(map(store.is_entry_name, names))


preloader = Preloader()
on_first_array(preloader.start)
atexit.register(preloader.write)
