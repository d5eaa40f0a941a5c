"""Small models and data that the training tests share."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.training.checkpoint.checkpoints import Checkpoints


def blobs(rows: int = 100, features: int = 8, classes: int = 3) -> tuple[Any, Any]:
    """Rows around one center a class, and the class indices."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, rows)
    centers = generator.normal(size=(classes, features))
    x = centers[labels] + 0.3 * generator.normal(size=(rows, features))
    return x.astype("float32"), labels.astype("int32")


def classifier(seed: int = 0, compile: bool = True) -> lamina.Model:
    """A stack with everything that has state of its own in training."""
    lamina.random.set_seed(seed)
    model = lamina.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GaussianNoise(0.1),
            layers.Dense(3, activation="softmax"),
        ]
    )
    if compile:
        loss = "sparse_categorical_crossentropy"
        model.compile("adam", loss, metrics=["accuracy"])
    return model


def state_of(model: lamina.Model) -> list[np.ndarray]:
    """Every number that training changes."""
    variables = [*model.variables, *model.optimizer.variables]
    return [v.numpy() for v in variables]


def assert_same_bits(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    """Equal to the last bit."""
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


class EveryBatch(callbacks.Callback):
    """Reads only the logs of each batch."""

    needs = "batches"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append((batch, logs))


class Killed(BaseException):
    """Stands for a process that ends."""


class Kill(callbacks.Callback):
    """Ends training after a number of batches, in the middle of everything."""

    needs = "batches"

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def fit(model: Any, resume: Any = None, kill: int | None = None, **given: Any) -> Any:
    x, y = blobs(100)
    arguments = {"x": x, "y": y, "batch_size": 8, "seed": 5, "epochs": 4, **given}
    arguments["callbacks"] = list(given.get("callbacks", ()))
    if kill is not None:
        arguments["callbacks"].append(Kill(kill))
    return model.fit(**arguments, verbose=0, resume=resume).history


@functools.cache
def uninterrupted(epochs: int = 4) -> tuple[list[np.ndarray], Any]:
    """Return the state and the history after training with the arguments of `fit`."""
    model = classifier()
    history = fit(model, epochs=epochs)
    return state_of(model), history


def often(folder: Path) -> Checkpoints:
    return Checkpoints(folder, seconds=None, steps=4)


def interrupted(folder: Path, at: list[int], **given: Any) -> None:
    """Start a run, end it at so many batches, go on, end it again."""
    for kill in at:
        with pytest.raises(Killed):
            fit(classifier(), often(folder), kill, **given)
