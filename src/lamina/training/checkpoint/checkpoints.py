"""`Checkpoints`: schedule, write and read the checkpoints of a run."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from lamina.core.check import (
    Check,
    check_arguments,
    one_of,
    optional,
    positive_int,
    positive_number,
)
from lamina.core.process import is_first_process
from lamina.runtime.interrupts import run_in_thread
from lamina.runtime.placement import is_shared
from lamina.training.checkpoint.folder import (
    FILE,
    FOLDER,
    RunFolder,
    warn,
)
from lamina.training.checkpoint.run_file import Tree, write_run
from lamina.training.checkpoint.shards import write_shards
from lamina.typing import Logs


class TrainPosition(NamedTuple):
    """Position of a run: epoch, next batch, and number of steps before the epoch."""

    epoch: int
    batch: int
    step: int

    @property
    def total(self) -> int:
        """Number of steps done."""
        return self.step + self.batch


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
        self._folder = RunFolder(self.folder)
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
        return self._folder.files()

    def newest(self) -> Tree | None:
        """Return the contents of the newest valid checkpoint, or `None`.

        Raises:
            ArgumentError: a process does not see the folder of the first one.
            MissingPackageError: Orbax, which several processes need, is not installed.
        """
        return self._folder.newest()

    def skip(self, damaged: Tree, reason: str) -> Tree | None:
        """Return the contents of the newest valid checkpoint before a damaged one.

        Args:
            damaged: contents of the damaged one, as `newest` has returned them.
            reason: what is wrong with it, for a warning.
        """
        return self._folder.skip(damaged, reason)

    # Writing

    def open(self) -> None:
        """Create the folder and lock it until `close`.

        Raises:
            ArgumentError: the folder cannot be written to.
            StateError: another run is being trained in it.
        """
        self._folder.open()

    def begin(self, record: dict[str, Any], position: TrainPosition) -> None:
        """Remove partial files, rename damaged ones, and write the record.

        Args:
            record: description of the run for people, written to `run.json`.
            position: position from which training starts.

        Raises:
            ArgumentError: the folder cannot be written to.
        """
        self._folder.begin(record, _name(position))
        self._last = time.monotonic(), position

    def close(self) -> None:
        """Wait for the current write, and unlock the folder."""
        self.wait()
        self._folder.close()

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
        """Return the monitored value if it is the best so far, else `None`."""
        value = logs.get(self.monitor, logs.get("loss"))
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return None
        sign = -1 if self.mode == "max" else 1
        is_best = self.best is None or sign * value < sign * self.best[0]
        return float(value) if is_best else None

    def write(self, position: TrainPosition, snapshot: Callable[[], Tree]) -> None:
        """Write a checkpoint in a thread.

        Args:
            position: position of training.
            snapshot: function that waits for the device and returns the tree to write.
        """
        self.wait()
        self._last = time.monotonic(), position
        if not is_shared():
            self._writing = run_in_thread(lambda: self._write(position, snapshot()))
        else:  # Orbax begins in all processes at the same position
            path, tree = self._completed(position, snapshot(), FOLDER)
            wait = write_shards(path, tree)
            is_first = is_first_process()
            self._writing = run_in_thread(lambda: self._finish(wait, tree, is_first))

    def _write(self, position: TrainPosition, tree: Tree) -> None:
        path, tree = self._completed(position, tree, FILE)
        self._finish(lambda: write_run(path, tree), tree, True)

    def _completed(
        self, position: TrainPosition, tree: Tree, ending: str
    ) -> tuple[Path, Tree]:
        """Return the path of a checkpoint, and its tree with the best one so far."""
        path, best = self.folder / f"{_name(position)}{ending}", self.best
        if position.batch == 0:
            self._last_end = time.monotonic()
            value = self._improved(tree["logs"])
            best = best if value is None else (value, path.name)
        return path, {**tree, "best": best}

    def _finish(self, write: Callable[[], None], tree: Tree, deletes: bool) -> None:
        """Write a checkpoint, then delete those that are not kept."""
        write()
        self.best = tree["best"]
        if deletes:
            self._folder.keep(self.keep, self.best and self.best[1])

    def wait(self) -> None:
        """Wait for the current write; warn if it failed."""
        writing, self._writing = self._writing, None
        error = None if writing is None else writing.exception()
        if error is not None:
            warn(f"A checkpoint was not written; training continues: {error}")

    def delete(self) -> None:
        """Delete all checkpoints, and the folder if it is then empty."""
        self.wait()
        self._folder.delete()


def _name(position: TrainPosition) -> str:
    return f"step-{position.total:012d}"
