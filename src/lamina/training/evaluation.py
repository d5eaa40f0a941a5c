"""`evaluate`, `predict`, and steps on single batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from lamina.data.adapt import adapt
from lamina.data.arrays import as_arrays
from lamina.data.feeds import Feed
from lamina.data.shares import unmarked
from lamina.errors import LaminaError
from lamina.lazy import LazyImport
from lamina.runtime.interrupts import Interrupt
from lamina.tracebacks import warn
from lamina.training.callbacks import CallbackList
from lamina.training.callbacks.batch_hooks import joined
from lamina.training.dispatch import DispatchArgs, host_logs, unknown_logs
from lamina.training.loop import EpochLoop, NonFiniteWarning
from lamina.training.options import EvaluateOptions, FitOptions
from lamina.training.prepare import callback_list, prepare_model
from lamina.training.state import TrainingState
from lamina.typing import Data

# "auto" shows no progress of shorter predictions.
_LONG_PREDICTION = 100
_ALL_ROWS = 2**31 - 1
_usual_causes = LazyImport("lamina.training.checks.steps.not_finite:USUAL_CAUSES")


class Evaluation:
    """Evaluation of a model on data, or prediction.

    Args:
        state: the model's training.
        kind: "test" or "predict".
        feed: the data.
        callbacks: the callbacks.
        interrupt: a request to stop.
    """

    def __init__(
        self,
        state: TrainingState,
        kind: str,
        feed: Feed,
        callbacks: CallbackList,
        interrupt: Interrupt,
    ) -> None:
        self._model = state.model
        self._callbacks = callbacks
        self._interrupt = interrupt
        self._stop = "stop_predicting" if kind == "predict" else "stop_evaluating"
        self._kind = kind
        self.loop = EpochLoop(
            state.engine(kind), feed, callbacks, self._is_stopped, interrupt=interrupt
        )

    def run(self) -> dict[str, Any]:
        """Run all batches and return the logs."""
        setattr(self._model, self._stop, False)
        getattr(self._callbacks, f"on_{self._kind}_begin")()
        logs = self.loop.epochs(0, 1, 0)[0].logs
        getattr(self._callbacks, f"on_{self._kind}_end")(logs)
        return logs

    def _is_stopped(self) -> bool:
        return getattr(self._model, self._stop) or self._interrupt.requested


def validation(
    state: TrainingState,
    options: FitOptions,
    callbacks: CallbackList,
    interrupt: Interrupt,
) -> Evaluation | None:
    """Prepare the evaluation after epochs, so that mistakes show before the first.

    Args:
        state: the model's training.
        options: the arguments of `fit`.
        callbacks: the callbacks of the run.
        interrupt: a request to stop.

    Returns:
        The evaluation; `None` without validation data.
    """
    try:
        feed = options.validation_feed()
        if feed is None:
            return None
        result = Evaluation(state, "test", feed, callbacks, interrupt)
        prepare_model(state, feed, options.checks_values)
        result.loop.prepare(everything=True)
    except LaminaError as error:
        error.add_note("This is about the validation data.")
        raise
    return result


def evaluate(state: TrainingState, options: EvaluateOptions) -> dict[str, Any]:
    """Return the loss and metrics of a model on data."""
    feed = replace(options, host=state.host(options.x)).feed()
    callbacks = callback_list(state.model, options, feed.steps)
    prepare_model(state, feed, check=True, finite=False)
    with Interrupt() as interrupt, callbacks, callbacks.compile_clock("test"):
        logs = Evaluation(state, "test", feed, callbacks, interrupt).run()
        interrupt.check()
    return logs


def is_one_batch(x: Data, batch_size: int | None, verbose: int | str) -> bool:
    """Return whether data is one batch of an array, without a display of progress."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return False
    return verbose in (0, "auto") and 0 < len(x) <= (batch_size or 32)


def predict_batch(state: TrainingState, x: Data) -> Any:
    """Return a model's outputs for one batch of an array.

    Users call this in loops, where the preparation of other data would take most of
    the time.
    """
    host = state.host(x)
    x = as_arrays(x if host is None else host(x), "x")
    outputs = state.predictor((x, None, None))
    # A copy can be written to.
    is_array = isinstance(outputs, jax.Array)
    return np.array(outputs) if is_array else jax.tree.map(np.array, outputs)


def predict(state: TrainingState, options: EvaluateOptions) -> Any:
    """Return a model's outputs for data as NumPy arrays."""
    feed = replace(options, host=state.host(options.x)).feed()
    if options.verbose == "auto" and (feed.steps or 0) < _LONG_PREDICTION:
        options = replace(options, verbose=0)
    callbacks = callback_list(state.model, options, feed.steps)
    with callbacks, callbacks.compile_clock("predict"):
        # An `Interrupt` catches Ctrl-C only inside a `with` block. No variable changes
        # here, so Ctrl-C may raise at once.
        interrupt = Interrupt()
        evaluation = Evaluation(state, "predict", feed, callbacks, interrupt)
        evaluation.run()
    return joined(*evaluation.loop.outputs)


def on_batch(
    state: TrainingState,
    kind: str,
    data: tuple[Data | None, Data | None, Data | None],
    class_weight: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """Run one step on one batch and return its metrics.

    Args:
        state: the training of a compiled model.
        kind: "train" or "test".
        data: inputs, labels and sample weights of the batch.
        class_weight: as for `fit`.
    """
    data, is_marked = unmarked(data)
    options: Any = {"class_weight": class_weight, "host": state.host(data[0])}
    feed = adapt(*data, batch_size=_ALL_ROWS, is_marked=is_marked, **options)
    prepare_model(state, feed, check=False, to_train=kind == "train")
    segment = next(feed.segments(0))
    args = DispatchArgs(state.batch_seed, state.steps_done)
    out = state.engine(kind).runner(segment).run(segment.data, args)
    if kind == "train":
        state.steps_done += 1
    logs = host_logs(out.logs)
    if int(out.bad) < 0:
        return logs
    warn(
        "The loss or a gradient of this batch was not finite, so its update was "
        f"discarded. {_usual_causes.load()} `fit` on this batch names the operation.",
        NonFiniteWarning,
    )
    return unknown_logs(logs)
