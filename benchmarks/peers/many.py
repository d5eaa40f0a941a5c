"""Many models of one structure in one process: time, memory, compilations."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from time import perf_counter

import jax

from benchmarks.claim import Round
from benchmarks.memory import growth_rate, resident_bytes
from benchmarks.peers.keras_api import alone_or_together, compiled
from benchmarks.workload import Training


def many_models(
    quick: bool,
    library: str,
    training: Training,
    models: int,
    quick_models: int,
    clear_session: bool = False,
) -> Round:
    """Return a round that builds, fits and deletes models of one structure."""
    api = import_module(library)
    inputs, y = training.data(training.rows)
    x = alone_or_together(inputs)
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
            "memory": growth_rate(samples),
            "compilations": len(compilations) / (count - 1),
            "seconds": (perf_counter() - start) / (count - 1),
        }

    return one_round


@contextmanager
def counted_compilations() -> Iterator[list[str]]:
    """Log handler that stores an entry for each program that XLA compiles."""
    compilations: list[str] = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compilations.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compilations
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
