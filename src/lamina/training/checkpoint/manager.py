"""`CheckpointManager`: what `fit` asks to keep a run, and to take it up again."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from lamina.core.random import make_seed
from lamina.data.feeds import Feed
from lamina.errors import StateError
from lamina.ops.kernels import autotune
from lamina.training.callbacks import (
    BackupAndRestore,
    CallbackList,
    TerminateOnNaN,
)
from lamina.training.checkpoint.checkpoints import Checkpoints, CheckpointWarning
from lamina.training.checkpoint.run_state import (
    TrainPosition,
    arguments_of,
    capture,
    fingerprint,
    require_plain_callbacks,
    require_same,
    restore,
    restore_model,
    versions,
)

__all__ = ["CheckpointManager"]


class CheckpointManager:
    """A run that is kept in a folder, or one that is not kept at all.

    Args:
        model: the model in training.
        callbacks: their list; a `BackupAndRestore` in it stands for `resume`.
        resume: a folder, `Checkpoints`, or `None`.
    """

    def __init__(self, model: Any, callbacks: CallbackList, resume: Any) -> None:
        self._model, self._callbacks = model, callbacks
        self._backup: BackupAndRestore | None = callbacks.find(BackupAndRestore)
        if resume is None and self._backup is not None:
            resume = self._backup.checkpoints
        if resume is not None and not isinstance(resume, Checkpoints):
            resume = Checkpoints(resume)
        self._checkpoints: Checkpoints | None = resume
        watch = callbacks.find(TerminateOnNaN)
        self._rolls_back = watch is not None and watch.rollback
        if self._rolls_back and resume is None:
            raise StateError(
                "TerminateOnNaN(rollback=True) goes back to a checkpoint, and there "
                "will be none: pass `fit(resume=...)` a folder to keep the run in."
            )
        self._saved = resume.newest() if resume is not None else None
        self._files = resume.files() if resume is not None else []
        if self._saved is not None:
            # Of forms that were timed, the same ones: another has other roundings.
            autotune.reuse_kernels(self._saved.get("forms", {}))
        self._written: TrainPosition | None = None
        self.logs: dict[str, Any] = {}  # of an epoch that only lacks its end
        self.complete = False  # whether `fit` has come to its end

    @property
    def is_active(self) -> bool:
        """True if checkpoints are written."""
        return self._checkpoints is not None

    def newest_file(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        if self._checkpoints is None:
            return None
        return next(iter(self._checkpoints.files()), None)

    def seed(self, seed: int | None) -> int:
        """The seed of the run: the one given, that of the run kept, or a new one."""
        if seed is None and self._saved is not None:
            return self._saved["record"]["seed"]
        return make_seed() if seed is None else seed

    def begin(
        self, feed: Feed, validation: Feed | None, place: TrainPosition, epochs: int,
        **arguments: Any,
    ) -> TrainPosition:  # fmt: skip
        """Take the run up where it stopped; where that is.

        Args:
            feed: the data.
            validation: the data of validation.
            place: where a new run begins.
            epochs: where it ends.
            **arguments: those of `fit` that a run can't go on without.

        Raises:
            ArgumentError: the folder holds a run that was started in another way.
            ArgumentTypeError: a callback has a state that can't be kept.
            FileFormatError: it holds a run of another model.
            StateError: another process is training in the folder.
        """
        if self._checkpoints is None:
            return place
        require_plain_callbacks(self._callbacks.callbacks)
        self._checkpoints.open()
        if self._checkpoints.files() != self._files:  # by another process, just now
            self._saved = self._checkpoints.newest()
        self._record = {
            **arguments_of(self._model, arguments),
            "data": fingerprint(feed.sample()),
            "validation_data": None
            if validation is None
            else fingerprint(validation.sample()),
        }
        feed.track_state()
        if self._saved is not None:
            place = self._go_on(self._saved, feed, epochs)
            self._saved = None
        record = {**versions(), "epochs": int(epochs), **self._record}
        self._checkpoints.begin(record, place.step + place.batch, place.epoch)
        return place

    def _go_on(self, saved: dict[str, Any], feed: Feed, epochs: int) -> TrainPosition:
        assert self._checkpoints is not None
        old, new = saved["record"], self._record
        # A model that was trained in this process has a learning rate of its own.
        left_out = ("compile",) if self._model._steps_done else ()
        if not feed.is_resident:
            _note_other_stream(old["data"], new["data"])
            left_out += ("data",)
        now = {k: v for k, v in new.items() if k not in left_out}
        require_same(old, now, self._checkpoints.folder)
        self._record = old
        _note_versions(saved["versions"])
        place = TrainPosition(*saved["place"])
        if place.batch > 0:
            # What callbacks do here they did before; what they keep comes after.
            self._callbacks.on_epoch_begin(place.epoch)
            self.logs = saved["logs"]
        restore(self._model, self._callbacks, saved)
        self._checkpoints.best = saved["best"]
        stream = saved["stream"]
        if self.logs:
            feed.seek(place.epoch + 1, 0, stream and (0, stream[1]))
        else:
            feed.seek(place.epoch, place.batch, stream)
        if self._callbacks.params["verbose"]:
            self._say(place, epochs)
        return place

    def _say(self, place: TrainPosition, epochs: int) -> None:
        assert self._checkpoints is not None
        where = f"The run in {str(self._checkpoints.folder)!r}"
        if place.epoch >= epochs or self._model.stop_training:
            print(f"{where} has come to its end, after epoch {place.epoch}.")
            return
        batch = f", batch {place.batch}" if place.batch else ""
        print(f"{where} goes on from epoch {place.epoch + 1}{batch}.")

    def pause(
        self, place: TrainPosition, bad: Any, stream: Any, now: bool,
        logs: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Training stands between two steps: write a checkpoint, if due or `now`.

        Args:
            place: where it stands.
            bad: the number of a batch that was not finite, or a negative one.
            stream: where the data stands.
            now: whether a checkpoint is due in any case.
            logs: the epoch's logs, if all its batches are done.
        """
        # Who has asked training to end is not there to ask again in another process.
        if self._checkpoints is None or self._model.stop_training:
            return
        if now or self._checkpoints.is_due(place.step + place.batch, place.epoch):
            self._write(place, bad, stream, logs or {})

    def epoch_ended(self, place: TrainPosition, stream: Any, last: bool) -> None:
        """The same, after an epoch and its callbacks; always after the last one."""
        if self._checkpoints is None or place == self._written:
            return
        history = self._model.history.history
        logs = {name: values[-1] for name, values in history.items()}
        if not np.isfinite(logs.get("loss", 0.0)).all():
            return
        due = self._checkpoints.is_due_at_end(place.step, place.epoch, logs)
        if last or due:
            # No batch of the next epoch has been taken.
            self._write(place, None, stream and (0, stream[1]), logs)

    def diverged(self) -> None:
        """A step was not finite: go back to the last checkpoint, if asked to."""
        if self._checkpoints is None or not self._rolls_back:
            return
        self._checkpoints.wait()
        saved = self._checkpoints.newest()
        if saved is not None:
            restore_model(self._model, saved)

    def _write(
        self, place: TrainPosition, bad: Any, stream: Any, logs: dict[str, Any]
    ) -> None:
        assert self._checkpoints is not None
        self._written = place
        snapshot = capture(
            self._model, self._callbacks, place, bad, record=self._record,
            versions=versions(), stream=stream, logs=logs,
            forms=autotune.selected_kernels(),
        )  # fmt: skip
        self._checkpoints.write(place.step + place.batch, place.epoch, snapshot)

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


def _note_other_stream(saved: str | None, now: str | None) -> None:
    if saved != now:
        warnings.warn(
            "The data begins with another batch than when the run was started, so the "
            "run goes on, but not with the same bits.",
            CheckpointWarning,
            stacklevel=5,
        )


def _note_versions(saved: dict[str, Any]) -> None:
    changed = [
        f"{n} {saved.get(n)} -> {v}" for n, v in versions().items() if saved.get(n) != v
    ]
    if changed:
        warnings.warn(
            f"The run was begun elsewhere ({', '.join(changed)}), so it goes on, but "
            "not with the same bits.",
            CheckpointWarning,
            stacklevel=4,
        )
