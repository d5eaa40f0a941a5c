"""Work in Keras's API; the same lines run lamina and Keras."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.claim import Round
from benchmarks.memory import growth_rate, resident_bytes
from benchmarks.peers.keras_networks import build
from benchmarks.workload import Array, Training


def compiled(api: ModuleType, training: Training, **arguments: Any) -> Any:
    model = build(api, training)
    model.compile(
        optimizer=training.optimizer,
        loss=training.loss,
        metrics=list(training.metrics),
        **arguments,
    )
    return model


def alone_or_together(inputs: tuple[Array, ...]) -> Any:
    """Return `x` for `fit`: an array, or a list for several inputs."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def fit(
    quick: bool,
    library: str,
    training: Training,
    callbacks: int = 0,
    at_batches: bool = False,
    **compile_arguments: Any,
) -> Round:
    """Return a round that runs a whole `fit`, with epoch or batch callbacks."""
    training = training.at(quick)
    api = import_module(library)
    model = compiled(api, training, **compile_arguments)
    inputs, y = training.data(training.rows)
    x = alone_or_together(inputs)
    size = sum(math.prod(v.shape) for v in model.trainable_variables)

    watcher = watcher_of(api, at_batches)

    def one_round() -> dict[str, float]:
        watchers = [watcher() for _ in range(callbacks)]
        start = perf_counter()
        history = model.fit(
            x,
            y,
            batch_size=training.batch,
            epochs=training.epochs,
            verbose=0,
            callbacks=watchers,
        )
        times = training.times(perf_counter() - start)
        return {**times, "parameters": size, "loss": float(history.history["loss"][-1])}

    return one_round


def watcher_of(api: ModuleType, at_batches: bool) -> type:
    """Return a callback that stores the logs of each epoch or each batch."""

    class AtEpochs(api.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seen = logs

    class AtBatches(api.callbacks.Callback):
        # Read by lamina only: the method does not use the model.
        needs = "batches"

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen = logs

    return AtBatches if at_batches else AtEpochs


def first_step(quick: bool, library: str, training: Training) -> Round:
    """Return a round that builds a model and trains one step, in a new process."""
    api = import_module(library)
    (inputs,), y = training.data(training.rows)

    def one_round() -> dict[str, float]:
        start = perf_counter()
        model = compiled(api, training)
        model.fit(inputs, y, batch_size=training.batch, epochs=1, verbose=0)
        return {"step": perf_counter() - start}

    return one_round


def predict(quick: bool, library: str, training: Training, calls: int) -> Round:
    """Return a round of `predict` and `model(x)` on one row, with NumPy results."""
    model = build(import_module(library), training)
    row = training.data(1)[0][0]

    def one_round() -> dict[str, float]:
        return {
            "predict": seconds_per_call(calls, lambda: model.predict(row, verbose=0)),
            "call": seconds_per_call(calls, lambda: np.asarray(model(row))),
        }

    return one_round


def predict_rows(
    quick: bool, library: str, training: Training, rows: int, calls: int
) -> Round:
    """Return a round of `predict` with its default batch size of 32."""
    model = build(import_module(library), training)
    x = training.data(rows)[0][0]

    def one_round() -> dict[str, float]:
        return {"predict": seconds_per_call(calls, lambda: model.predict(x, verbose=0))}

    return one_round


def seconds_per_call(calls: int, call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


def predict_memory(
    quick: bool, library: str, training: Training, calls: int, quick_calls: int
) -> Round:
    """Return a round that measures memory growth over thousands of predictions."""
    model = build(import_module(library), training)
    row = training.data(1)[0][0]
    count = quick_calls if quick else calls

    def growth(call: Callable[[], object]) -> float:
        samples = []
        for index in range(count):
            call()
            if index % 100 == 99:
                samples.append(resident_bytes())
        return growth_rate(samples) / 100

    def one_round() -> dict[str, float]:
        return {
            "predict": growth(lambda: model.predict(row, verbose=0)),
            "call": growth(lambda: np.asarray(model(row))),
        }

    return one_round
