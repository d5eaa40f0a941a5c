"""Watching what Python does while a hostile file is read."""

from __future__ import annotations

import encodings.cp437  # noqa: F401, which zipfile looks up late
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import pytest

import lamina
from lamina import config, layers
from lamina.core.custom_objects import complete_library
from lamina.errors import LaminaError
from lamina.saving.legacy import h5, weights, write  # noqa: F401, on first use

complete_library()  # the first look-up of a name would import packages

# Names of audit events, https://docs.python.org/3/library/audit_events.html, that a
# loader has no business with: running code, starting programs, the network, changes
# to the file system.
FORBIDDEN = (
    "code.",
    "compile",
    "ctypes.",
    "exec",
    "ftplib.",
    "http.",
    "marshal.",
    "os.",
    "pickle.",
    "pty.",
    "shutil.",
    "socket.",
    "subprocess.",
    "tempfile.",
    "urllib.",
    "webbrowser.",
)
MOST_MEMORY = 100 * 2**20
MOST_TEXT = 11_000

# XLA keeps the programs it has compiled, and JAX looks errors up in the sources.
USUAL = (
    str(jax.config.jax_compilation_cache_dir),
    str(Path(jax.__file__).parents[1]),
    str(Path(lamina.__file__).parent),
    str(Path(__file__).parent),
)

_events: list[tuple[str, tuple]] | None = None
# Threads that other tests have started, such as those that compile programs.
_others: set[int] = set()


def _note(event: str, arguments: tuple) -> None:
    if _events is None or threading.get_ident() in _others:
        return
    if event == "open" or event.startswith(FORBIDDEN):
        _events.append((event, arguments))


sys.addaudithook(_note)
config.memory_limit()  # found out once, from files of the system
jax.jit(lambda x: x).lower(0.0)  # JAX imports modules when it lowers a first program
[getattr(layers, name) for name in layers.__all__]  # some are imported on first use


def _peak_memory() -> int:
    """The most memory this process had since it was last asked; 0 if not known."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(line.split()[1])


def _is_inside(folder: Path, event: tuple[str, ...]) -> bool:
    """Return whether an event only concerns files below a folder."""
    kind, *places = event
    # A name without a folder belongs to one that has been opened.
    near = (p.startswith(str(folder)) or "/" not in p and p != ".." for p in places)
    return kind.startswith(("open", "os.", "shutil.", "tempfile.")) and all(near)


@contextmanager
def harmless(*files: Path, folder: Path | None = None) -> Iterator[None]:
    """Nothing but these files is opened in this block, nothing run, little taken.

    What is done below `folder` is fine too, links excepted.
    """
    global _events
    _others.clear()
    _others.update(t.ident for t in threading.enumerate() if t.ident is not None)
    _others.discard(threading.get_ident())
    _peak_memory()
    before = _peak_memory()
    events: list[tuple[str, tuple]] = []
    _events = events
    try:
        yield
    finally:
        _events = None
    taken = _peak_memory() - before
    allowed = [("open", str(file), "r") for file in files]
    found = [(e, *map(str, a[:2])) for e, a in events]
    unwanted = [e for e in found if e not in allowed and not e[1].startswith(USUAL)]
    if folder is not None:
        links = ("os.symlink", "os.link")
        unwanted = [e for e in unwanted if e[0] in links or not _is_inside(folder, e)]
    assert not unwanted, unwanted
    assert taken < MOST_MEMORY, f"{taken:,} bytes of memory"


@contextmanager
def refused(reason: str, *files: Path, folder: Path | None = None) -> Iterator[None]:
    """Require that the block raises a `LaminaError` with a text, without harm."""
    with (
        harmless(*files, folder=folder),
        pytest.raises(LaminaError, match=reason) as caught,
    ):
        yield
    # Nor does it fill the screen, or speak to the terminal.
    text = str(caught.value)
    assert len(text) < MOST_TEXT
    assert all(line.isprintable() for line in text.split("\n")), text
