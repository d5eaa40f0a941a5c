"""Kill training at random times, resume it until it ends, and compare the bits.

    python -m tools.crash_test                # 200 kills over all cases
    python -m tools.crash_test --kills 20 --case lstm

Each case trains in its own process with `fit(resume=...)`. The process reports its
phase in a shared byte, so that SIGKILL arrives during steps, at the end of epochs,
during validation and while a checkpoint is written. After each kill, every checkpoint
must be readable. At the end, weights, optimizer, history and callback state must be bit
for bit those of an uninterrupted run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

import lamina
from lamina import callbacks
from lamina.training.checkpoint.checkpoints import Checkpoints, TrainPosition
from lamina.training.checkpoint.run_file import read_run, write_run
from tools.crash_cases import CASES, data

# Phases of the main thread; another thread writes checkpoints.
PHASES = ("start", "steps", "validation", "epoch end")
WRITING = "checkpoint write"
Kills = Counter[tuple[str, bool]]


class Phases(callbacks.Callback):
    """Callback that reports the phase of training to the parent in a mapped file."""

    epochs_may_wait = True

    def __init__(self, folder: Path) -> None:
        super().__init__()
        with (folder / "phase").open("r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 2)

    def report(self, phase: str) -> None:
        """Report the phase of training."""
        self.bytes[0] = PHASES.index(phase)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.report("steps")

    def on_test_begin(self, logs: Any = None) -> None:
        self.report("validation")

    def on_test_end(self, logs: Any = None) -> None:
        self.report("epoch end")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.report("epoch end")


class ReportedCheckpoints(Checkpoints):
    """Checkpoints that report when one is being written."""

    phases: Phases

    def _write(self, position: TrainPosition, tree: dict[str, Any]) -> None:
        self.phases.bytes[1] = 1
        super()._write(position, tree)
        self.phases.bytes[1] = 0


def train(name: str, folder: Path, epochs: int) -> None:
    """Train a case to its end, resuming if possible, and write a digest."""
    lamina.random.set_seed(1)
    model, given = CASES[name]()
    x, y = data()
    phases, kept = (
        Phases(folder),
        ReportedCheckpoints(folder, seconds=None, steps=7, keep=2),
    )
    kept.phases = phases
    arguments: dict[str, Any] = {"x": x, "y": y, "batch_size": 16, **given}
    arguments["callbacks"] = [phases, *given.get("callbacks", [])]
    history = model.fit(**arguments, epochs=epochs, verbose=0, seed=3, resume=kept)
    newest = kept.newest()
    assert newest is not None
    last = folder / "last"
    write_run(last, {k: newest[k] for k in ("place", "numbers", "callbacks")})
    values = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    parts = {
        "history": json.dumps(history.history).encode(),
        "state": _checksum(last).encode(),
        "variables": b"".join(value.tobytes() for value in values),
    }
    digests = {k: hashlib.sha256(part).hexdigest() for k, part in parts.items()}
    (folder / "digest").write_text(json.dumps(digests))


def _checksum(path: Path) -> str:
    """Return a run file's checksum; the order of its bytes differs between runs."""
    with safetensors.safe_open(path, framework="np") as file:
        return file.metadata()["sha256"]


