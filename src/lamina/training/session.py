"""One call of `fit`: epochs, validation, checkpoints and interrupts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lamina.core.scope import local, override
from lamina.data.streams import State
from lamina.errors import LaminaError
from lamina.lazy import LazyImport
from lamina.optimizers import Optimizer
from lamina.runtime.interrupts import Interrupt
from lamina.runtime.placement import any_process
from lamina.training.callbacks import History
from lamina.training.callbacks.base import show
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.checkpoint.checkpoints import TrainPosition
from lamina.training.checkpoint.manager import CheckpointManager
from lamina.training.checks.findings import Finding, Findings, error_finding
from lamina.training.evaluation import validation
from lamina.training.loop import EpochLoop, EpochResult
from lamina.training.options import FitOptions
from lamina.training.prepare import check_fit_data, fit_callbacks
from lamina.training.state import MetricsOwner, TrainingState

_BETWEEN, _STEPS, _VALIDATION = "between epochs", "steps", "validation"
_checks = LazyImport("lamina.training.checks.after_training")


class FitSession:
    """Training of a model from `fit`'s arguments to its history.

    Args:
        state: the training of a compiled model.
        options: the arguments of `fit`.

    Raises:
        LaminaError: something does not fit together; nothing has been trained then.
    """

    def __init__(self, state: TrainingState, options: FitOptions) -> None:
        self._given = options
        options = replace(options, host=state.host(options.x)).with_split()
        self._state, self._model, self._options = state, state.model, options
        self._callbacks = callbacks = fit_callbacks(state.model, options)
        self._checkpoints = CheckpointManager(state, callbacks, options.resume)
        self._seed = self._checkpoints.seed(options.seed)
        one_by_one = callbacks.batch_needs("train") == "model"
        self._feed = options.train_feed(self._seed, most=1 if one_by_one else None)
        callbacks.params["steps"] = self._feed.steps
        self._interrupt = Interrupt(terminate=self._checkpoints.is_active)
        found = check_fit_data(state, self._given, options, self._feed, callbacks)
        callbacks.set_fit_arguments(
            {**vars(self._given), "seed": self._seed, "findings": found}
        )
        self._validation = validation(state, options, callbacks, self._interrupt)
        pause = self._pause if self._checkpoints.is_active else None
        rest = self._is_stopped, self._seed, pause, self._interrupt, self._is_due
        self._loop = EpochLoop(state.engine("train"), self._feed, callbacks, *rest)
        start = self._loop.prepare if local.on_findings is None else self._loop.trace
        start()
        self._epoch, self._stage = 0, _BETWEEN
        self._is_fresh = state.steps_done == 0 and options.initial_epoch == 0
        self._model.stop_training = False

    def run(self) -> History:
        """Train up to the last epoch; an interrupt is reported, then raised."""
        if local.on_findings is not None:
            return _untrained(self._model, self._options, self._validation is not None)
        with self._interrupt as interrupt, self._callbacks.compile_clock("train"):
            try:
                with self._callbacks as callbacks, self._checkpoints as checkpoints:
                    callbacks.on_train_begin()
                    logs = self._epochs(self._begin())
                    interrupt.check()
                    _finalize(self._model)
                    stopped = interrupt.requested or self._loop.interrupted
                    found = Findings()
                    is_whole = not (stopped or self._feed.is_share)
                    if is_whole and self._options.check_level in ("all", "probe"):
                        run = self._loop.engine, self._feed, self._is_fresh
                        found = _checks.load().examine(self._model, callbacks, *run)
                    self._model.history.findings = found
                    callbacks.on_train_end(logs)
                    if self._options.verbose and found:
                        print(_checks.load().text_of(found), flush=True)
                    checkpoints.complete = not stopped
                any_process(False)  # wait until callbacks have written their files
                interrupt.check()
            except KeyboardInterrupt:
                place = _place(self._stage, self._epoch, self._loop.done)
                newest = self._checkpoints.newest_file()
                show(_interruption(place, self._model.history, newest))
                raise
        return self._model.history

    def _begin(self) -> TrainPosition:
        """Return the position to train from, that of a resumed run if there is one."""
        options = self._options
        start = TrainPosition(options.initial_epoch, 0, self._state.steps_done)
        held_out = self._validation and self._validation.loop.feed
        run = self._feed, held_out, start, options.epochs
        return self._checkpoints.begin(*run, **options.record(self._seed))

    def _epochs(self, position: TrainPosition) -> dict[str, Any]:
        """Train from a position and return the last epoch's logs."""
        state, callbacks, loop = self._state, self._callbacks, self._loop
        epochs = self._options.epochs
        fused = _may_fuse(callbacks, self._validation is not None)
        self._epoch, first = position.epoch, position.batch
        logs: dict[str, Any] = {}
        while self._epoch < epochs and not (
            any_process(self._is_stopped()) or loop.interrupted
        ):
            started = self._epoch
            if first == 0:
                callbacks.on_epoch_begin(started)
            self._stage = _STEPS
            most = epochs - self._epoch if fused else 1
            finished = [EpochResult(self._checkpoints.logs, first)]
            if not (first > 0 and self._checkpoints.logs):
                finished = loop.epochs(self._epoch, most, state.steps_done, first)
            for i, result in enumerate(finished):
                if i > 0:
                    callbacks.on_epoch_begin(self._epoch)
                logs = self._end_epoch(result)
            first = 0
            # A broken epoch is resumed, not counted.
            if self._epoch > started and not loop.interrupted:
                last = self._epoch == epochs or self._is_stopped()
                stream = loop.stream_state
                self._checkpoints.epoch_ended(self._position(0), stream, last)
        loop.engine.release()
        if loop.interrupted:
            self._checkpoints.diverged()
        return logs

    def _end_epoch(self, result: EpochResult) -> dict[str, Any]:
        """Validate, call callbacks and advance, unless the epoch was interrupted."""
        logs, position = dict(result.logs), self._position(result.steps)
        self._state.steps_done += result.steps
        if self._interrupt.requested and not result.whole:
            return logs
        held_out = self._validation
        if held_out is not None and self._options.is_validation_due(self._epoch):
            self._stage = _VALIDATION
            if not self._interrupt.requested:
                logs.update({f"val_{k}": v for k, v in held_out.run().items()})
            if self._interrupt.requested:
                stream = self._loop.stream_state
                self._checkpoints.pause(position, stream, True, result.logs)
                return logs
        self._callbacks.on_epoch_end(self._epoch, logs)
        self._epoch += 1
        self._stage = _BETWEEN
        return logs

    def _is_stopped(self) -> bool:
        return self._model.stop_training or self._interrupt.requested

    def _pause(self, batch: int, stream: State) -> None:
        now = self._interrupt.requested or self._loop.agreement.due
        self._checkpoints.pause(self._position(batch), stream, now)

    def _is_due(self, batch: int) -> bool:
        return self._checkpoints.is_due(self._position(batch))

    def _position(self, batch: int) -> TrainPosition:
        return TrainPosition(self._epoch, batch, self._state.steps_done)


