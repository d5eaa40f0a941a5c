"""Work written against Keras's API: the very same lines run lamina and Keras."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from time import perf_counter
from types import ModuleType
from typing import Any

import jax
import numpy as np

from benchmarks.claim import Round
from benchmarks.memory import resident_bytes, slope
from benchmarks.workload import Training


def sequential(api: ModuleType, training: Training) -> Any:
    """The training's stack of layers as a `Sequential` of `api`."""
    *hidden, outputs = training.widths[1:]
    last = "softmax" if training.is_classifier else None
    return api.Sequential(
        [
            api.Input((training.widths[0],)),
            *(api.layers.Dense(units, activation="relu") for units in hidden),
            api.layers.Dense(outputs, activation=last),
        ]
    )


def compiled(api: ModuleType, training: Training, **arguments: Any) -> Any:
    model = sequential(api, training)
    model.compile(
        optimizer=training.optimizer,
        loss=training.loss,
        metrics=list(training.metrics),
        **arguments,
    )
    return model


def fit(
    quick: bool,
    library: str,
    training: Training,
    quick_epochs: int | None = None,
    **compile_arguments: Any,
) -> Round:
    """A whole `fit` a round."""
    if quick and quick_epochs:
        training = replace(training, epochs=quick_epochs)
    model = compiled(import_module(library), training, **compile_arguments)
    x, y = training.data(training)

    def one_round() -> dict[str, float]:
        start = perf_counter()
        model.fit(x, y, batch_size=training.batch, epochs=training.epochs, verbose=0)
        seconds = perf_counter() - start
        return {"step": seconds / training.steps, "epoch": seconds / training.epochs}

    return one_round


def predict(quick: bool, library: str, training: Training, calls: int) -> Round:
    """`predict` and `model(x)` on one row, the result as a NumPy array."""
    model = sequential(import_module(library), training)
    row = training.data(training)[0][:1]

    def one_round() -> dict[str, float]:
        return {
            "predict": seconds_per_call(calls, lambda: model.predict(row, verbose=0)),
            "call": seconds_per_call(calls, lambda: np.asarray(model(row))),
        }

    return one_round


def seconds_per_call(calls: int, call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


def predict_memory(
    quick: bool, library: str, training: Training, calls: int, quick_calls: int
) -> Round:
    """Growth of the process while one row is predicted thousands of times."""
    model = sequential(import_module(library), training)
    row = training.data(training)[0][:1]
    count = quick_calls if quick else calls

    def growth(call: Callable[[], object]) -> float:
        samples = []
        for index in range(count):
            call()
            if index % 100 == 99:
                samples.append(resident_bytes())
        return slope(samples) / 100

    def one_round() -> dict[str, float]:
        return {
            "predict": growth(lambda: model.predict(row, verbose=0)),
            "call": growth(lambda: np.asarray(model(row))),
        }

    return one_round


def many_models(
    quick: bool,
    library: str,
    training: Training,
    models: int,
    quick_models: int,
    clear_session: bool = False,
) -> Round:
    """Models of one structure built, fitted and deleted, one after the other."""
    api = import_module(library)
    x, y = training.data(training)
    count = quick_models if quick else models

    def one_model() -> None:
        model = compiled(api, training)
        model.fit(x, y, batch_size=training.batch, epochs=1, verbose=0)

    def one_round() -> dict[str, float]:
        samples = []
        one_model()
        start = perf_counter()
        with counted_compilations() as compilations:
            for _ in range(count - 1):
                one_model()
                if clear_session:
                    api.utils.clear_session()
                gc.collect()
                samples.append(resident_bytes())
        return {
            "memory": slope(samples),
            "compilations": len(compilations) / (count - 1),
            "seconds": (perf_counter() - start) / (count - 1),
        }

    return one_round


@contextmanager
def counted_compilations() -> Iterator[list[str]]:
    """Collects an entry for each program that XLA was asked to compile."""
    compilations: list[str] = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compilations.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compilations
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
