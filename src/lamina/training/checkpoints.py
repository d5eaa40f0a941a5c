"""`Checkpoints`: a run in a folder, kept up to date while training goes on."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lamina.core.check import (
    Check,
    check_arguments,
    optional,
    positive_int,
    positive_number,
)
from lamina.errors import ArgumentError, FileFormatError, SaveError
from lamina.training.run_file import read_run, write_run

__all__ = ["CheckpointWarning", "Checkpoints"]

_ENDING = ".safetensors"
_RECORD = "run.json"


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written, or could not be read."""


class Checkpoints:
    """Where and how often `fit(resume=...)` keeps a run.

    A checkpoint holds all that training stands on: weights, optimizer, metrics, seed,
    the place in the data, callbacks and history. It is copied on the device between
    two steps and written by a thread, so that training does not wait for the disk. A
    file is complete or not there; a damaged one is passed over for the one before.

    Args:
        folder: where the run is kept; made if it is not there.
        seconds: time between checkpoints; `None` for no such rule.
        steps: also one after so many steps.
        epochs: also one after so many epochs.
        keep: how many of the newest stay. Of the others, the one with the lowest
            `monitor` does.
        monitor: a metric for which lower is better; without validation, `loss` stands
            in for `val_loss`.

    Raises:
        ArgumentError: an argument can't be used, or the folder can't be written to.

    Example:
        >>> import tempfile
        >>> Checkpoints(tempfile.mkdtemp(), seconds=None, epochs=1).files()
        []
    """

    _checks: dict[str, Check] = {
        "seconds": optional(positive_number),
        "steps": optional(positive_int),
        "epochs": optional(positive_int),
        "keep": positive_int,
    }

    def __init__(
        self,
        folder: str | os.PathLike[str],
        seconds: float | None = 10.0,
        steps: int | None = None,
        epochs: int | None = None,
        keep: int = 2,
        monitor: str = "val_loss",
    ) -> None:
        given = {"seconds": seconds, "steps": steps, "epochs": epochs, "keep": keep}
        check_arguments("Checkpoints", self._checks, given)
        self.folder = Path(folder)
        self.seconds, self.steps, self.epochs = seconds, steps, epochs
        self.keep, self.monitor = keep, monitor
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._last = time.monotonic(), 0, 0
        self._best: tuple[float, Path] | None = None

    def __repr__(self) -> str:
        rules = {"seconds": self.seconds, "steps": self.steps, "epochs": self.epochs}
        text = ", ".join(f"{k}={v}" for k, v in rules.items() if v is not None)
        return f"Checkpoints({str(self.folder)!r}, {text}, keep={self.keep})"

    # Reading

    def files(self) -> list[Path]:
        """The checkpoints there are, the newest first."""
        return sorted(self.folder.glob(f"step-*{_ENDING}"), reverse=True)

    def newest(self) -> dict[str, Any] | None:
        """What the newest checkpoint that can be read holds; `None` without any."""
        damaged: list[str] = []
        for path in self.files():
            try:
                found = read_run(path)
            except FileFormatError as error:
                damaged.append(str(error))
                continue
            if damaged:
                _warn(f"{' '.join(damaged)} Going on from {path.name}.")
            return found
        if damaged:
            _warn(f"{' '.join(damaged)} No other is there, so training starts anew.")
        return None

    # Writing

    def open(self, record: dict[str, Any], steps: int, epochs: int) -> None:
        """Make the folder, clear away what a killed process has left half written.

        Args:
            record: what kind of run it is, for people, as `run.json`.
            steps: of training, so far.
            epochs: that have ended, so far.

        Raises:
            ArgumentError: the folder can't be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for rest in self.folder.glob(f".*{_ENDING}.*"):
                rest.unlink()
            with tempfile.TemporaryFile(dir=self.folder):
                pass
            text = json.dumps(record, indent=2, default=str)
            (self.folder / _RECORD).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise ArgumentError(
                f"Runs can't be kept in {str(self.folder)!r}: {error.strerror}. Give "
                "`resume` a folder that can be written to."
            ) from None
        self._last = time.monotonic(), steps, epochs

    def is_due(self, steps: int, epochs: int) -> bool:
        """Whether it is time for the next one.

        Rules in steps and epochs are kept even if training then has to wait for the
        last one to be written.

        Args:
            steps: of training, so far.
            epochs: that have ended, so far.
        """
        then, old_steps, old_epochs = self._last
        busy = self._thread is not None and self._thread.is_alive()
        rules = (
            (self.seconds, 0 if busy else time.monotonic() - then),
            (self.steps, steps - old_steps),
            (self.epochs, epochs - old_epochs),
        )
        return any(limit is not None and passed >= limit for limit, passed in rules)

    def write(
        self, steps: int, epochs: int, snapshot: Callable[[], dict[str, Any] | None]
    ) -> None:
        """Write a checkpoint in a thread.

        Args:
            steps: of training, so far.
            epochs: that have ended, so far.
            snapshot: waits for the device and returns what to write, or `None` for
                nothing.
        """
        self.wait()
        self._last = time.monotonic(), steps, epochs

        def work() -> None:
            try:
                facts = snapshot()
                if facts is not None:
                    self._write(steps, facts)
            except (SaveError, TypeError) as error:
                self._error = error

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def _write(self, steps: int, facts: dict[str, Any]) -> None:
        path = self.folder / f"step-{steps:012d}{_ENDING}"
        write_run(path, facts)
        value = facts["logs"].get(self.monitor, facts["logs"].get("loss"))
        if value is not None and (self._best is None or value < self._best[0]):
            self._best = value, path
        kept = self.files()[: self.keep]
        for old in self.files():
            if old not in kept and (self._best is None or old != self._best[1]):
                old.unlink()

    def wait(self) -> None:
        """Wait until what was begun is written; warns if it could not be."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            _warn(f"A checkpoint was not written, and training goes on: {error}")

    def delete(self) -> None:
        """Remove all checkpoints, and the folder if nothing else is in it."""
        self.wait()
        for path in [*self.files(), self.folder / _RECORD]:
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _warn(text: str) -> None:
    warnings.warn(text, CheckpointWarning, stacklevel=3)
