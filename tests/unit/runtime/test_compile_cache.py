"""Damaged entries of the compile cache are removed and written again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zlib
from pathlib import Path

import jax
import pytest

from lamina.runtime.compile_cache import remove_damaged_entries

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
    remove_damaged_entries()
    names = {entry(folder, 0).name, "of-another-cache", "kernels.json", ".checked"}
    assert set(os.listdir(folder)) == names


def test_entries_are_read_once(folder: Path) -> None:
    remove_damaged_entries()
    for number, age in ((1, 3600), (2, 0)):
        entry(folder, number).write_bytes(b"")
        now = os.stat(folder / ".checked").st_mtime
        os.utime(entry(folder, number), (now - age, now - age))
    remove_damaged_entries()
    assert [entry(folder, n).exists() for n in (1, 2)] == [True, False]


def test_missing_or_foreign_cache_is_unchanged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(folder, 1).write_bytes(b"")
    for choice in ("off", str(folder / "none"), str(folder.parent)):
        monkeypatch.setenv("LAMINA_COMPILE_CACHE", choice)
        remove_damaged_entries()
    assert os.listdir(folder) == [entry(folder, 1).name]


def test_later_processes_neither_warn_nor_compile(tmp_path: Path) -> None:
    environment = {**os.environ, "LAMINA_COMPILE_CACHE": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)

    def compiled() -> int:
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[-1])

    compiled()
    entries = sorted(tmp_path.glob("jit_*-cache"))
    for number, path in enumerate(entries):
        whole = path.read_bytes()
        damaged = [b"", bytes(len(whole)), whole[: len(whole) // 2], os.urandom(99)]
        path.write_bytes(damaged[number % 4])
    assert compiled() > 0
    assert compiled() == 0
