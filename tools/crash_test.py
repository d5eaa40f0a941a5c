"""Kill training at random instants, start it again until it ends, compare the bits.

    python -m tools.crash_test                # 200 kills over all cases
    python -m tools.crash_test --kills 20 --case lstm

Each case trains in a process of its own that keeps its run with `fit(resume=...)`.
The process is killed with SIGKILL, in steps, in writes, at ends of epochs or in
validation, as it happens. In the end weights, optimizer, history and the callbacks'
state must be, bit for bit, those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import lamina
from lamina import callbacks, layers, optimizers
from lamina.training.checkpoints import Checkpoints

ROWS = 400


def data() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits."""
    (x, y), _ = lamina.datasets.digits.load_data()
    return x[:ROWS].reshape(ROWS, 64).astype("float32") / 16, y[:ROWS].astype("int32")


def stack(*hidden: Any, optimizer: Any = "adam", **compile_with: Any) -> lamina.Model:
    """A classifier of digits."""
    model = lamina.Sequential([layers.Input((64,)), *hidden, layers.Dense(10)])
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], **compile_with)
    return model


def dropout_and_batchnorm() -> tuple[lamina.Model, dict[str, Any]]:
    """Random numbers, moving averages, callbacks that act on what they see."""
    hidden = layers.Dense(32, activation="relu")
    model = stack(hidden, layers.BatchNormalization(), layers.Dropout(0.3))
    watching = [
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
        callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
    ]
    return model, {"callbacks": watching, "validation_split": 0.2}


def lstm() -> tuple[lamina.Model, dict[str, Any]]:
    """A recurrent layer, and a schedule that depends on the step."""
    decay = optimizers.schedules.ExponentialDecay(0.01, 20, 0.9)
    rows = layers.Reshape((8, 8))
    return stack(rows, layers.LSTM(16), optimizer=optimizers.Adam(decay)), {}


def averages() -> tuple[lamina.Model, dict[str, Any]]:
    """Averaged weights, swapped in for validation, and accumulated gradients."""
    optimizer = optimizers.SGD(
        0.05, momentum=0.9, use_ema=True, ema_momentum=0.9,
        gradient_accumulation_steps=2,
    )  # fmt: skip
    swap = [callbacks.SwapEMAWeights()]
    model = stack(layers.Dense(16, activation="tanh"), optimizer=optimizer)
    return model, {"callbacks": swap, "validation_split": 0.2}


def mixed_precision() -> tuple[lamina.Model, dict[str, Any]]:
    """Half precision with loss scaling, and a rate set at each epoch."""
    lamina.mixed_precision.set_global_policy("mixed_float16")
    rate = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    model = stack(layers.Dense(32, activation="relu"), layers.Dropout(0.2))
    return model, {"callbacks": [rate]}


def every_batch() -> tuple[lamina.Model, dict[str, Any]]:
    """A callback that is told every batch, and epochs with a smaller last one."""

    class Sums(callbacks.Callback):
        """Adds up all losses."""

        state_names = ("total",)
        total = 0.0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.total += logs["loss"]

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["total"] = self.total

    model = stack(layers.Dense(16, activation="relu"), layers.GaussianNoise(0.1))
    return model, {"callbacks": [Sums()], "batch_size": 27}


def stream() -> tuple[lamina.Model, dict[str, Any]]:
    """Batches from a generator, which is gone through again up to the place."""

    def batches() -> Iterator[Any]:
        x, y = data()
        generator = np.random.default_rng(1)
        while True:
            rows = generator.integers(0, ROWS, 16)
            yield x[rows], y[rows]

    model = stack(layers.Dense(16, activation="relu"), layers.Dropout(0.1))
    return model, {"x": batches(), "y": None, "steps_per_epoch": 25, "batch_size": None}


CASES: dict[str, Callable[[], tuple[lamina.Model, dict[str, Any]]]] = {
    case.__name__: case
    for case in (
        dropout_and_batchnorm, lstm, averages, mixed_precision, every_batch, stream
    )
}  # fmt: skip


def train(name: str, folder: Path, epochs: int) -> None:
    """Run a case from where it is to its end, and write a digest of what it came to."""
    lamina.random.set_seed(1)
    model, given = CASES[name]()
    x, y = data()
    started = callbacks.LambdaCallback(
        on_train_begin=lambda logs: print("on", flush=True)
    )
    arguments = {"x": x, "y": y, "batch_size": 16, **given}
    arguments["callbacks"] = [*given.get("callbacks", []), started]
    history = model.fit(
        **arguments, epochs=epochs, verbose=0, seed=3,
        resume=Checkpoints(folder, seconds=None, steps=7),
    )  # fmt: skip
    digest = hashlib.sha256(json.dumps(history.history).encode())
    for variable in [*model.variables, *model.optimizer.variables]:
        digest.update(variable.numpy().tobytes())
    (folder / "digest").write_text(digest.hexdigest())


def run(name: str, folder: Path, epochs: int, kill_after: float | None) -> bool:
    """Start a case, and kill it some seconds after training has begun.

    Returns:
        Whether it was killed before its end.
    """
    arguments = ["--train", name, "--folder", str(folder), "--epochs", str(epochs)]
    command = [sys.executable, "-m", "tools.crash_test", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if kill_after is not None and process.stdout.readline():
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
                return True
        process.wait()
    if process.returncode != 0:
        raise SystemExit(f"{name} failed in {folder} instead of going on.")
    return False


def crash(name: str, kills: int, epochs: int, chance: random.Random) -> int:
    """Kill a case so many times over as many runs as it takes.

    Returns:
        How many runs ended with other bits than the undisturbed one.
    """
    wrong = done = runs = 0
    with tempfile.TemporaryDirectory() as place:
        begin = time.monotonic()
        whole = Path(place, "whole")
        run(name, whole, epochs, None)
        expected = (whole / "digest").read_text()
        length = time.monotonic() - begin
        while done < kills:
            runs += 1
            folder = Path(place, str(runs))
            # Often enough in one run that it is mended from what was mended.
            while done < kills and run(
                name, folder, epochs, chance.uniform(0, length / 4)
            ):
                done += 1
            if not (folder / "digest").exists():
                run(name, folder, epochs, None)
            wrong += (folder / "digest").read_text() != expected
            print(
                f"{name}: {done} kills, {runs} runs, {wrong} with other bits",
                flush=True,
            )
    return wrong


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.train:
        return train(chosen.train, chosen.folder, chosen.epochs)
    chance = random.Random(chosen.seed)
    names = [chosen.case] if chosen.case else list(CASES)
    shares = [len(part) for part in np.array_split(range(chosen.kills), len(names))]
    wrong = sum(
        crash(name, share, chosen.epochs, chance)
        for name, share in zip(names, shares, strict=True)
    )
    print(f"{chosen.kills} kills; runs with other bits: {wrong}")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
