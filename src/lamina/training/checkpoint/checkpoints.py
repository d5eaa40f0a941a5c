"""`Checkpoints`: schedule, write and read the checkpoints of a run."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

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
from lamina.runtime.interrupts import run_in_thread
from lamina.training.checkpoint.run_file import Tree, read_run, write_run
from lamina.typing import Logs

_ENDING = ".safetensors"
_RECORD, _LOCK = "run.json", ".lock"


class TrainPosition(NamedTuple):
    """Position of a run: epoch, next batch, and number of steps before the epoch."""

    epoch: int
    batch: int
    step: int

    @property
    def total(self) -> int:
        """Number of steps done."""
        return self.step + self.batch


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written, or could not be read.

    Example:
        ```python
        # Stop training if a checkpoint cannot be written.
        warnings.simplefilter("error", lamina.callbacks.CheckpointWarning)
        ```
    """


class Checkpoints:
    """Location and schedule of the checkpoints of `fit(resume=...)`.

    A checkpoint holds the complete state of training: weights, optimizer, metrics,
    seed, position in the data, callbacks and history. It is copied on the device
    between two steps and written by a thread, so that training does not wait for the
    disk. Files are replaced atomically; if one is damaged, the one before is read.

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
        *,
        keep: int = 2,
        monitor: str = "val_loss",
        mode: str = "min",
    ) -> None:
        self.folder = Path(folder)
        self.seconds, self.steps, self.epochs = seconds, steps, epochs
        self.keep, self.monitor, self.mode = keep, monitor, mode
        check_arguments("Checkpoints", self._checks, vars(self))
        self.best: tuple[float, str] | None = None
        self._lock: IO[bytes] | None = None
        self._writing: Future[None] | None = None
        self._last = time.monotonic(), TrainPosition(0, 0, 0)
        self._last_end = -math.inf

    def __repr__(self) -> str:
        rules = {"seconds": self.seconds, "steps": self.steps, "epochs": self.epochs}
        text = ", ".join(f"{k}={v}" for k, v in rules.items() if v is not None)
        return f"Checkpoints({str(self.folder)!r}, {text}, keep={self.keep})"

    # Reading

    def files(self) -> list[Path]:
        """Return the paths of the checkpoints, newest first."""
        return sorted(self.folder.glob(f"step-*{_ENDING}"), reverse=True)

    def newest(self) -> Tree | None:
        """Return the contents of the newest valid checkpoint, or `None`."""
        damaged: list[str] = []
        found, outcome = None, "There is no other, so training starts over."
        for path in self.files():
            try:
                found = read_run(path)
            except FileFormatError as error:
                damaged.append(str(error))
            else:
                outcome = f"Training resumes from {path.name}."
                break
        if damaged:
            warn(f"{' '.join(damaged)} {outcome}")
        return found

    # Writing

    def open(self) -> None:
        """Create the folder and lock it until `close`.

        Raises:
            ArgumentError: the folder cannot be written to.
            StateError: another process is training in it.
        """
        self._lock = _locked_folder(self.folder)

    def begin(self, record: dict[str, Any], position: TrainPosition) -> None:
        """Remove partial files, rename damaged ones, and write the record.

        Args:
            record: description of the run for people, written to `run.json`.
            position: position from which training starts.

        Raises:
            ArgumentError: the folder cannot be written to.
        """
        text = (json.dumps(record, indent=2) + "\n").encode()
        try:
            _remove_partial_files(self.folder, _name(position), self.files())
            with atomic_write(self.folder / _RECORD, len(text)) as file:
                file.write(text)
        except OSError as error:
            if not self.files():
                raise _refused(self.folder, error.strerror or str(error)) from None
            warn(f"Training continues, but its record was not written: {error}")
        self._last = time.monotonic(), position

    def close(self) -> None:
        """Wait for the current write, and unlock the folder."""
        self.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_due(self, position: TrainPosition, logs: Logs | None = None) -> bool:
        """Return whether the next checkpoint is due.

        While a checkpoint is being written, none is due by a schedule in seconds. One
        in steps or epochs still applies, and training waits for the write. At the end
        of an epoch, a checkpoint is also due if the epoch is the best one so far.

        Args:
            position: position of training.
            logs: the epoch's metrics, at its end.
        """
        last_time, last = self._last
        busy = self._writing is not None and not self._writing.done()
        schedules = (
            (self.seconds, 0 if busy else time.monotonic() - last_time),
            (self.steps, position.total - last.total),
            (self.epochs, position.epoch - last.epoch),
        )
        if any(limit is not None and past >= limit for limit, past in schedules):
            return True
        if logs is None or self.seconds is None or self._improved(logs) is None:
            return False
        return time.monotonic() - self._last_end >= self.seconds

    def _improved(self, logs: Logs) -> float | None:
        """Return the monitored value if it is the best so far."""
        value = logs.get(self.monitor, logs.get("loss"))
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return None
        sign = -1 if self.mode == "max" else 1
        is_best = self.best is None or sign * value < sign * self.best[0]
        return float(value) if is_best else None

    def write(
        self, position: TrainPosition, snapshot: Callable[[], Tree | None]
    ) -> None:
        """Write a checkpoint in a thread.

        Args:
            position: position of training.
            snapshot: function that waits for the device and returns the tree to write,
                or `None` to write nothing.
        """
        self.wait()
        self._last = time.monotonic(), position
        self._writing = run_in_thread(lambda: self._write(position, snapshot()))

    def _write(self, position: TrainPosition, tree: Tree | None) -> None:
        if tree is None:
            return
        path, best = self.folder / _name(position), self.best
        if position.batch == 0:
            self._last_end = time.monotonic()
            value = self._improved(tree["logs"])
            best = best if value is None else (value, path.name)
        write_run(path, {**tree, "best": best})
        self.best = best
        kept = {p.name for p in self.files()[: self.keep]} | {best and best[1]}
        for old in self.files():
            if old.name not in kept:
                old.unlink()

    def wait(self) -> None:
        """Wait for the current write; warn if it failed."""
        writing, self._writing = self._writing, None
        error = None if writing is None else writing.exception()
        if error is not None:
            warn(f"A checkpoint was not written; training continues: {error}")

    def delete(self) -> None:
        """Delete all checkpoints, and the folder if it is then empty."""
        self.wait()
        with suppress(OSError):  # leave a folder that cannot be changed
            for path in [*self.files(), self.folder / _RECORD, self.folder / _LOCK]:
                path.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def _name(position: TrainPosition) -> str:
    return f"step-{position.total:012d}{_ENDING}"


def _remove_partial_files(folder: Path, first: str, files: list[Path]) -> None:
    """Remove partial files, and rename the files after that of the first position."""
    for pattern in (f".*{_ENDING}.*", f".{_RECORD}.*"):
        for partial in folder.glob(pattern):
            partial.unlink()
    # Later files were damaged, and must not count as the newest.
    for path in files:
        if path.name > first:
            path.replace(path.with_name(path.name + ".damaged"))


def _locked_folder(folder: Path) -> IO[bytes]:
    """Create a folder and return the file whose lock keeps other processes out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("ab")
    except OSError as error:
        raise _refused(folder, error.strerror) from None
    if not _acquire_lock(lock):
        lock.close()
        raise StateError(
            f"A run is being trained in {str(folder)!r} already, perhaps by another "
            "process. Wait until it ends, or pass `resume` another folder."
        )
    return lock


def _refused(folder: Path, reason: str | None) -> ArgumentError:
    return ArgumentError(
        f"Cannot write to {str(folder)!r}: {(reason or '').rstrip('.')}. Pass `resume` "
        "a folder that can be written to."
    )


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


def warn(text: str) -> None:
    """Warn of a checkpoint."""
    warnings.warn(text, CheckpointWarning, stacklevel=3)
