"""The compile cache: damaged entries, its size, its folder, several processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zlib
from pathlib import Path

import jax
import pytest

from lamina import execution
from lamina.runtime import compile_cache
from lamina.runtime.compile_cache import clean_cache

WHOLE = zlib.compress(random.Random(0).randbytes(1000))
DAMAGED = {
    "empty": b"",
    "zeros": bytes(len(WHOLE)),
    "random": random.Random(1).randbytes(1000),
    "truncated": WHOLE[:-100],
    "changed": WHOLE[:500] + b"\0" + WHOLE[501:],
    "no program": zlib.compress(b"time"),
}
PROGRAM = """
import warnings
warnings.simplefilter("error")
import jax, numpy as np
counts = {}
count = lambda event, **_: counts.update({event: counts.get(event, 0) + 1})
jax.monitoring.register_event_listener(count)
import lamina
model = lamina.Sequential([lamina.layers.Input((3,)), lamina.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
print(counts.get("/jax/compilation_cache/cache_misses", 0))
"""


def entry(folder: Path, number: int) -> Path:
    return folder / f"jit_{number}-{number:064x}-cache"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compile cache of lamina's, as far as it can tell."""
    monkeypatch.setenv("LAMINA_COMPILE_CACHE", str(tmp_path))
    monkeypatch.setattr(type(jax.config), "jax_compilation_cache_dir", str(tmp_path))
    return tmp_path


def test_damaged_entries_are_removed(folder: Path) -> None:
    entry(folder, 0).write_bytes(WHOLE)
    (folder / "of-another-cache").write_bytes(b"")
    (folder / "kernels.json").write_bytes(b"")
    for number, data in enumerate(DAMAGED.values(), 1):
        entry(folder, number).write_bytes(data)
    clean_cache()
    names = {entry(folder, 0).name, "of-another-cache", "kernels.json", ".checked"}
    assert set(os.listdir(folder)) == names


def test_entries_are_read_once(folder: Path) -> None:
    clean_cache()
    for number, age in ((1, 3600), (2, 0)):
        entry(folder, number).write_bytes(b"")
        now = os.stat(folder / ".checked").st_mtime
        os.utime(entry(folder, number), (now - age, now - age))
    clean_cache()
    assert [entry(folder, n).exists() for n in (1, 2)] == [True, False]


def test_entries_that_were_used_the_longest_ago_are_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_cache, "_MAX_BYTES", 3 * len(WHOLE))
    days = {0: (9, 9), 1: (9, 1), 2: (5, 5), 3: (4, 4), 4: (3, 3)}
    now = os.stat(folder).st_mtime
    for number, (written, read) in days.items():
        entry(folder, number).write_bytes(WHOLE)
        os.utime(entry(folder, number), (now - read * 86400, now - written * 86400))
    clean_cache()
    assert [n for n in days if entry(folder, n).exists()] == [1, 3, 4]


@pytest.mark.parametrize("parent", ["file", "none"])
def test_folder_that_cannot_be_written_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    (tmp_path / "file").touch()
    wanted = tmp_path / parent / "xla"
    changed: dict[str, object] = {}
    monkeypatch.setenv("LAMINA_COMPILE_CACHE", str(wanted))
    monkeypatch.setattr(type(jax.config), "jax_compilation_cache_dir", None)
    monkeypatch.setattr(jax.config, "update", changed.__setitem__)
    execution._enable_compile_cache()
    used = {"jax_compilation_cache_dir": str(wanted)}
    assert changed.items() >= used.items() if parent == "none" else not changed
    assert not wanted.exists()


def test_missing_or_foreign_cache_is_unchanged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(folder, 1).write_bytes(b"")
    for choice in ("off", str(folder / "none"), str(folder.parent)):
        monkeypatch.setenv("LAMINA_COMPILE_CACHE", choice)
        clean_cache()
    assert os.listdir(folder) == [entry(folder, 1).name]


def test_later_processes_neither_warn_nor_compile(tmp_path: Path) -> None:
    environment = {**os.environ, "LAMINA_COMPILE_CACHE": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    pipe = subprocess.PIPE

    def compiled(processes: int = 1) -> list[int]:
        command = [sys.executable, "-c", PROGRAM]
        started = [
            subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe)
            for _ in range(processes)
        ]
        printed = [process.communicate() for process in started]
        for process, (_, errors) in zip(started, printed, strict=True):
            assert process.returncode == 0, errors.decode()
        return [int(output.split()[-1]) for output, _ in printed]

    assert max(compiled(processes=2)) > 0
    entries = sorted(tmp_path.glob("jit_*-cache"))
    for number, path in enumerate(entries):
        whole = path.read_bytes()
        damaged = [b"", bytes(len(whole)), whole[: len(whole) // 2], os.urandom(99)]
        path.write_bytes(damaged[number % 4])
    assert compiled() > [0]
    assert compiled() == [0]
