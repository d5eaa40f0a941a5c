"""One call of `fit`: epochs, validation, checkpoints and interrupts."""

from __future__ import annotations

from typing import Any

from lamina.core.random.seeds import SeedGenerator
from lamina.data.adapt import adapt, is_array_data, unpack_x_y_sample_weight
from lamina.errors import LaminaError
from lamina.runtime.interrupts import Interrupt
from lamina.training.callbacks import CallbackList, History
from lamina.training.checkpoint.checkpoints import TrainPosition
from lamina.training.checkpoint.manager import CheckpointManager
from lamina.training.checks.arrays import check_class_weight
from lamina.training.checks.monitors import check_monitors
from lamina.training.checks.pairs import check_pairs
from lamina.training.loop import EpochLoop, EpochResult
from lamina.training.options import FitOptions
from lamina.training.prepare import callback_list, prepare_model

_BETWEEN, _STEPS, _VALIDATION = "between epochs", "steps", "validation"


class FitSession:
    """Training of a model from `fit`'s arguments to its history.

    Args:
        model: a compiled model.
        options: the arguments of `fit`.

    Raises:
        LaminaError: something does not fit together; nothing has been trained then.
    """

    def __init__(self, model: Any, options: FitOptions) -> None:
        options = options.with_split()
        self._model, self._options = model, options
        self._callbacks = callback_list(
            model,
            options.callbacks,
            options.verbose,
            history=True,
            epochs=options.epochs,
            steps=None,
        )
        self._checkpoints = CheckpointManager(model, self._callbacks, options.resume)
        self._seed = self._checkpoints.seed(options.seed)
        one_by_one = self._callbacks.batch_needs("train") == "model"
        self._feed = options.feed(self._seed, most=1 if one_by_one else None)
        self._callbacks.params["steps"] = self._feed.steps
        self._interrupt = Interrupt(terminate=self._checkpoints.is_active)
        self._prepare()
        self._validation = (
            None
            if options.validation_data is None
            else _Validation(model, options, self._callbacks, self._interrupt)
        )
        self._loop = EpochLoop(
            "train",
            model._engine("train"),
            self._feed,
            self._callbacks,
            self._seed,
            self._is_stopped,
            self._pause,
        )
        self._loop.prepare()
        self._epoch, self._stage = 0, _BETWEEN
        model.stop_training = False

    def _prepare(self) -> None:
        """Build the model, seed its layers and check the data."""
        model, options = self._model, self._options
        pred = prepare_model(model, self._feed, options.check_data, to_train=True)
        if options.seed is not None:
            generators = (m for m in model.modules() if isinstance(m, SeedGenerator))
            for number, generator in enumerate(generators):
                generator.reseed(options.seed, number)
        if model._plan is not None:
            check_class_weight(options.class_weight, model._plan, pred)
            check_pairs(model._plan, self._feed.sample()[1], pred)
            has_validation = options.validation_data is not None
            check_monitors(model, self._callbacks, has_validation)

    def run(self) -> History:
        """Train up to the last epoch; an interrupt is reported, then raised."""
        with self._interrupt as interrupt, self._callbacks.compile_clock("train"):
            try:
                with self._callbacks as callbacks, self._checkpoints as checkpoints:
                    callbacks.on_train_begin()
                    logs = self._epochs(self._begin())
                    interrupt.check()
                    _finalize(self._model)
                    callbacks.on_train_end(logs)
                    stopped = interrupt.requested or self._loop.interrupted
                    checkpoints.complete = not stopped
                interrupt.check()
            except KeyboardInterrupt:
                print(self._interruption(), flush=True)
                raise
        return self._model.history

    def _begin(self) -> TrainPosition:
        """Return the position to train from, that of a resumed run if there is one."""
        options, held_out = self._options, self._validation
        start = TrainPosition(options.initial_epoch, 0, self._model._steps_done)
        return self._checkpoints.begin(
            self._feed,
            None if held_out is None else held_out.feed,
            start,
            options.epochs,
            **options.record(self._seed),
        )

    def _epochs(self, position: TrainPosition) -> dict[str, Any]:
        """Train from a position on; returns the last epoch's logs."""
        model, callbacks, loop = self._model, self._callbacks, self._loop
        epochs = self._options.epochs
        fused = self._validation is None and callbacks.allows_epoch_fusion()
        self._epoch, first = position.epoch, position.batch
        logs: dict[str, Any] = {}
        while self._epoch < epochs and not (self._is_stopped() or loop.interrupted):
            if first == 0:
                callbacks.on_epoch_begin(self._epoch)
            self._stage = _STEPS
            most = epochs - self._epoch if fused else 1
            finished = [EpochResult(self._checkpoints.logs, first)]
            if not (first > 0 and self._checkpoints.logs):
                finished = loop.epochs(self._epoch, most, model._steps_done, first)
            for i, result in enumerate(finished):
                if i > 0:
                    callbacks.on_epoch_begin(self._epoch)
                logs = self._end_epoch(result)
            first = 0
            # A broken epoch is resumed, not counted.
            if self._is_between_epochs() and not loop.interrupted:
                last = self._epoch == epochs or self._is_stopped()
                position = TrainPosition(self._epoch, 0, model._steps_done)
                self._checkpoints.epoch_ended(position, loop.stream_state, last)
        loop.engine.release()
        if loop.interrupted:
            self._checkpoints.diverged()
        return logs

    def _end_epoch(self, result: EpochResult) -> dict[str, Any]:
        """Validate, call callbacks and advance, unless the epoch was interrupted."""
        logs = dict(result.logs)
        self._model._steps_done += result.steps
        if self._interrupt.requested and not result.whole:
            return logs
        held_out = self._validation
        if held_out is not None and self._options.is_validation_due(self._epoch):
            self._stage = _VALIDATION
            if not self._interrupt.requested:
                logs.update({f"val_{k}": v for k, v in held_out.run().items()})
            if self._interrupt.requested:
                step = self._model._steps_done - result.steps
                position = TrainPosition(self._epoch, result.steps, step)
                stream = self._loop.stream_state
                self._checkpoints.pause(position, -1, stream, True, result.logs)
                return logs
        self._callbacks.on_epoch_end(self._epoch, logs)
        self._epoch += 1
        self._stage = _BETWEEN
        return logs

    def _is_between_epochs(self) -> bool:
        return self._stage == _BETWEEN

    def _interruption(self) -> str:
        """Return a line that says where training was interrupted and what was kept."""
        where = {
            _BETWEEN: f"after epoch {self._epoch}",
            _STEPS: f"in epoch {self._epoch + 1}, step {self._loop.done}",
            _VALIDATION: f"in the validation of epoch {self._epoch + 1}",
        }[self._stage]
        count = len(self._model.history.epoch)
        kept = f"weights kept, history has {count} epoch{'' if count == 1 else 's'}"
        newest = self._checkpoints.newest_file()
        checkpoint = f", checkpoint in {str(newest)!r}" if newest else ""
        return f"Interrupted {where}: {kept}{checkpoint}."

    def _is_stopped(self) -> bool:
        return self._model.stop_training or self._interrupt.requested

    def _pause(self, batch: int, bad: Any, stream: Any) -> None:
        position = TrainPosition(self._epoch, batch, self._model._steps_done)
        self._checkpoints.pause(position, bad, stream, self._interrupt.requested)


