"""Program of which one process ends early, or alone.

python ends.py ADDRESS PROCESSES NUMBER WHO HOW WHEN: process WHO ends, as HOW and WHEN
say, and prints the time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import numpy as np

import lamina
from lamina import distribution, layers
from lamina.distribution import processes

HEARTBEAT = 10  # seconds; 30 for users


class Fail(lamina.callbacks.Callback):
    """Callback of one process that ends it, after a batch or an epoch."""

    def __init__(self, end: Any, when: str) -> None:
        super().__init__()
        self.end, self.when = end, when

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.when == "epoch" and epoch == 1:
            self.end()


class FailInBatch(Fail):
    """Callback for each batch; `needs` is the default, the model at each batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 2:
            self.end()


def end(how: str) -> None:
    print(f"ends at {time.time()}", flush=True)
    if how == "exit":
        sys.exit(0)
    if how == "status":
        sys.exit("no such file")
    if how == "error":
        raise ValueError("bad row")
    os.kill(os.getpid(), signal.SIGKILL)


def main(address: str, count: str, number: str, who: str, how: str, when: str) -> None:
    processes._HEARTBEAT_SECONDS = HEARTBEAT
    distribution.initialize(address, int(count), int(number))

    def ends() -> None:
        if number == who:
            end(how)

    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    model = lamina.Sequential([layers.Input((8,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    if when == "before":
        ends()
    kind = FailInBatch if when == "batch" else Fail
    fit: dict[str, Any] = {"batch_size": 8, "epochs": 3, "verbose": 0}
    model.fit(x, x[:, :1], devices="all", callbacks=[kind(ends, when)], **fit)
    if when == "after":
        ends()
        model.train_on_batch(x, x[:, :1])
    if when == "last":
        ends()
        time.sleep(3)  # work of the others alone
    print("end")


if __name__ == "__main__":
    main(*sys.argv[1:])
