"""Runs of two processes: signals, and resuming with other numbers of processes."""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.unit.training.checkpoint.processes import run

PROGRAM = Path(run.__file__)
DEVICES = "--xla_force_host_platform_device_count=2"
# A test ends after it whatever hangs.
SECONDS = 200
# Sums of parts round otherwise than the sum of the whole.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-6}

pytest.importorskip("orbax.checkpoint")


class Ended(NamedTuple):
    """A process that has ended."""

    status: int
    output: str


def start(folder: Path, signal: str = "SIGTERM", epoch: int = -1) -> list[Ended]:
    """Train with two processes; the second one gets a signal in an epoch."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    running = [
        subprocess.Popen(
            [sys.executable, PROGRAM, address, number, folder, signal, str(epoch)],
            env={**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {DEVICES}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in "01"
    ]
    try:
        printed = [process.communicate(timeout=SECONDS)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    return [Ended(p.returncode, t) for p, t in zip(running, printed, strict=True)]


class Runs(NamedTuple):
    """What three starts of one run have printed, and copies of its folder."""

    terminated: list[Ended]
    killed: list[Ended]
    after_kill: Path
    ended: list[Ended]
    at_end: Path


@functools.cache
def runs() -> Runs:
    parent = Path(tempfile.mkdtemp())
    folder, copy = parent / "run", parent / "copy"
    terminated = start(folder, "SIGTERM", 2)
    killed = start(folder, "SIGKILL", 4)
    shutil.copytree(folder, copy)
    return Runs(terminated, killed, copy, start(folder), folder)


@functools.cache
def uninterrupted() -> tuple[list[Any], list[float]]:
    model = run.model()
    losses = run.train(model)["loss"]
    return model.get_weights(), losses


def epochs_in(folder: Path) -> list[int]:
    """Return the numbers of epochs of the checkpoints, newest first."""
    return [int(p.stem[5:]) // 6 for p in sorted(folder.glob("step-*.shards"))[::-1]]


def test_sigterm_of_one_process_writes_a_checkpoint_in_all() -> None:
    first, second = runs().terminated
    assert (first.status, second.status) == (130, -15), first.output + second.output
    assert re.search(r"Interrupted .* epoch 3.*checkpoint in .*\.shards", first.output)


def test_killed_process_ends_the_others_which_name_it() -> None:
    first, second = runs().killed
    assert (first.status, second.status) == (-6, -9), first.output + second.output
    assert re.search("tasks are unhealthy.*\n1\n", first.output)
    assert re.search("Process 0 of 2 was aborted.*Start the same", first.output)
    # A checkpoint that was being written does not count.
    assert epochs_in(runs().after_kill)[0] in (3, 4)


def test_two_processes_continue_a_killed_run() -> None:
    for process in runs().ended:
        assert process.status == 0, process.output
    found = np.load(f"{runs().at_end}.npz")
    weights, losses = uninterrupted()
    assert_allclose(found["loss"], losses, **TOLERANCE)
    for i, expected in enumerate(weights):
        assert_allclose(found[f"arr_{i}"], expected, **TOLERANCE)


def damaged(name: str) -> Path:
    """Return a copy of the ended run whose newest two checkpoints are damaged."""
    folder = runs().at_end.with_name(name)
    shutil.copytree(runs().at_end, folder)
    newest, before = sorted(folder.glob("step-*.shards"))[:-3:-1]
    for path in newest.glob("variables/**/d/*"):
        contents = bytearray(path.read_bytes())
        contents[len(contents) // 2] ^= 1
        path.write_bytes(contents)
    for path in before.glob("variables/**/d/*"):
        path.unlink()
    return folder


def test_two_processes_skip_damaged_checkpoints() -> None:
    first, second = start(damaged("damaged"))
    assert (first.status, second.status) == (0, 0), first.output + second.output
    assert re.search(r"cannot be read.*resumes from step-0+24\.", first.output)
    assert "CheckpointWarning" not in second.output
    found = np.load(runs().at_end.with_name("damaged.npz"))
    expected = np.load(f"{runs().at_end}.npz")
    for name in expected:
        assert_array_equal(found[name], expected[name])


def test_one_process_continues_a_run_of_two() -> None:
    model = run.model()
    losses = run.train(model, runs().after_kill)["loss"]
    weights, expected = uninterrupted()
    assert_allclose(losses, expected, **TOLERANCE)
    for found, value in zip(model.get_weights(), weights, strict=True):
        assert_allclose(found, value, **TOLERANCE)


def test_one_process_restores_the_bits_of_two() -> None:
    model, found = run.model(), np.load(f"{runs().at_end}.npz")
    losses = run.train(model, runs().at_end)["loss"]
    assert_array_equal(losses, found["loss"])
    for i, weight in enumerate(model.get_weights()):
        assert_array_equal(weight, found[f"arr_{i}"])
