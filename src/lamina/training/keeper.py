"""`Keeper`: what `fit` asks to keep a run, and to take it up again."""

from __future__ import annotations

import warnings
from typing import Any

from lamina.core.random import make_seed
from lamina.data.feeds import ArrayFeed, StreamFeed
from lamina.errors import StateError
from lamina.training.callbacks import (
    BackupAndRestore,
    CallbackList,
    TerminateOnNaN,
)
from lamina.training.checkpoints import Checkpoints, CheckpointWarning
from lamina.training.run_state import (
    Place,
    capture,
    fingerprint,
    require_same,
    restore,
    restore_model,
    versions,
)

__all__ = ["Keeper"]


class Keeper:
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
        self._written: Place | None = None
        self.complete = False  # whether `fit` has come to its end

    def seed(self, seed: int | None) -> int:
        """The seed of the run: the one given, that of the run kept, or a new one."""
        if seed is None and self._saved is not None:
            return self._saved["record"]["seed"]
        return make_seed() if seed is None else seed

    def begin(self, feed: ArrayFeed | StreamFeed, place: Place, **record: Any) -> Place:
        """Take the run up where it stopped; where that is.

        Args:
            feed: the data.
            place: where a new run begins.
            **record: the arguments of `fit` that a run can't go on without.

        Raises:
            ArgumentError: the folder holds a run that was started in another way.
            FileFormatError: it holds a run of another model.
        """
        if self._checkpoints is None:
            return place
        rows = fingerprint(feed.arrays) if isinstance(feed, ArrayFeed) else None
        self._record = {**record, "data": rows}
        saved, self._saved = self._saved, None
        if isinstance(feed, StreamFeed):
            feed.keeps_states = True
        if saved is not None:
            require_same(saved["record"], self._record, self._checkpoints.folder)
            _note_versions(saved["versions"])
            if saved["place"][1] > 0:
                # What callbacks do here they did before; what they keep comes after.
                self._callbacks.on_epoch_begin(saved["place"][0])
            place = restore(self._model, self._callbacks, saved)
            if isinstance(feed, StreamFeed):
                feed.go_to(place.epoch, place.batch, saved["stream"])
        self._checkpoints.open({**self._record, **versions()}, place.step, place.epoch)
        return place

    def pause(self, place: Place, bad: Any, stream: Any, now: bool) -> None:
        """Training stands between two steps: write a checkpoint, if due or `now`."""
        if self._checkpoints is None:
            return
        if now or self._checkpoints.is_due(place.step + place.batch, place.epoch):
            self._write(place, bad, stream, {})

    def epoch_ended(self, place: Place, stream: Any, last: bool) -> None:
        """The same, after an epoch and its callbacks; always after the last one."""
        if self._checkpoints is None or place == self._written:
            return
        if last or self._checkpoints.is_due(place.step, place.epoch):
            history = self._model.history.history
            logs = {name: values[-1] for name, values in history.items()}
            self._write(place, None, stream, logs)

    def diverged(self) -> None:
        """A step was not finite: go back to the last checkpoint, if asked to."""
        if self._checkpoints is None or not self._rolls_back:
            return
        self._checkpoints.wait()
        saved = self._checkpoints.newest()
        if saved is not None:
            restore_model(self._model, saved)

    def _write(self, place: Place, bad: Any, stream: Any, logs: dict[str, Any]) -> None:
        assert self._checkpoints is not None
        self._written = place
        snapshot = capture(
            self._model, self._callbacks, place, bad, record=self._record,
            versions=versions(), stream=stream, logs=logs,
        )  # fmt: skip
        self._checkpoints.write(place.step + place.batch, place.epoch, snapshot)

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        if self._checkpoints is None:
            return
        self._checkpoints.wait()
        backup = self._backup
        if self.complete and backup is not None and backup.delete_checkpoint:
            self._checkpoints.delete()


def _note_versions(saved: dict[str, str]) -> None:
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