def _may_fuse(callbacks: CallbackList, is_validated: bool) -> bool:
    """Return whether one dispatch may run several epochs, equally in all processes.

    Only the first process shows progress, for which each epoch ends alone.
    """
    return not any_process(is_validated or not callbacks.allows_epoch_fusion())


def _untrained(model: MetricsOwner, options: FitOptions, is_validated: bool) -> History:
    """Return a history without values, for a program that is only checked."""
    names = ["loss", *model.metrics_names]
    if is_validated:
        names += [f"val_{name}" for name in names]
    history, epochs = model.history, range(options.epochs)
    history.epoch = list(epochs)
    # Old programs find old names in this dictionary.
    history.history.clear()
    history.history.update({name: [math.nan for _ in epochs] for name in names})
    return history


def _place(stage: str, epoch: int, step: int) -> str:
    """Return where training is."""
    return {
        _BETWEEN: f"after epoch {epoch}",
        _STEPS: f"in epoch {epoch + 1}, step {step}",
        _VALIDATION: f"in the validation of epoch {epoch + 1}",
    }[stage]


def _interruption(place: str, history: History, checkpoint: Path | None) -> str:
    """Return a line that says where training was interrupted and what was kept."""
    count = len(history.epoch)
    kept = f"weights kept, history has {count} epoch{'' if count == 1 else 's'}"
    file = f", checkpoint in {str(checkpoint)!r}" if checkpoint else ""
    return f"Interrupted {place}: {kept}{file}."


def _finalize(model: MetricsOwner) -> None:
    """Write the optimizer's averages into the weights, if it keeps any."""
    optimizer: Any = model.optimizer
    method = getattr(type(optimizer), "finalize_variable_values", None)
    # Listing the variables takes as long as a short epoch.
    has_none = method is Optimizer.finalize_variable_values and not optimizer.use_ema
    if hasattr(optimizer, "finalize_variable_values") and not has_none:
        optimizer.finalize_variable_values(model.trainable_variables)


def check_fit(state: TrainingState, options: Callable[[], FitOptions]) -> Findings:
    """Return the findings of a call of `fit`, errors included, without training.

    Args:
        state: the training of a compiled model.
        options: makes the arguments of `fit`.
    """
    found = list[Finding]()
    with override(on_findings=lambda findings, where: found.extend(findings)):
        try:
            FitSession(state, options())
        except LaminaError as error:
            found.append(error_finding(error, ""))
    return Findings(found)
