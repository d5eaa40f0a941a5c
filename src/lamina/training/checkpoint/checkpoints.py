"""`Checkpoints`: schedule, write and read the checkpoints of a run."""

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
from lamina.io.files import atomic_write
from lamina.training.checkpoint.run_file import read_run, write_run

_ENDING = ".safetensors"
_RECORD, _LOCK = "run.json", ".lock"


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written, or could not be read."""


class Checkpoints:
    """Location and schedule of the checkpoints of `fit(resume=...)`.

    A checkpoint holds the complete state of training: weights, optimizer, metrics,
    seed, position in the data, callbacks and history. It is copied on the device
    between two steps and written by a thread, so that training does not wait for the
    disk. Files are replaced atomically; a damaged one is skipped for the one before.

    Args:
        folder: path of the folder; it is created if it does not exist.
        seconds: time between checkpoints; `None` for no such schedule.
        steps: number of steps between checkpoints.
        epochs: number of epochs between checkpoints.
        keep: number of the newest checkpoints to keep, in addition to that of the best
            epoch.
        monitor: metric that decides which epoch is best; without validation, `loss`
            replaces `val_loss`.
        mode: `"min"` if lower is better, `"max"` if higher is.

    Raises:
        ArgumentError: an argument is invalid, or the folder cannot be written to.

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
        """Return the paths of the checkpoints, newest first."""
        return sorted(self.folder.glob(f"step-*{_ENDING}"), reverse=True)

    def newest(self) -> dict[str, Any] | None:
        """Return the contents of the newest valid checkpoint, or `None`."""
        damaged: list[str] = []
        for path in self.files():
            try:
                found = read_run(path)
            except FileFormatError as error:
                damaged.append(str(error))
                continue
            if damaged:
                _warn(f"{' '.join(damaged)} Training resumes from {path.name}.")
            return found
        if damaged:
            _warn(f"{' '.join(damaged)} There is no other, so training starts over.")
        return None

    # Writing

    def open(self) -> None:
        """Create the folder and lock it until `close`.

        Raises:
            ArgumentError: the folder cannot be written to.
            StateError: another process is training in it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / _LOCK).open("ab")
        except OSError as error:
            raise self._refused(error.strerror) from None
        if not _acquire_lock(lock):
            lock.close()
            raise StateError(
                f"A run is being trained in {str(self.folder)!r} already, perhaps by "
                "another process. Wait until it ends, or pass `resume` another folder."
            )
        self._lock = lock

    def begin(self, record: dict[str, Any], steps: int, epochs: int) -> None:
        """Remove partial files, rename damaged ones, and write the record.

        Args:
            record: description of the run for people, written to `run.json`.
            steps: number of steps done.
            epochs: number of epochs done.

        Raises:
            ArgumentError: the folder cannot be written to.
        """
        text = (json.dumps(record, indent=2) + "\n").encode()
        try:
            for pattern in (f".*{_ENDING}.*", f".{_RECORD}.*"):
                for partial in self.folder.glob(pattern):
                    partial.unlink()
            # Later files were damaged, and must not count as the newest.
            for path in self.files():
                if path.name > _name(steps):
                    path.replace(path.with_name(path.name + ".damaged"))
            with atomic_write(self.folder / _RECORD, len(text)) as file:
                file.write(text)
        except OSError as error:
            if not self.files():
                raise self._refused(error.strerror or str(error)) from None
            _warn(f"Training continues, but its record was not written: {error}")
        self._last = time.monotonic(), steps, epochs

    def _refused(self, reason: str | None) -> ArgumentError:
        return ArgumentError(
            f"Cannot write to {str(self.folder)!r}: {(reason or '').rstrip('.')}. Pass "
            "`resume` a folder that can be written to."
        )

    def close(self) -> None:
        """Wait for the current write, and unlock the folder."""
        self.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_due(self, steps: int, epochs: int) -> bool:
        """Return whether the next checkpoint is due.

        A schedule in steps or epochs holds even if training must then wait for the last
        write.

        Args:
            steps: number of steps done.
            epochs: number of epochs done.
        """
        last_time, last_steps, last_epochs = self._last
        busy = self._thread is not None and self._thread.is_alive()
        schedules = (
            (self.seconds, 0 if busy else time.monotonic() - last_time),
            (self.steps, steps - last_steps),
            (self.epochs, epochs - last_epochs),
        )
        return any(limit is not None and passed >= limit for limit, passed in schedules)

    def is_due_at_end(self, steps: int, epochs: int, logs: dict[str, Any]) -> bool:
        """Return whether a checkpoint is due at the end of an epoch.

        It is also due if the epoch is the best one so far.

        Args:
            steps: number of steps done.
            epochs: number of epochs done.
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
            steps: number of steps done.
            epochs: number of epochs done.
            snapshot: function that waits for the device and returns the tree to write,
                or `None` to write nothing.
        """
        self.wait()
        self._last = time.monotonic(), steps, epochs

        def work() -> None:
            try:
                tree = snapshot()
                if tree is not None:
                    self._write(steps, tree)
            except Exception as error:  # reported by `wait`; training continues
                self._error = error

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def _write(self, steps: int, tree: dict[str, Any]) -> None:
        path = self.folder / _name(steps)
        best, value = self.best, self._value(tree["logs"])
        if tree["place"][1] == 0:
            self._last_end = time.monotonic()
            if self._is_better(value):
                best = float(value), path.name
        write_run(path, {**tree, "best": best})
        self.best = best
        kept = {p.name for p in self.files()[: self.keep]} | {best and best[1]}
        for old in self.files():
            if old.name not in kept:
                old.unlink()

    def wait(self) -> None:
        """Wait for the current write; warn if it failed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            _warn(f"A checkpoint was not written; training continues: {error}")

    def delete(self) -> None:
        """Delete all checkpoints, and the folder if it is then empty."""
        self.wait()
        with suppress(OSError):  # leave a folder that cannot be changed
            for path in [*self.files(), self.folder / _RECORD, self.folder / _LOCK]:
                path.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def _name(steps: int) -> str:
    return f"step-{steps:012d}{_ENDING}"


def _acquire_lock(file: IO[bytes]) -> bool:
    """Lock a file; return False if another process holds the lock.

    Without support for locks, return True.
    """
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