class _Validation:
    """Evaluation on held-out data after an epoch.

    What would fail after the first epoch fails when this is made.
    """

    def __init__(
        self,
        model: Any,
        options: FitOptions,
        callbacks: CallbackList,
        interrupt: Interrupt,
    ) -> None:
        data = options.validation_data
        alone = not isinstance(data, (tuple, list))
        parts = (data, None, None) if alone else unpack_x_y_sample_weight(data)
        size = options.validation_batch_size or options.batch_size
        self.feed = adapt(
            *parts,
            size if is_array_data(parts[0]) else None,
            options.validation_steps,
        )
        self._model, self._callbacks = model, callbacks
        self._loop = EpochLoop(
            "test",
            model._engine("test"),
            self.feed,
            callbacks,
            0,
            lambda: model.stop_evaluating or interrupt.requested,
        )
        try:
            prepare_model(model, self.feed, options.check_data)
            self._loop.prepare(everything=True)
        except LaminaError as error:
            error.add_note("This is about the validation data.")
            raise

    def run(self) -> dict[str, Any]:
        """Evaluate; returns the logs."""
        self._model.stop_evaluating = False
        self._callbacks.on_test_begin()
        logs = self._loop.epochs(0, 1, 0)[0].logs
        self._callbacks.on_test_end(logs)
        return logs


def _finalize(model: Any) -> None:
    """Write the optimizer's averages into the weights, if it keeps any."""
    if hasattr(model.optimizer, "finalize_variable_values"):
        model.optimizer.finalize_variable_values(model.trainable_variables)
