"""The epochs of one `fit`: callbacks, validation, checkpoints and interrupts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina.data.feeds import Feed
from lamina.runtime.interrupts import Interrupt
from lamina.training.callbacks import CallbackList
from lamina.training.checkpoint.manager import CheckpointManager
from lamina.training.checkpoint.run_state import TrainPosition
from lamina.training.loop import EpochLoop, EpochResult

__all__ = ["Training"]

_BETWEEN, _STEPS, _VALIDATION = "between epochs", "steps", "validation"


class Training:
    """The epochs of one `fit`."""

    validate: Callable[[], dict[str, Any]] | None = None
    validation_freq: int | Sequence[int] = 1
    came_to_end = False
    _stage: str = _BETWEEN

    def __init__(
        self, model: Any, feed: Feed, callbacks: CallbackList,
        seed: int, interrupt: Interrupt, keeper: CheckpointManager,
    ) -> None:  # fmt: skip
        self._model, self._callbacks, self._keeper = model, callbacks, keeper
        self._interrupt = interrupt
        engine = model._engine("train")
        self._loop = EpochLoop(
            "train", engine, feed, callbacks, seed, self._stopped, self._pause
        )
        self._loop.prepare()
        self._epoch = 0
        model.stop_training = False

    def fit(self, begin: Callable[[], TrainPosition], epochs: int) -> None:
        """Train up to an epoch; an interrupt is reported, then raised.

        Args:
            begin: called after `on_train_begin`; returns the place to train from.
            epochs: the number of the last epoch.
        """
        with self._interrupt as interrupt, self._callbacks.compile_clock("train"):
            try:
                with self._callbacks as callbacks, self._keeper as keeper:
                    callbacks.on_train_begin()
                    logs = self.run(begin(), epochs)
                    interrupt.check()
                    _finish(self._model)
                    callbacks.on_train_end(logs)
                    keeper.complete = self.came_to_end
                interrupt.check()
            except KeyboardInterrupt:
                print(self.interruption(), flush=True)
                raise

    def run(self, place: TrainPosition, epochs: int) -> dict[str, Any]:
        """Train from a place on; the last epoch's logs."""
        model, callbacks, loop = self._model, self._callbacks, self._loop
        together = self.validate is None and callbacks.allows_epoch_fusion()
        self._epoch, first = place.epoch, place.batch
        logs: dict[str, Any] = {}
        while self._epoch < epochs and not (self._stopped() or loop.interrupted):
            if first == 0:
                callbacks.on_epoch_begin(self._epoch)
            self._stage = _STEPS
            most = epochs - self._epoch if together else 1
            finished = [EpochResult(self._keeper.logs, first)]
            if not (first > 0 and self._keeper.logs):
                finished = loop.epochs(self._epoch, most, model._steps_done, first)
            for i, done in enumerate(finished):
                if i > 0:
                    callbacks.on_epoch_begin(self._epoch)
                logs = self._end_epoch(done)
            first = 0
            # A broken epoch is resumed, not counted.
            if self._is_between_epochs() and not loop.interrupted:
                last = self._epoch == epochs or self._stopped()
                place = TrainPosition(self._epoch, 0, model._steps_done)
                self._keeper.epoch_ended(place, loop.stream_state, last)
        loop.engine.release()
        if loop.interrupted:
            self._keeper.diverged()
        self.came_to_end = not (self._interrupt.requested or loop.interrupted)
        return logs

    def _end_epoch(self, done: EpochResult) -> dict[str, Any]:
        logs = dict(done.logs)
        self._model._steps_done += done.steps
        if self._interrupt.requested and not done.whole:
            return logs
        if self.validate is not None and _is_due(self._epoch, self.validation_freq):
            self._stage = _VALIDATION
            if not self._interrupt.requested:
                logs.update({f"val_{k}": v for k, v in self.validate().items()})
            if self._interrupt.requested:
                step = self._model._steps_done - done.steps
                place = TrainPosition(self._epoch, done.steps, step)
                self._keeper.pause(place, -1, self._loop.stream_state, True, done.logs)
                return logs
        self._callbacks.on_epoch_end(self._epoch, logs)
        self._epoch += 1
        self._stage = _BETWEEN
        return logs

    def _is_between_epochs(self) -> bool:
        return self._stage == _BETWEEN

    def interruption(self) -> str:
        """A line that says where training was interrupted and what was kept."""
        where = {
            _BETWEEN: f"after epoch {self._epoch}",
            _STEPS: f"in epoch {self._epoch + 1}, step {self._loop.done}",
            _VALIDATION: f"in the validation of epoch {self._epoch + 1}",
        }[self._stage]
        count = len(self._model.history.epoch)
        kept = f"weights kept, history has {count} epoch{'' if count == 1 else 's'}"
        newest = self._keeper.newest_file()
        checkpoint = f", checkpoint in {str(newest)!r}" if newest else ""
        return f"Interrupted {where}: {kept}{checkpoint}."

    def _stopped(self) -> bool:
        return self._model.stop_training or self._interrupt.requested

    def _pause(self, batch: int, bad: Any, stream: Any) -> None:
        place = TrainPosition(self._epoch, batch, self._model._steps_done)
        self._keeper.pause(place, bad, stream, self._interrupt.requested)


def _finish(model: Any) -> None:
    """Let the optimizer put its averages into the weights, if it keeps any."""
    if hasattr(model.optimizer, "finalize_variable_values"):
        model.optimizer.finalize_variable_values(model.trainable_variables)


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency
