"""Whole runs: `fit`, `evaluate`, `predict` and their one-batch forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lamina.core.check import is_int
from lamina.core.module import is_user_defined, signature
from lamina.core.random import SeedGenerator, make_seed
from lamina.core.scope import local
from lamina.core.variable import state_lock
from lamina.data.adapt import (
    adapt,
    is_array_data,
    split_validation,
    unpack_x_y_sample_weight,
)
from lamina.data.arrays import as_arrays
from lamina.data.feeds import Feed, Segment
from lamina.errors import ArgumentError, LaminaError, invalid
from lamina.runtime.compiled_function import CompiledFunction
from lamina.runtime.interrupts import Interrupt
from lamina.training.batch_hooks import BatchHooks
from lamina.training.callbacks import CallbackList, History
from lamina.training.checkpoint.manager import CheckpointManager
from lamina.training.checkpoint.run_state import TrainPosition
from lamina.training.checks.arrays import check_class_weight, check_data
from lamina.training.checks.label_shapes import check_label_shapes
from lamina.training.checks.monitors import check_monitors
from lamina.training.checks.pairs import check_pairs
from lamina.training.engine import dispatch_args
from lamina.training.epochs import Training
from lamina.training.loop import EpochLoop, host_logs

__all__ = [
    "evaluate",
    "fit",
    "on_batch",
    "predict",
    "predict_on_batch",
    "step_function",
]


def fit(
    model: Any, x: Any, y: Any, batch_size: int | None, epochs: int,
    verbose: int | str, callbacks: Any, validation_split: float,
    validation_data: Any, shuffle: bool | str,
    class_weight: Mapping[int, float] | None, sample_weight: Any,
    initial_epoch: int, steps_per_epoch: int | None, validation_steps: int | None,
    validation_batch_size: int | None, validation_freq: int | Sequence[int],
    seed: int | None, check: bool, resume: Any,
) -> Any:  # fmt: skip
    """See `Trainer.fit`."""
    _check_numbers(epochs, initial_epoch, validation_freq)
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = split_validation(
            (x, y, sample_weight), validation_split
        )
    chosen = callbacks_for(model, callbacks, verbose, epochs, history=True)
    keeper = CheckpointManager(model, chosen, resume)
    given, seed = seed, keeper.seed(seed)
    most = 1 if chosen.batch_needs("train") == "model" else None
    feed = adapt(
        x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight, seed,
        most,
    )  # fmt: skip
    chosen.params["steps"] = feed.steps
    pred = get_ready(model, feed, check, to_train=True)
    if given is not None:
        generators = (m for m in model.modules() if isinstance(m, SeedGenerator))
        for number, generator in enumerate(generators):
            generator.reseed(given, number)
    if model._plan is not None:
        check_class_weight(class_weight, model._plan, pred)
        check_pairs(model._plan, feed.sample()[1], pred)
        check_monitors(model, chosen, validation_data is not None)
    interrupt = Interrupt(terminate=keeper.is_active)
    held_out, validate = _validation(
        model, validation_data, validation_batch_size or batch_size, validation_steps,
        chosen, interrupt, check,
    )  # fmt: skip
    training = Training(model, feed, chosen, seed, interrupt, keeper)
    training.validate, training.validation_freq = validate, validation_freq
    arguments = {
        "seed": seed, "batch_size": batch_size, "shuffle": shuffle,
        "steps_per_epoch": steps_per_epoch, "class_weight": class_weight,
        "validation_split": validation_split, "validation_steps": validation_steps,
        "validation_batch_size": validation_batch_size,
        "validation_freq": validation_freq, "initial_epoch": initial_epoch,
    }  # fmt: skip
    start = feed, held_out, TrainPosition(initial_epoch, 0, model._steps_done), epochs
    training.fit(lambda: keeper.begin(*start, **arguments), epochs)
    return model.history


def _check_numbers(epochs: Any, initial_epoch: Any, validation_freq: Any) -> None:
    for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
        if not is_int(value) or value < 0:
            raise invalid("fit", name, value, "a whole number of at least 0")
    listed = isinstance(validation_freq, (list, tuple, set, range))
    if not listed and (not is_int(validation_freq) or validation_freq < 1):
        expected = "a positive integer, or a list of epochs counted from 1"
        raise invalid("fit", "validation_freq", validation_freq, expected)


def callbacks_for(
    model: Any,
    callbacks: Any,
    verbose: int | str,
    epochs: int = 1,
    steps: int | None = None,
    history: bool = False,
) -> CallbackList:
    """The user's callbacks, then a history if wanted, then a progress bar."""
    if isinstance(callbacks, CallbackList):
        if history and callbacks.find(History) is None:
            callbacks.append(History())
            callbacks.set_model(model)
        return callbacks
    if verbose not in ("auto", 0, 1, 2):
        raise invalid("fit and the like", "verbose", verbose, "0, 1, 2 or 'auto'")
    verbose = 1 if verbose == "auto" else int(verbose)
    return CallbackList(
        callbacks,
        history,
        verbose > 0,
        model,
        verbose=verbose,
        epochs=epochs,
        steps=steps,
    )


def get_ready(
    model: Any,
    feed: Feed,
    check: bool,
    finite: bool = True,
    to_train: bool = False,
) -> list[Any]:
    """Build what is not built, and look for mistakes in the data.

    Args:
        model: the model.
        feed: the data; that of a stream is looked at as it comes.
        check: whether to look at the data at all.
        finite: whether to look for values that are not finite.
        to_train: whether the model is about to learn from this data.

    Returns:
        Shapes of the outputs, flat, in the plan's order.
    """
    batch = feed.example()
    graph = getattr(model, "_graph", None)
    arrays = feed.sample()
    plain = _is_lamina(model, "train_step", "test_step", "compute_loss")
    if graph is not None and plain and _is_lamina(model, "call"):
        graph.check_rows(arrays[0], to_train)
    with state_lock:
        pred = model._make_ready(_specs(batch))
    plan, graph = model._plan, getattr(model, "_graph", None)
    if plain and plan is not None:
        check_label_shapes(plan, arrays[1], pred, to_train)
    if check:
        feed.check(
            lambda data, whole: check_data(data, plan, pred, graph, finite and whole)
        )
    return pred


def _is_lamina(model: Any, *methods: str) -> bool:
    """Return whether a model has none of these methods from a user's class."""
    return not any(is_user_defined(type(model), name) for name in methods)


def _specs(batch: Any) -> Any:
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), batch)


def _validation(
    model: Any, data: Any, batch_size: int | None, steps: int | None,
    callbacks: CallbackList, interrupt: Interrupt, check: bool,
) -> tuple[Any, Callable[[], dict[str, Any]] | None]:  # fmt: skip
    if data is None:
        return None, None
    alone = not isinstance(data, (tuple, list))
    parts = (data, None, None) if alone else unpack_x_y_sample_weight(data)
    size = batch_size if is_array_data(parts[0]) else None
    feed = adapt(*parts, size, steps)
    loop = EpochLoop(
        "test", model._engine("test"), feed, callbacks, 0,
        lambda: model.stop_evaluating or interrupt.requested,
    )  # fmt: skip
    try:
        get_ready(model, feed, check)
        # What would fail after the first epoch fails now.
        loop.prepare(everything=True)
    except LaminaError as error:
        error.add_note("This is about the validation data.")
        raise

    def validate() -> dict[str, Any]:
        model.stop_evaluating = False
        callbacks.on_test_begin()
        logs = loop.epochs(0, 1, 0)[0].logs
        callbacks.on_test_end(logs)
        return logs

    return feed, validate


def evaluate(
    model: Any, x: Any, y: Any, batch_size: int | None, verbose: int | str,
    sample_weight: Any, steps: int | None, callbacks: Any,
) -> dict[str, Any]:  # fmt: skip
    """See `Trainer.evaluate`."""
    feed = adapt(x, y, sample_weight, batch_size, steps)
    chosen = callbacks_for(model, callbacks, verbose, steps=feed.steps)
    get_ready(model, feed, check=True, finite=False)
    model.stop_evaluating = False
    with Interrupt() as interrupt, chosen, chosen.compile_clock("test"):
        loop = EpochLoop(
            "test", model._engine("test"), feed, chosen, 0,
            lambda: model.stop_evaluating or interrupt.requested,
        )  # fmt: skip
        chosen.on_test_begin()
        logs = loop.epochs(0, 1, 0)[0].logs
        interrupt.check()
        chosen.on_test_end(logs)
    return logs


def predict(
    model: Any, x: Any, batch_size: int | None, verbose: int | str, steps: int | None,
    callbacks: Any,
) -> Any:  # fmt: skip
    """See `Trainer.predict`."""
    few = isinstance(x, np.ndarray) and 0 < (len(x) if x.ndim else 0) <= (
        batch_size or 32
    )
    if few and callbacks is None and steps is None and verbose in (0, "auto"):
        # Calls on a few rows come in loops, where any preparation would show.
        batch = as_arrays(x, "x"), None, None
        return jax.tree.map(np.asarray, predictor(model)(batch))
    feed = adapt(x, None, None, batch_size, steps)
    forward = predictor(model)
    quiet = verbose == "auto" and (feed.steps or 0) < 100
    chosen = callbacks_for(model, callbacks, 0 if quiet else verbose, steps=feed.steps)
    shown = chosen.batch_needs("predict") != "epochs"
    pieces: list[Any] = []
    model.stop_predicting = False
    hooks = BatchHooks(chosen, "predict", _joined_outputs)
    with chosen, chosen.compile_clock("predict"):
        chosen.on_predict_begin()
        for number, batch in enumerate(feed.batches()):
            if model.stop_predicting:
                break
            hooks.begin(number)
            pieces.append(forward(batch))
            if shown:
                outputs = jax.tree.map(np.asarray, pieces[-1])
                hooks.end(number, {"outputs": outputs})
            # Outputs go to the host while later batches run: the device holds few.
            if number >= 8:
                pieces[-8] = jax.tree.map(np.asarray, pieces[-8])
            chosen.on_progress("predict", number + 1, {})
        hooks.flush()
        outputs = jax.tree.map(_joined, *pieces)
        chosen.on_predict_end()
    return outputs


def _joined_outputs(logs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"outputs": jax.tree.map(_joined, *(each["outputs"] for each in logs))}


def _joined(*parts: Any) -> np.ndarray:
    return np.concatenate([np.asarray(part) for part in parts])


def predictor(model: Any) -> Callable[[Any], Any]:
    """The compiled `predict_step` of a model."""
    found = model.__dict__.get("_predictor")
    if found is None:

        def step(batch: Any) -> Any:
            return model.predict_step(batch)

        found = CompiledFunction(step, model._program_state)
        model._predictor = found
    return found


def predict_on_batch(model: Any, x: Any) -> Any:
    """See `Trainer.predict_on_batch`."""
    return predict(
        model, x, batch_size=2**31 - 1, verbose=0, steps=None, callbacks=None
    )


def on_batch(
    model: Any,
    kind: str,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """See `Trainer.train_on_batch` and `test_on_batch`."""
    feed = adapt(x, y, sample_weight, 2**31 - 1, class_weight=class_weight)
    get_ready(model, feed, check=False, to_train=kind == "train")
    segment: Segment = next(iter(feed.segments(0)))
    runner = model._engine(kind).runner(segment)
    if model.__dict__.get("_batch_seed") is None:
        model._batch_seed = make_seed()
    clock = dispatch_args(model._batch_seed, model._steps_done, 0, 1, fresh=True)
    out = runner.run(segment.data, clock)
    if kind == "train":
        model._steps_done += 1
    return host_logs(out["logs"])


def step_function(model: Any, name: str) -> Callable[[Any], dict[str, Any]]:
    """A model's `train_step` or `test_step` as a function of a batch alone."""
    method = getattr(model, name)
    parameters = list(signature(method.__func__).parameters)[1:]
    if len(parameters) == 1:
        return lambda batch: method(_trimmed(batch))
    if len(parameters) == 2:
        return lambda batch: _with_state(model, name, method, batch)
    raise ArgumentError(
        f"{type(model).__name__}.{name} must take `data`, or `state` and `data`. It "
        f"takes {parameters}."
    )


def _trimmed(batch: Any) -> Any:
    """A batch as users know it: without trailing parts that are not there."""
    x, y, weight = batch
    if weight is not None:
        return x, y, weight
    return (x, y) if y is not None else (x,)


def _with_state(model: Any, name: str, method: Any, batch: Any) -> dict[str, Any]:
    """Call a step in Keras's stateless form, on lists of variables' values."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    if name == "train_step":
        groups.append(list(model.optimizer.variables))
    groups.append(model.metrics_variables)
    scope = local.state
    assert scope is not None
    state = tuple([scope.read(v) for v in group] for group in groups)
    logs, after = method(state, _trimmed(batch))
    for group, values in zip(groups, after, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    if "loss" in logs and name == "train_step":
        scope.watch(logs["loss"])
    return logs
