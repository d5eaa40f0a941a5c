"""Training for some seconds, with and without checkpoints."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import lamina
from benchmarks.claim import Round
from benchmarks.peers.keras_api import compiled
from benchmarks.workload import SEED
from lamina import layers
from lamina.training.checkpoint.checkpoints import TrainPosition

# Seconds between checkpoints, and seconds for which one can affect training.
EACH, AFTERWARDS = 10.0, 1.0


class Watch(lamina.callbacks.Callback):
    """Record when epochs end, and stop training after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.times: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.times.append(perf_counter())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.times.append(perf_counter())
        self.model.stop_training = self.times[-1] > self.times[0] + self.seconds


class TimedCheckpoints(lamina.callbacks.Checkpoints):
    """Checkpoints that record when writing begins."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder, seconds=EACH)
        self.times: list[float] = []

    def write(self, position: TrainPosition, snapshot: Callable[[], Any]) -> None:
        self.times.append(perf_counter())
        super().write(position, snapshot)


def share(ends: list[float], writes: list[float]) -> float:
    """Return the share of the training time that checkpoints take.

    Compare the epochs in the second after a checkpoint starts with those in the seconds
    before and after, during which the speed of a machine changes little.
    """
    times, took = np.array(ends[1:]), np.diff(ends)
    lost = []
    for write in writes:
        since = (times - write) / AFTERWARDS
        felt, near = (since >= 0) & (since < 1), (since >= -1) & (since < 2)
        if felt.any() and (near & ~felt).any():
            lost.append(np.sum(took[felt] - np.median(took[near & ~felt])))
    return float(np.mean(lost)) * len(writes) / (ends[-1] - ends[0])


def digits() -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the convolutional network of the demo and its data."""
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
    """Return a round that trains both networks for some seconds each."""
    seconds = 12 if quick else 25
    (images,), labels = SEED.data(SEED.rows)
    tasks = {
        "dense": (compiled(lamina, SEED), images, labels),
        "convolutional": digits(),
    }

    def one_round() -> dict[str, float]:
        found = {}
        for name, (model, x, y) in tasks.items():
            model.fit(x, y, epochs=1, verbose=0)
            before, watch = int(model.optimizer.iterations), Watch(seconds)
            with tempfile.TemporaryDirectory() as folder:
                checkpoints = TimedCheckpoints(folder) if keep else None
                model.fit(
                    x, y, epochs=10**6, verbose=0, callbacks=[watch], resume=checkpoints
                )
            passed = watch.times[-1] - watch.times[0]
            found[name] = passed / (int(model.optimizer.iterations) - before)
            if checkpoints is not None:
                found[f"{name}_share"] = share(watch.times, checkpoints.times)
        return found

    return one_round
