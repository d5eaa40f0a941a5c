"""Training for some seconds, with the run kept in a folder or not."""

from __future__ import annotations

import tempfile
from time import perf_counter
from typing import Any

import numpy as np

import lamina
from benchmarks.claim import Round
from benchmarks.peers.keras_api import compiled
from benchmarks.workload import SEED
from lamina import layers


class Stop(lamina.callbacks.Callback):
    """Ends training after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = perf_counter() + seconds

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = perf_counter() > self.end


def digits() -> tuple[Any, np.ndarray, np.ndarray]:
    """The demo's convolutional network and its data."""
    (x, y), _ = lamina.datasets.digits.load_data()
    model = lamina.Sequential(
        [
            lamina.Input((8, 8, 1)),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x[..., None].astype("float32") / 16, y


def fit(quick: bool, keep: bool) -> Round:
    """Both networks for some seconds each."""
    seconds = 12 if quick else 25
    (images,), labels = SEED.data(SEED.rows)
    tasks = {
        "dense": (compiled(lamina, SEED), images, labels),
        "convolutional": digits(),
    }

    def one_round() -> dict[str, float]:
        times = {}
        for name, (model, x, y) in tasks.items():
            model.fit(x, y, epochs=1, verbose=0)
            before = int(model.optimizer.iterations)
            with tempfile.TemporaryDirectory() as folder:
                start = perf_counter()
                model.fit(
                    x, y, epochs=10**6, verbose=0, callbacks=[Stop(seconds)],
                    resume=folder if keep else None,
                )  # fmt: skip
                passed = perf_counter() - start
            times[name] = passed / (int(model.optimizer.iterations) - before)
        return times

    return one_round
