"""Saving and loading of a large model, in lines that lamina and Keras share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import jax

from benchmarks.claim import Round
from benchmarks.memory import peak_bytes, resident_bytes

UNITS, LAYERS = 5_000, 4


def save_and_load(quick: bool, library: str) -> Round:
    """Return a round that saves and loads the model, then its weights."""
    api = import_module(library)
    dense = [api.layers.Dense(UNITS) for _ in range(LAYERS)]
    model = api.Sequential([api.Input((UNITS,)), *dense])
    wait_for(model)
    size = 4 * model.count_params()

    def one_round() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            whole, weights = f"{folder}/m.keras", f"{folder}/m.weights.h5"
            before = resident_bytes()
            forget_peak()
            save = seconds(lambda: model.save(whole))
            growth = (peak_bytes() - before) / size
            load = seconds(lambda: wait_for(api.models.load_model(whole)))
            os.unlink(whole)
            return {
                "both": save + load,
                "save": save,
                "load": load,
                "growth": growth,
                "save_weights": seconds(lambda: model.save_weights(weights)),
                "load_weights": seconds(
                    lambda: (model.load_weights(weights), wait_for(model))
                ),
            }

    return one_round


def wait_for(model: Any) -> None:
    jax.block_until_ready([weight.value for weight in model.weights])


def forget_peak() -> None:
    """Reset the peak that `peak_bytes` returns (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
