"""Training tasks shared by claims and peers."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32] | NDArray[np.int32]
Rows = tuple[tuple[Array, ...], Array]
"""Inputs of the network and the targets."""

CLASSES = "sparse_categorical_crossentropy"
BINARY = "binary_crossentropy"


@dataclass(frozen=True)
class Training:
    """Network, and the settings of one `fit`.

    `network` names a function of `peers.keras_networks` and of `peers.torch_networks`,
    for some also of `peers.jax_networks`, and `options` are that function's arguments.
    `data` returns a given number of rows. The quick version has fewer rows or epochs.
    """

    network: str
    data: Callable[[int], Rows]
    batch: int
    rows: int
    epochs: int = 1
    optimizer: str = "adam"
    loss: str = CLASSES
    metrics: tuple[str, ...] = ("accuracy",)
    options: Mapping[str, Any] = field(default_factory=dict)
    quick_rows: int | None = None
    quick_epochs: int | None = None

    @property
    def steps(self) -> int:
        """Number of optimizer steps of one `fit`, including smaller last batches."""
        return self.epochs * math.ceil(self.rows / self.batch)

    def at(self, quick: bool) -> Self:
        """Return this task, or its quick version."""
        if not quick:
            return self
        return replace(
            self,
            rows=self.quick_rows or self.rows,
            epochs=self.quick_epochs or self.epochs,
        )

    def times(self, seconds: float) -> dict[str, float]:
        """Return the time per step and per epoch of a `fit` that took `seconds`."""
        return {"step": seconds / self.steps, "epoch": seconds / self.epochs}


def images(rows: int, shape: tuple[int, ...]) -> Array:
    """Return noise in the range of pixels, which does not affect the time of a step."""
    pixels = np.random.default_rng(0).integers(0, 256, (rows, *shape), np.uint8)
    return pixels.astype(np.float32) / np.float32(255)


def labelled_images(rows: int, shape: tuple[int, ...], classes: int = 10) -> Rows:
    labels = np.random.default_rng(1).integers(0, classes, rows, np.int32)
    return (images(rows, shape),), labels


def images_twice(rows: int, shape: tuple[int, ...]) -> Rows:
    """Return images as inputs and as targets."""
    pixels = images(rows, shape)
    return (pixels,), pixels


def words(rows: int, length: int, vocabulary: int) -> Array:
    rng = np.random.default_rng(0)
    return rng.integers(0, vocabulary, (rows, length), np.int32)


def yes_or_no(rows: int) -> Array:
    answers = np.random.default_rng(1).integers(0, 2, (rows, 1))
    return answers.astype(np.float32)


def judged_texts(rows: int, length: int, vocabulary: int) -> Rows:
    return (words(rows, length, vocabulary),), yes_or_no(rows)


def continued_texts(rows: int, length: int, vocabulary: int) -> Rows:
    """Return texts, and the next word at each position."""
    text = words(rows, length + 1, vocabulary)
    return (text[:, :-1].copy(),), text[:, 1:].copy()


def table_rows(rows: int, columns: int, vocabulary: int, numbers: int) -> Rows:
    """Return columns of categories and a few numeric columns."""
    values = np.random.default_rng(2).normal(size=(rows, numbers))
    inputs = words(rows, columns, vocabulary), values.astype(np.float32)
    return inputs, yes_or_no(rows)


def random_table(rows: int, columns: int) -> Rows:
    values = np.random.default_rng(0).normal(size=(rows, columns + 1))
    x, y = values[:, :-1].astype(np.float32), values[:, -1:].astype(np.float32)
    return (x,), y


_AUTO_MPG = """
import sys
import numpy
from lamina.datasets import auto_mpg
(x, y), _ = auto_mpg.load_data()
numpy.savez(sys.stdout.buffer, x=x, y=y)
"""


def auto_mpg_rows(rows: int) -> Rows:
    """Return the Auto MPG training rows, normalized.

    A separate process reads them from lamina, because `import lamina` would change the
    settings of a peer's process.
    """
    command = [sys.executable, "-c", _AUTO_MPG]
    file = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    table = np.load(BytesIO(file))
    x, y = table["x"][:rows], table["y"][:rows]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return (x.astype(np.float32),), y.astype(np.float32).reshape(-1, 1)


SEED = Training(
    network="dense",
    options={"widths": (784, 32, 10), "last": "softmax"},
    data=partial(labelled_images, shape=(784,)),
    batch=32,
    rows=60_000,
)
SEED_SMALL = replace(SEED, rows=320)
MLP512 = replace(
    SEED, options={"widths": (784, 512, 512, 10), "last": "softmax"}, batch=128
)
AUTO_MPG = Training(
    network="dense",
    options={"widths": (9, 64, 64, 1)},
    data=auto_mpg_rows,
    batch=32,
    rows=314,
    epochs=1_000,
    quick_epochs=200,
    optimizer="rmsprop",
    loss="mse",
    metrics=("mae", "mse"),
)
TABLE = Training(
    network="dense",
    options={"widths": (20, 32, 1)},
    data=partial(random_table, columns=20),
    batch=128,
    rows=1_000,
    loss="mse",
    metrics=(),
)


def deep(layers: int) -> Training:
    """Return the task of a stack of narrow dense layers."""
    widths = (20, *(64 for _ in range(layers - 1)), 1)
    return replace(TABLE, options={"widths": widths}, batch=32, rows=3_200)


# Keras on JAX needs up to seconds for a step of convolutions: epochs are short.
MNIST_CNN = Training(
    network="mnist_cnn",
    data=partial(labelled_images, shape=(28, 28, 1)),
    batch=128,
    rows=128 * 12,
    quick_rows=128 * 4,
)
VGG = Training(
    network="vgg",
    data=partial(labelled_images, shape=(32, 32, 3)),
    batch=32,
    rows=32 * 30,
    quick_rows=32 * 10,
)
RESNET20 = Training(
    network="resnet20",
    data=partial(labelled_images, shape=(32, 32, 3)),
    batch=128,
    rows=128 * 4,
    quick_rows=128 * 2,
)
SEPARABLE = Training(
    network="separable",
    data=partial(labelled_images, shape=(32, 32, 3)),
    batch=32,
    rows=32 * 4,
    quick_rows=32 * 2,
)
AUGMENTATION = Training(
    network="augmented",
    data=partial(labelled_images, shape=(96, 96, 3)),
    batch=128,
    rows=128 * 8,
    quick_rows=128 * 2,
)
AUTOENCODER = Training(
    network="autoencoder",
    data=partial(images_twice, shape=(28, 28, 1)),
    batch=128,
    rows=128 * 8,
    quick_rows=128 * 4,
    loss=BINARY,
    metrics=(),
)
LSTM = Training(
    network="recurrent",
    options={"layer": "LSTM", "vocabulary": 20_000, "width": 128, "length": 80},
    data=partial(judged_texts, length=80, vocabulary=20_000),
    batch=32,
    rows=32 * 50,
    quick_rows=32 * 20,
    loss=BINARY,
)
GRU = replace(LSTM, options={**LSTM.options, "layer": "GRU"})
TRANSFORMER = Training(
    network="transformer",
    options={"vocabulary": 256, "length": 128, "width": 128, "heads": 4, "blocks": 2},
    data=partial(continued_texts, length=128, vocabulary=256),
    batch=32,
    rows=32 * 20,
    quick_rows=32 * 10,
)
TABULAR = Training(
    network="tabular",
    options={"columns": 16, "vocabulary": 10_000, "width": 16, "numbers": 8},
    data=partial(table_rows, columns=16, vocabulary=10_000, numbers=8),
    batch=256,
    rows=256 * 100,
    quick_rows=256 * 40,
    loss=BINARY,
)
