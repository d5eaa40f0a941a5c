"""`evaluate`, `predict`, and steps on single batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from lamina.core.random.seeds import make_seed
from lamina.data.adapt import adapt
from lamina.data.arrays import as_arrays
from lamina.data.batches import Segment
from lamina.runtime.compiled_function import CompiledFunction
from lamina.runtime.interrupts import Interrupt
from lamina.training.batch_hooks import BatchHooks
from lamina.training.dispatch import dispatch_args
from lamina.training.loop import EpochLoop, host_logs
from lamina.training.options import EvaluateOptions, PredictOptions
from lamina.training.prepare import callback_list, prepare_model

# Outputs that stay on the device while later batches run.
_OUTPUTS_ON_DEVICE = 8
# "auto" shows no progress of shorter predictions.
_LONG_PREDICTION = 100


def evaluate(model: Any, options: EvaluateOptions) -> dict[str, Any]:
    """Return the loss and metrics of a model on data."""
    feed = options.feed()
    callbacks = callback_list(
        model, options.callbacks, options.verbose, epochs=1, steps=feed.steps
    )
    prepare_model(model, feed, check=True, finite=False)
    model.stop_evaluating = False
    with Interrupt() as interrupt, callbacks, callbacks.compile_clock("test"):
        loop = EpochLoop(
            "test",
            model._engine("test"),
            feed,
            callbacks,
            0,
            lambda: model.stop_evaluating or interrupt.requested,
        )
        callbacks.on_test_begin()
        logs = loop.epochs(0, 1, 0)[0].logs
        interrupt.check()
        callbacks.on_test_end(logs)
    return logs


def predict(model: Any, options: PredictOptions) -> Any:
    """Return a model's outputs for data as NumPy arrays."""
    if _is_one_batch(options):
        # Such calls come in loops of the user's, where any preparation would show.
        batch = as_arrays(options.x, "x"), None, None
        return jax.tree.map(np.asarray, _predictor(model)(batch))
    feed = options.feed()
    forward = _predictor(model)
    is_short = (feed.steps or 0) < _LONG_PREDICTION
    verbose = 0 if options.verbose == "auto" and is_short else options.verbose
    callbacks = callback_list(
        model, options.callbacks, verbose, epochs=1, steps=feed.steps
    )
    needs_outputs = callbacks.batch_needs("predict") != "epochs"
    pieces: list[Any] = []
    model.stop_predicting = False
    hooks = BatchHooks(callbacks, "predict", _joined_outputs)
    with callbacks, callbacks.compile_clock("predict"):
        callbacks.on_predict_begin()
        for number, batch in enumerate(feed.batches()):
            if model.stop_predicting:
                break
            hooks.begin(number)
            pieces.append(forward(batch))
            if needs_outputs:
                outputs = jax.tree.map(np.asarray, pieces[-1])
                hooks.end(number, {"outputs": outputs})
            if number >= _OUTPUTS_ON_DEVICE:
                oldest = pieces[-_OUTPUTS_ON_DEVICE]
                pieces[-_OUTPUTS_ON_DEVICE] = jax.tree.map(np.asarray, oldest)
            callbacks.on_progress("predict", number + 1, {})
        hooks.flush()
        outputs = jax.tree.map(_joined, *pieces)
        callbacks.on_predict_end()
    return outputs


def _is_one_batch(options: PredictOptions) -> bool:
    """Return whether the data is one batch of an array, with nothing to report to."""
    x = options.x
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return False
    plain = options.callbacks is None and options.steps is None
    quiet = options.verbose in (0, "auto")
    return plain and quiet and 0 < len(x) <= (options.batch_size or 32)


def _joined_outputs(logs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"outputs": jax.tree.map(_joined, *(each["outputs"] for each in logs))}


def _joined(*parts: Any) -> np.ndarray:
    return np.concatenate([np.asarray(part) for part in parts])


def _predictor(model: Any) -> Callable[[Any], Any]:
    """Return the compiled `predict_step` of a model."""
    found = model.__dict__.get("_predictor")
    if found is None:

        def step(batch: Any) -> Any:
            return model.predict_step(batch)

        found = CompiledFunction(step, model._program_state)
        model._predictor = found
    return found


def on_batch(
    model: Any,
    kind: str,
    data: tuple[Any, Any, Any],
    class_weight: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """Run one step on one batch; returns its metrics.

    Args:
        model: a compiled model.
        kind: "train" or "test".
        data: inputs, labels and sample weights of the batch.
        class_weight: as for `fit`.
    """
    feed = adapt(*data, batch_size=2**31 - 1, class_weight=class_weight)
    prepare_model(model, feed, check=False, to_train=kind == "train")
    segment: Segment = next(iter(feed.segments(0)))
    runner = model._engine(kind).runner(segment)
    if model.__dict__.get("_batch_seed") is None:
        model._batch_seed = make_seed()
    args = dispatch_args(model._batch_seed, model._steps_done, 0, 1, fresh=True)
    out = runner.run(segment.data, args)
    if kind == "train":
        model._steps_done += 1
    return host_logs(out["logs"])
