"""A run that two processes train, in which one of them may get a signal.

python run.py ADDRESS NUMBER FOLDER SIGNAL EPOCH: process 1 gets the signal at the
beginning of an epoch. The first process stores the weights in FOLDER.npz at the end.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np

import lamina
from lamina import callbacks, distribution, layers
from lamina.distribution import processes

EPOCHS = 6


def model() -> Any:
    lamina.utils.set_random_seed(3)
    found = lamina.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, "relu"),
            layers.Dropout(0.2),
            layers.Dense(4, "softmax"),
        ]
    )
    found.compile(lamina.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
    return found


def train(found: Any, resume: Any = None, *more: callbacks.Callback) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(48, 8)).astype("float32")
    return found.fit(
        *(x, generator.integers(0, 4, 48), 8, EPOCHS),
        verbose=0,
        seed=1,
        callbacks=[callbacks.EarlyStopping("loss", restore_best_weights=True), *more],
        resume=resume,
    ).history


class _Signal(callbacks.Callback):
    """Sends a signal to this process at the beginning of an epoch."""

    def __init__(self, number: int, epoch: int) -> None:
        super().__init__()
        self.number, self.at = number, epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.at:
            os.kill(os.getpid(), self.number)


def main() -> None:
    address, number, folder, name, epoch = sys.argv[1:]
    processes._HEARTBEAT_SECONDS = 10
    distribution.initialize(address, 2, int(number))
    distribution.set_distribution(distribution.FullySharded())
    found = model()
    more = [_Signal(signal.Signals[name], int(epoch))] if number == "1" else []
    checkpoints = callbacks.Checkpoints(folder, seconds=None, epochs=1, keep=3)
    history = train(found, checkpoints, *more)
    weights = found.get_weights()
    if number == "0":
        np.savez(f"{folder}.npz", *weights, loss=history["loss"])


if __name__ == "__main__":
    main()
