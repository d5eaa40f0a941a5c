"""`CheckpointManager`: checkpoints of a run of `fit`, and resuming it."""

from __future__ import annotations

import functools
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np

from lamina.core.module import is_user_defined
from lamina.core.random.seeds import make_seed
from lamina.data.feeds import Feed
from lamina.data.streams import State
from lamina.errors import StateError
from lamina.metrics.base import Metric
from lamina.ops.kernels import autotune
from lamina.runtime.placement import any_process, is_shared
from lamina.training.callbacks import BackupAndRestore, CallbackList, TerminateOnNaN
from lamina.training.checkpoint.checkpoints import Checkpoints, TrainPosition
from lamina.training.checkpoint.resuming import (
    describe,
    fingerprint_of,
    require_same_run,
    restore_undamaged,
    resume_run,
)
from lamina.training.checkpoint.run_file import Tree
from lamina.training.checkpoint.run_state import (
    arguments_of,
    capture,
    require_plain_callbacks,
    restore_model,
    versions,
)
from lamina.training.options import Resume
from lamina.training.state import TrainingState
from lamina.typing import Logs


class CheckpointManager:
    """Manager of the checkpoints of one run; inactive without a folder.

    Args:
        state: the model's training.
        callbacks: the run's callbacks; a `BackupAndRestore` among them replaces
            `resume`.
        resume: path of a folder, `Checkpoints`, or `None`.
    """

    def __init__(
        self, state: TrainingState, callbacks: CallbackList, resume: Resume
    ) -> None:
        self._state, self._model, self._callbacks = state, state.model, callbacks
        self._backup: BackupAndRestore | None = callbacks.find(BackupAndRestore)
        self._checkpoints = resume = _checkpoints_of(resume, self._backup)
        self._rolls_back = _rolls_back(callbacks, resume is not None)
        self._saved = resume.newest() if resume is not None else None
        self._files = resume.files() if resume is not None else []
        if self._saved is not None:
            # Reuse the autotuned kernels: another kernel may round differently.
            autotune.reuse_kernels(self._saved.get("forms", {}))
        self._written: TrainPosition | None = None
        self.logs: dict[str, Any] = {}  # of an epoch whose batches are all done
        self.complete = False  # True once `fit` has completed

    @property
    def is_active(self) -> bool:
        """True if checkpoints are written."""
        return self._checkpoints is not None

    def newest_file(self) -> Path | None:
        """Return the path of the newest checkpoint, or `None`."""
        if self._checkpoints is None:
            return None
        return next(iter(self._checkpoints.files()), None)

    def seed(self, seed: int | None) -> int:
        """Return the seed: the argument, that of the saved run, or a new one."""
        if seed is None and self._saved is not None:
            return self._saved["record"]["seed"]
        return make_seed() if seed is None else seed

    def begin(
        self,
        feed: Feed,
        validation: Feed | None,
        position: TrainPosition,
        epochs: int,
        **arguments: object,
    ) -> TrainPosition:
        """Restore the saved run, if any, and return the position to train from.

        Args:
            feed: the training data.
            validation: the validation data.
            position: start of a new run.
            epochs: number of epochs.
            **arguments: arguments of `fit` that must not change when a run resumes.

        Raises:
            ArgumentError: the saved run has other arguments or data.
            ArgumentTypeError: a callback has a state that cannot be saved.
            FileFormatError: the saved run is of another model.
            StateError: another process is training in the folder.
        """
        checkpoints = self._checkpoints
        if checkpoints is None:
            return position
        require_plain_callbacks(self._callbacks.callbacks)
        checkpoints.open()
        if any_process(checkpoints.files() != self._files):  # changed by another run
            self._saved = checkpoints.newest()
        self._record = {
            **arguments_of(self._model, arguments),
            "data": fingerprint_of(feed),
            "validation_data": validation and fingerprint_of(validation),
        }
        feed.track_state()
        saved, self._saved = self._saved, None
        resume = functools.partial(self._resume, checkpoints, feed, epochs)
        position = restore_undamaged(checkpoints, saved, resume) or position
        record = {**versions(), "epochs": int(epochs), **self._record}
        checkpoints.begin(record, position)
        return position

    def _resume(
        self, checkpoints: Checkpoints, feed: Feed, epochs: int, saved: Tree
    ) -> TrainPosition:
        folder, engine = checkpoints.folder, self._state.engine("train")
        if not all(map(_is_built, self._model.metrics)):
            # Metrics create the variables that the checkpoint has. Eager steps may need
            # values, so that they cannot be traced.
            with nullcontext() if engine.is_compiled else suppress(Exception):
                engine.trace(feed.example())
        require_same_run(self._state, saved, self._record, feed, folder)
        position, self.logs = resume_run(self._state, self._callbacks, saved, feed)
        self._record = saved["record"]
        checkpoints.best = saved["best"]
        if self._callbacks.params["verbose"]:
            ends = self._model.stop_training or position.epoch >= epochs
            print(describe(folder, position, ends))
        return position

    def is_due(self, position: TrainPosition) -> bool:
        """Return whether this process would write a checkpoint."""
        return self._checkpoints is not None and self._checkpoints.is_due(position)

    def pause(
        self,
        position: TrainPosition,
        stream: State,
        now: bool,
        logs: Logs | None = None,
    ) -> None:
        """Write a checkpoint between two steps, if one is due or `now` is set.

        Args:
            position: position of training.
            stream: position in the data.
            now: whether to write a checkpoint that is not due.
            logs: the epoch's logs, if all its batches are done.
        """
        # A resumed run would not repeat the request to stop.
        if self._checkpoints is None or self._model.stop_training:
            return
        # Several processes agree before this call.
        if now or (not is_shared() and self.is_due(position)):
            self._write(position, stream, logs or {})

    def epoch_ended(self, position: TrainPosition, stream: State, last: bool) -> None:
        """Write a checkpoint after an epoch, if one is due or the epoch is the last."""
        if self._checkpoints is None or position == self._written:
            return
        history = self._model.history.history
        logs = {name: values[-1] for name, values in history.items()}
        if not np.isfinite(logs.get("loss", 0.0)).all():
            return
        if any_process(last or self._checkpoints.is_due(position, logs)):
            # No batch of the next epoch has been taken.
            self._write(position, stream and (0, stream[1]), logs)

    def diverged(self) -> None:
        """Restore the last checkpoint, if `TerminateOnNaN` has `rollback=True`."""
        if self._checkpoints is None or not self._rolls_back:
            return
        self._checkpoints.wait()
        newest = self._checkpoints.newest()
        restore = functools.partial(restore_model, self._state)
        restore_undamaged(self._checkpoints, newest, restore)

    def _write(self, position: TrainPosition, stream: State, logs: Logs) -> None:
        assert self._checkpoints is not None
        self._written = position
        entries = {
            "place": tuple(position),
            "record": self._record,
            "versions": versions(),
            "stream": stream,
            "logs": logs,
            "forms": autotune.selected_kernels(),
        }
        snapshot = capture(self._state, self._callbacks, entries)
        self._checkpoints.write(position, snapshot)

    def __enter__(self) -> CheckpointManager:
        return self

    def __exit__(self, *_: object) -> None:
        if self._checkpoints is None:
            return
        self._checkpoints.wait()
        backup = self._backup
        if self.complete and backup is not None and backup.delete_checkpoint:
            self._checkpoints.delete()
        self._checkpoints.close()


def _checkpoints_of(
    resume: Resume, backup: BackupAndRestore | None
) -> Checkpoints | None:
    if resume is None:
        return None if backup is None else backup.checkpoints
    return resume if isinstance(resume, Checkpoints) else Checkpoints(resume)


def _is_built(metric: Metric) -> bool:
    """Return whether a metric surely has its variables before a step is traced."""
    return getattr(metric, "built", not is_user_defined(type(metric)))


def _rolls_back(callbacks: CallbackList, has_checkpoints: bool) -> bool:
    watch = callbacks.find(TerminateOnNaN)
    if watch is None or not watch.rollback:
        return False
    if not has_checkpoints:
        raise StateError(
            "TerminateOnNaN(rollback=True) needs checkpoints to go back to: pass `fit` "
            "a folder for them, as in fit(..., resume='runs/a')."
        )
    return True