class Run:
    """Training of one case in a folder, over several processes.

    Args:
        name: the case.
        folder: folder of the run.
        epochs: number of epochs.
    """

    def __init__(self, name: str, folder: Path, epochs: int) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "phase").write_bytes(bytes(2))
        arguments = ["--train", name, "--folder", str(folder), "--epochs", str(epochs)]
        self._command = [sys.executable, "-m", "tools.crash_test", *arguments]

    @property
    def digest(self) -> str | None:
        """Digest of the result, or `None` if training has not ended."""
        path = self.folder / "digest"
        return path.read_text() if path.exists() else None

    def to_end(self) -> float:
        """Train to the end and return the seconds from the first step."""
        with self._start() as (process, _):
            begin = time.monotonic()
            process.wait()
        self._require(process)
        return time.monotonic() - begin

    def killed(self, after: float, at: str, slack: float) -> tuple[str, bool] | None:
        """Train, and kill the process in a phase.

        Args:
            after: seconds from the first step until the phase is observed.
            at: the phase to wait for: one of `PHASES` or `WRITING`.
            slack: additional seconds, to vary the time within the phase.

        Returns:
            The phase when it was killed, and whether a checkpoint was being written;
            `None` if training ended before.
        """
        with self._start() as (process, phase):
            end = time.monotonic() + after
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.001)
            end += 2
            while time.monotonic() < end and not _is_at(phase, at):
                if process.poll() is not None:
                    break
                time.sleep(0.00005)
            time.sleep(slack)
            process.kill()
            process.wait()
        if process.returncode == 0:
            return None
        if process.returncode != -9:
            self._require(process)
        for path in Checkpoints(self.folder).files():
            read_run(path)
        return PHASES[phase[0]], bool(phase[1])

    def _start(self) -> Any:
        return _Started(self._command, self.folder)

    def _require(self, process: Any) -> None:
        if process.returncode != 0:
            raise SystemExit(f"{self._command} failed instead of resuming.")


class _Started:
    """Process after its first step, and the bytes in which it reports its phase."""

    def __init__(self, command: list[str], folder: Path) -> None:
        with (folder / "phase").open("r+b") as file:
            self._phase = mmap.mmap(file.fileno(), 2)
        self._phase[:] = bytes(2)
        self._process = subprocess.Popen(command)

    def __enter__(self) -> tuple[subprocess.Popen[bytes], mmap.mmap]:
        while self._phase[0] == 0 and self._process.poll() is None:
            time.sleep(0.001)
        return self._process, self._phase

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _is_at(phase: mmap.mmap, at: str) -> bool:
    return phase[1] == 1 if at == WRITING else phase[0] == PHASES.index(at)


def crash(name: str, kills: int, epochs: int, chance: random.Random) -> Kills:
    """Kill a case `kills` times, over as many runs as needed.

    Returns:
        The number of kills by phase and by whether a checkpoint was being written.

    Raises:
        AssertionError: a run ended with other bits than the uninterrupted one.
    """
    counts: Kills = Counter()
    with tempfile.TemporaryDirectory() as folder:
        whole = Run(name, Path(folder, "whole"), epochs)
        seconds, runs = whole.to_end(), 0
        while counts.total() < kills:
            runs += 1
            run = Run(name, Path(folder, str(runs)), epochs)
            while counts.total() < kills:
                at = chance.choice((*PHASES[1:], WRITING))
                # Several kills per run, so that a resumed run is resumed again.
                after = chance.uniform(0, seconds / 4)
                found = run.killed(after, at, chance.choice((0, 0.001, 0.005)))
                if found is None:
                    break
                counts[found] += 1
            if run.digest is None:
                run.to_end()
            if run.digest != whole.digest:
                raise AssertionError(f"{name}: {run.digest} != {whole.digest}")
    print(f"{name}: {in_words(counts)}, {runs} runs, all the same bits", flush=True)
    return counts


def in_words(counts: Kills) -> str:
    """Describe the number of kills by phase."""
    by_phase = [(p, sum(n for (q, _), n in counts.items() if q == p)) for p in PHASES]
    text = ", ".join(f"{count} in {phase}" for phase, count in by_phase if count)
    writing = sum(n for (_, writes), n in counts.items() if writes)
    return f"{counts.total()} kills ({text}; {writing} of them in a {WRITING})"


def main() -> None:
    """Run the command; see the docstring of the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.train:
        train(chosen.train, chosen.folder, chosen.epochs)
        return
    names = [chosen.case] if chosen.case else list(CASES)
    kills_per_case = [
        len(part) for part in np.array_split(range(chosen.kills), len(names))
    ]
    counts: Kills = Counter()
    for name, share in zip(names, kills_per_case, strict=True):
        counts += crash(
            name, share, chosen.epochs, random.Random(f"{name} {chosen.seed}")
        )
    print(f"{in_words(counts)}, all with the same bits")


if __name__ == "__main__":
    main()
