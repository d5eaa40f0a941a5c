"""The trainings that several claims and all peers share."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

Rows = tuple[NDArray[np.float32], NDArray[np.float32] | NDArray[np.int32]]


@dataclass(frozen=True)
class Training:
    """A stack of dense layers (relu between them) and how one `fit` trains it."""

    widths: tuple[int, ...]
    batch: int
    rows: int
    epochs: int
    optimizer: str
    loss: str
    metrics: tuple[str, ...]
    data: Callable[[Training], Rows]

    @property
    def steps(self) -> int:
        """Optimizer steps of one `fit`, the smaller last batch of an epoch included."""
        return self.epochs * math.ceil(self.rows / self.batch)

    @property
    def is_classifier(self) -> bool:
        return self.loss == "sparse_categorical_crossentropy"


def random_images(training: Training) -> Rows:
    """Noise of MNIST's shape and range: the time of a step doesn't depend on it."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (training.rows, training.widths[0]), np.uint8)
    labels = rng.integers(0, training.widths[-1], training.rows, np.int32)
    return pixels.astype(np.float32) / np.float32(255), labels


_AUTO_MPG = """
import sys
import numpy
from lamina.datasets import auto_mpg
(x, y), _ = auto_mpg.load_data()
numpy.savez(sys.stdout.buffer, x=x, y=y)
"""


def auto_mpg_rows(training: Training) -> Rows:
    """The Auto MPG training rows, normalised.

    A process of its own reads them from lamina: a peer's process must not be changed
    by whatever `import lamina` sets up.
    """
    command = [sys.executable, "-c", _AUTO_MPG]
    file = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    table = np.load(BytesIO(file))
    x, y = table["x"][: training.rows], table["y"][: training.rows]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return x.astype(np.float32), y.astype(np.float32).reshape(-1, 1)


SEED = Training(
    widths=(784, 32, 10),
    batch=32,
    rows=60_000,
    epochs=1,
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    data=random_images,
)
SEED_SMALL = replace(SEED, rows=320)
MLP512 = replace(SEED, widths=(784, 512, 512, 10), batch=128)
AUTO_MPG = Training(
    widths=(9, 64, 64, 1),
    batch=32,
    rows=314,
    epochs=1_000,
    optimizer="rmsprop",
    loss="mse",
    metrics=("mae", "mse"),
    data=auto_mpg_rows,
)
