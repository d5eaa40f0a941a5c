"""Programs in files: reading ahead, damaged files, what distinguishes programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jax
import numpy as np
import pytest

from lamina.runtime import executable
from lamina.runtime.executable import Program
from lamina.runtime.programs import preload, store
from lamina.runtime.programs.preload import Preloader
from lamina.training.dispatch import DispatchResult, Unnamed

X = np.arange(6, dtype="float32").reshape(2, 3)
OTHER = f"lamina-{0:064x}-program"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each program that is read, whether that was ahead of its use."""
    found: list[bool] = []
    load = store.load

    def noted(name: str, trees: Any = None) -> Any:
        found.append(trees is None)
        return load(name, trees)

    monkeypatch.setattr(store, "load", noted)
    return found


@pytest.fixture(autouse=True)
def waits() -> Iterator[None]:
    yield
    for thread in list(executable.run_in_thread.__globals__["_threads"]):
        thread.join()


def double(x: Any) -> Any:
    return {"result": jax.numpy.sin(x) * 2}


def triple(x: Any) -> Any:
    return {"other": jax.numpy.sin(x) * 3}


def process(monkeypatch: pytest.MonkeyPatch, *functions: Any) -> list[Any]:
    """Return what functions give in a process that begins now."""
    executable._executables.clear()
    preloader = Preloader()
    monkeypatch.setattr(executable, "preloader", preloader)
    preloader.start()
    results = [Program(function)(X) for function in functions]
    for thread in list(executable.run_in_thread.__globals__["_threads"]):
        thread.join()
    preloader.write()
    return jax.tree.map(np.asarray, results)


def assert_same(x: Any, y: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, x, y)


def test_programs_are_read_ahead_in_the_order_of_the_last_process(
    folder: Path, reads: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = process(monkeypatch, double, triple)
    assert reads == [False, False]
    assert len(list(folder.glob("*-program"))) == 2
    reads.clear()
    assert_same(process(monkeypatch, double, triple), first)
    assert reads == [True, True]


def test_other_program_than_expected_is_read_when_it_is_used(
    folder: Path, reads: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = process(monkeypatch, triple, double)
    process(monkeypatch, double)
    reads.clear()
    assert_same(process(monkeypatch, triple), expected[:1])
    assert reads == [True, False]
    assert executable.preloader._ahead is None
    names = json.loads((folder / "scripts.json").read_text())
    assert len(names[preload._script()]) == 1


def test_program_is_shared_by_results_of_other_names(
    folder: Path, reads: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(name: str) -> Any:
        def run(x: Any) -> Any:
            return Unnamed(DispatchResult({name: jax.numpy.sin(x)}, jax.numpy.int32(0)))

        return run

    (first,) = process(monkeypatch, step("loss"))
    for expected in ([True, False], [True]):  # then the file has the new name
        reads.clear()
        (second,) = process(monkeypatch, step("renamed"))
        assert list(second.result.logs) == ["renamed"]
        assert_same(second.result.logs["renamed"], first.result.logs["loss"])
        assert reads == expected
    assert len(list(folder.glob("*-program"))) == 1


DAMAGES = {
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "random": lambda data: os.urandom(99),
    "truncated": lambda data: data[: len(data) // 2],
    "changed": lambda data: data[:-40] + b"\0\0" + data[-38:],
    "other JSON": lambda data: b'{"a": [1], "b": ["../x"], "c": "d"}',
    "missing": None,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("pattern", ["*-program", "scripts.json"])
def test_damaged_files_are_replaced(
    folder: Path,
    reads: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    damage: str,
) -> None:
    first = process(monkeypatch, double)
    (path,) = folder.glob(pattern)
    change = DAMAGES[damage]
    path.unlink() if change is None else path.write_bytes(change(path.read_bytes()))
    assert_same(process(monkeypatch, double), first)
    reads.clear()
    assert_same(process(monkeypatch, double), first)
    assert reads == [True]


def test_folder_that_cannot_be_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(store, "folder", lambda: tmp_path / "file")
    (result,) = process(monkeypatch, double)
    np.testing.assert_allclose(result["result"], np.sin(X) * 2, rtol=1e-6)


def test_weakly_typed_results_are_programs_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weak(x: Any) -> Any:
        return jax.numpy.sin(1.0)

    def strong(x: Any) -> Any:
        return jax.numpy.float32(weak(x))

    for _ in range(2):
        executable._executables.clear()
        types = [Program(f)(X).weak_type for f in (weak, strong)]
        assert types == [True, False]


def test_script_has_a_key_in_a_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--quick"])
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    before = preload._script()
    (tmp_path / "gone").rmdir()
    assert len(preload._script()) == len(before)
    monkeypatch.setattr(sys, "argv", [])
    assert len(preload._script()) == len(before)


@contextmanager
def setting(name: str, value: object) -> Iterator[None]:
    before = jax.config.values[name]
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


CHANGES = {
    "a message": (setting("jax_log_compiles", True), False),
    "an optimization": (setting("jax_exec_time_optimization_effort", 0.5), True),
    "a flag of XLA": (patch.dict(os.environ, XLA_FLAGS="--xla_a=1"), True),
    "a processor": (patch.object(store, "_processor", lambda: "another"), True),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_name_with(what: str, folder: Path) -> None:
    change, is_other = CHANGES[what]
    before = store.entry_name("text", ["option"], (False,))
    assert store.is_entry_name(before)
    with change:
        assert (store.entry_name("text", ["option"], (False,)) != before) == is_other
    assert store.entry_name("text", ["option"], (False,)) == before


def test_programs_of_other_texts_and_options_have_other_names(folder: Path) -> None:
    described = [("text",), ("texts",), ("text", ["option"]), ("text", ["other"])]
    assert len({store.entry_name(*values) for values in described}) == 4


SETTINGS = {
    "cache of JAX in another folder": ("jax_compilation_cache_dir", "other"),
    "cache of JAX turned off": ("jax_enable_compilation_cache", False),
    "constants as arguments": ("jax_use_simplified_jaxpr_constants", True),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_no_folder_with(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_COMPILE_CACHE", str(tmp_path))
    with setting("jax_compilation_cache_dir", str(tmp_path)):
        is_one = jax.device_count() == 1 and jax.default_backend() == "cpu"
        expected = tmp_path if is_one and sys.platform == "linux" else None
        assert store.folder() == expected
        with setting(*SETTINGS[case]):
            assert store.folder() is None


# With "jax", programs are only in JAX's cache, as if files had been removed.
SCRIPT = """
import sys
import numpy as np
import lamina
from lamina.runtime.programs import store
if sys.argv[1] == "jax":
    store.folder = lambda: None
model = lamina.Sequential([lamina.layers.Input((3,)), lamina.layers.Dense(2)])
model.set_weights([np.ones((3, 2)), np.ones(2)])
model.compile("sgd", "mse")
history = model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
print(history.history["loss"][-1].hex())
"""


@pytest.mark.parametrize("kinds", [["jax", "both", "both"], ["both", "both"]])
def test_program_gives_the_same_bits_in_later_processes(
    kinds: list[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "LAMINA_COMPILE_CACHE": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    results = [
        subprocess.check_output(
            [sys.executable, "-c", SCRIPT, kind], env=environment, text=True
        )
        for kind in kinds
    ]
    assert len(set(results)) == 1, results
