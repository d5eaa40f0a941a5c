"""Several processes, which are started here, train as one process does."""

from __future__ import annotations

import os
import pickle
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.testing import assert_allclose

import lamina
from tests.unit.distribution.processes.program import Process, X, shares, training

PROGRAM = Path(__file__).parent / "processes" / "program.py"
DEVICES = "--xla_force_host_platform_device_count"
# For several processes on a busy machine; they end after it whatever hangs.
SECONDS = 400
# Sums of parts round otherwise than the sum of the whole.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-6}
REFUSED = {
    "different rows": "DataError: The processes have different data or arguments",
    "uneven": "DataError: The processes have different",
    "batch": "ArgumentError: 2 processes cannot have equal shares.*batch_size=6",
    "seed": "DataError: The processes have different data or arguments",
    "callbacks": "ArgumentError: The processes have different callbacks",
    "hooks": "ArgumentError: The processes have different callbacks",
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Launch:
    """Processes that run cases of the program, with 4 devices in all."""

    def __init__(
        self, kind: str, count: int, folder: Path, cases: str, program: Path = PROGRAM
    ) -> None:
        folder.mkdir()
        flags = f"{os.environ['XLA_FLAGS']} {DEVICES}={4 // count}"
        address = f"127.0.0.1:{free_port()}"
        arguments = [program, kind, address, str(count), folder, cases]
        self.folder = folder
        self.processes = [
            subprocess.Popen(
                [sys.executable, *arguments, str(i)],
                env={**os.environ, "XLA_FLAGS": flags},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for i in range(count)
        ]

    def results(self) -> list[Any]:
        """Return what each process found."""
        try:
            texts = [p.communicate(timeout=SECONDS)[0] for p in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        for text, process in zip(texts, self.processes, strict=True):
            assert process.returncode == 0, text[-4000:]
        files = [self.folder / f"{i}.pickle" for i in range(len(texts))]
        return [pickle.loads(path.read_bytes()) for path in files]


def assert_close(found: Any, expected: Any) -> None:
    jax.tree.map(lambda a, b: assert_allclose(a, b, **TOLERANCE), found, expected)


def assert_equal(found: Any, expected: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_several_processes_train_as_one(tmp_path: Path) -> None:
    # One test, as each start of processes takes seconds.
    cases = "training,files,shares,refused,stopped,interrupted"
    two = Launch("FullySharded", 2, tmp_path / "two", cases)
    four = Launch("DataParallel", 4, tmp_path / "four", "short_training")
    one = Process(0, 1, tmp_path)
    expected = {"training": training(one), "shares": shares(one)}
    first, second = two.results()
    for found in (first, second):
        check_results(found, expected)
    assert first["seed"] == second["seed"]
    assert_equal(first["training"], second["training"])
    check_files(two.folder, first["files"], second["files"])
    # A signal for the second process stops both after the same step.
    assert first["interrupted"]["batches"] >= 3
    assert_equal(first["interrupted"], second["interrupted"])
    assert_equal(first["stopped"], second["stopped"])
    assert first["stopped"]["model_at"][1::2] == [2, 4]
    for found in four.results():
        part = found["short_training"]
        assert_close(part, {name: expected["training"][name] for name in part})


def check_results(found: Any, expected: Any) -> None:
    assert_close(found["training"], expected["training"])
    shared = found["shares"]
    for name in ("arrays", "stream", "loader"):
        assert_close(shared[name], expected["shares"]["arrays"])
    for name in ("evaluate", "on_batch"):
        assert_close(shared[name], expected["shares"][name])
    # A process predicts its own rows of marked data.
    assert shared["own"].shape == (24, 4)
    assert_allclose(shared["own"], 0, atol=1e-6)
    for name, message in REFUSED.items():
        assert re.match(message, found["refused"][name])


def check_files(folder: Path, first: Any, second: Any) -> None:
    model = lamina.saving.load_model(folder / "model.keras")
    assert_allclose(model.predict(X, verbose=0), first["predict"], atol=1e-6)
    model.load_weights(folder / "model.safetensors")
    assert len((folder / "log.csv").read_text().splitlines()) == 3
    assert "<html" in (folder / "run.html").read_text()
    for found in (first, second):
        assert_allclose(found["loaded"], 0, atol=1e-6)
    # Only the first process prints, and tries to write.
    assert first["printed"].count("saved to") == 2
    assert second["printed"] == ""
    assert "already exists" in first["refused"]
    assert second["refused"].startswith("SaveError")
