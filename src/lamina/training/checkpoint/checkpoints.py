"""`Checkpoints`: a run in a folder, kept up to date while training goes on."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lamina.core.check import (
    Check,
    check_arguments,
    one_of,
    optional,
    positive_int,
    positive_number,
)
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.io.files import replacing
from lamina.training.checkpoint.run_file import read_run, write_run

__all__ = ["CheckpointWarning", "Checkpoints"]

_ENDING = ".safetensors"
_RECORD, _LOCK = "run.json", ".lock"


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
        keep: how many of the newest stay. Of the others, the best end of an epoch
            does.
        monitor: the metric that tells the best; without validation, `loss` stands in
            for `val_loss`.
        mode: `"min"` if lower is better, `"max"` if higher is.

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
        "mode": one_of("min", "max"),
    }

    def __init__(
        self,
        folder: str | os.PathLike[str],
        seconds: float | None = 10.0,
        steps: int | None = None,
        epochs: int | None = None,
        keep: int = 2,
        monitor: str = "val_loss",
        mode: str = "min",
    ) -> None:
        given = {
            "seconds": seconds, "steps": steps, "epochs": epochs, "keep": keep,
            "mode": mode,
        }  # fmt: skip
        check_arguments("Checkpoints", self._checks, given)
        self.folder = Path(folder)
        self.seconds, self.steps, self.epochs = seconds, steps, epochs
        self.keep, self.monitor, self.mode = keep, monitor, mode
        self.best: tuple[float, str] | None = None
        self._lock: IO[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._last = time.monotonic(), 0, 0
        self._last_end = -math.inf

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

    def open(self) -> None:
        """Make the folder and keep others out of it until `close`.

        Raises:
            ArgumentError: the folder can't be written to.
            StateError: another process is training in it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / _LOCK).open("ab")
        except OSError as error:
            raise self._refused(error.strerror) from None
        if not _is_locked_by_us(lock):
            lock.close()
            raise StateError(
                f"A run is being trained in {str(self.folder)!r} already, perhaps by "
                "another process. Wait for its end, or give `resume` another folder."
            )
        self._lock = lock

    def begin(self, record: dict[str, Any], steps: int, epochs: int) -> None:
        """Clear away what is half written or could not be read; note the run.

        Args:
            record: what kind of run it is, for people, as `run.json`.
            steps: of training, so far.
            epochs: that have ended, so far.

        Raises:
            ArgumentError: the folder can't be written to.
        """
        text = (json.dumps(record, indent=2) + "\n").encode()
        try:
            for name in (f".*{_ENDING}.*", f".{_RECORD}.*"):
                for rest in self.folder.glob(name):
                    rest.unlink()
            # What the run has not reached was damaged. It must not count as newest.
            for path in self.files():
                if path.name > _name(steps):
                    path.replace(path.with_name(path.name + ".damaged"))
            with replacing(self.folder / _RECORD, len(text)) as file:
                file.write(text)
        except OSError as error:
            if not self.files():
                raise self._refused(error.strerror or str(error)) from None
            _warn(f"The run goes on, but its record was not written: {error}")
        self._last = time.monotonic(), steps, epochs

    def _refused(self, reason: str | None) -> ArgumentError:
        return ArgumentError(
            f"Runs can't be kept in {str(self.folder)!r}: {(reason or '').rstrip('.')}."
            " Give `resume` a folder that can be written to."
        )

    def close(self) -> None:
        """Wait for what is being written, and let others into the folder."""
        self.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

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

    def is_due_at_end(self, steps: int, epochs: int, logs: dict[str, Any]) -> bool:
        """The same at the end of an epoch, which may also be the best one so far.

        Args:
            steps: of training, so far.
            epochs: that have ended, so far.
            logs: the epoch's metrics.
        """
        if self.is_due(steps, epochs):
            return True
        if self.seconds is None or not self._is_better(self._value(logs)):
            return False
        return time.monotonic() - self._last_end >= self.seconds

    def _value(self, logs: dict[str, Any]) -> Any:
        return logs.get(self.monitor, logs.get("loss"))

    def _is_better(self, value: Any) -> bool:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        sign = -1 if self.mode == "max" else 1
        return self.best is None or sign * value < sign * self.best[0]

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
            except Exception as error:  # whatever it is, training does not need it
                self._error = error

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def _write(self, steps: int, facts: dict[str, Any]) -> None:
        path = self.folder / _name(steps)
        best, value = self.best, self._value(facts["logs"])
        if facts["place"][1] == 0:
            self._last_end = time.monotonic()
            if self._is_better(value):
                best = float(value), path.name
        write_run(path, {**facts, "best": best})
        self.best = best
        stay = {p.name for p in self.files()[: self.keep]} | {best and best[1]}
        for old in self.files():
            if old.name not in stay:
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
        with suppress(OSError):  # where it can't be changed, it stays
            for path in [*self.files(), self.folder / _RECORD, self.folder / _LOCK]:
                path.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def _name(steps: int) -> str:
    return f"step-{steps:012d}{_ENDING}"


def _is_locked_by_us(file: IO[bytes]) -> bool:
    """Whether a file is ours alone now; where there are no locks, it is taken to be."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _warn(text: str) -> None:
    warnings.warn(text, CheckpointWarning, stacklevel=3)
