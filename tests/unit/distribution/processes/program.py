"""Program that each process of a test runs; it stores what it finds.

python program.py KIND ADDRESS PROCESSES FOLDER CASES NUMBER
"""

from __future__ import annotations

import contextlib
import io
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

import lamina
from lamina import distribution, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 8)).astype("float32")
Y = RNG.integers(0, 4, 48)
FIT: dict[str, Any] = {"batch_size": 8, "epochs": 2, "verbose": 0, "seed": 1}


class Process(NamedTuple):
    """One of several processes, and the folder that they share."""

    number: int
    count: int
    folder: Path

    def share(self, array: np.ndarray, size: int) -> np.ndarray:
        """Return the rows of this process in batches of `size` rows of all."""
        parts = array.reshape(-1, self.count, size // self.count, *array.shape[1:])
        return parts[:, self.number].reshape(-1, *array.shape[1:])


def model() -> Any:
    lamina.utils.set_random_seed(3)
    lamina.backend.clear_session()
    found = lamina.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(4, "softmax"),
        ]
    )
    optimizer = lamina.optimizers.SGD(0.05, momentum=0.9)
    found.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return found


def short_training(_: Process) -> Any:
    """Training on arrays that each process has whole."""
    one = model()
    history = one.fit(X[:44], Y[:44], validation_data=(X[44:], Y[44:]), **FIT)
    predicted = one.predict(X[:7], verbose=0)
    return {**history.history, "predict": predicted, "weights": one.get_weights()}


def training(process: Process) -> Any:
    """Everything that a model does with arrays that each process has whole."""
    found, one = short_training(process), model()
    one.fit(X[:44], Y[:44], **FIT)
    return {
        **found,
        "evaluate": one.evaluate(X[:13], Y[:13], verbose=0),
        "batches": one.predict(X[:20], batch_size=7, verbose=0),
        "call": np.asarray(one(X[:3])),
        "train_on_batch": one.train_on_batch(X[:11], Y[:11]),
        "state": [v.numpy() for v in one.optimizer.variables],
    }


def files(process: Process) -> Any:
    """Files, which one process writes, and lines that it prints."""
    one, folder = model(), process.folder
    callbacks = [
        lamina.callbacks.CSVLogger(folder / "log.csv"),
        lamina.callbacks.ModelCheckpoint(folder / "epoch{epoch}.keras", verbose=1),
    ]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        one.fit(X, Y, callbacks=callbacks, report=folder / "run.html", **FIT | SHOWN)
    one.save(folder / "model.keras")
    one.save_weights(folder / "model.safetensors")
    expected = one.predict(X, verbose=0)
    loaded = lamina.saving.load_model(folder / "model.keras")
    loaded.load_weights(folder / "epoch2.keras")
    return {
        "printed": output.getvalue(),
        "loaded": loaded.predict(X, verbose=0) - expected,
        "refused": error_of(lambda: one.save(folder / "model.keras", overwrite=False)),
        "predict": expected,
    }


SHOWN = {"verbose": 2}
QUIET: dict[str, Any] = {"verbose": 0, "seed": 1}


class Loader:
    """Loader whose sampler says in how many parts it is split, as PyTorch's do."""

    def __init__(self, x: np.ndarray, y: np.ndarray, count: int) -> None:
        self.sampler = SimpleNamespace(num_replicas=count)
        self.arrays, self.size = (x, y), 8 // count

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, len(self.arrays[0]), self.size):
            yield tuple(a[first : first + self.size] for a in self.arrays)


def shares(process: Process) -> Any:
    """Training on data of which each process has its rows, without shuffling."""
    x, y = process.share(X, 8), process.share(Y, 8)
    local = distribution.local_data(x)
    found: dict[str, Any] = {}
    for name, data in {
        "arrays": {"x": local, "y": y, "batch_size": 8},
        "stream": {"x": Loader(X, Y, 1)},
        "loader": {"x": Loader(x, y, process.count)},
    }.items():
        one = model()
        held_out = (local, y) if name == "arrays" else None
        one.fit(**data, validation_data=held_out, epochs=2, shuffle=False, **QUIET)
        found[name] = one.history.history["loss"], one.get_weights()
    found["evaluate"] = one.evaluate(local, y, batch_size=16, verbose=0)
    batch = distribution.local_data(process.share(X[:8], 8))
    found["on_batch"] = one.train_on_batch(batch, process.share(Y[:8], 8))
    own = one.predict(local, batch_size=8, verbose=0)
    found["own"] = own - process.share(one.predict(X, batch_size=8, verbose=0), 8)
    return found


def refused(process: Process) -> Any:
    """Data that would let the processes wait for each other forever."""
    own = X + process.number
    path = process.folder / "weights.keras"
    saving = [lamina.callbacks.ModelCheckpoint(path, save_freq=3 + process.number)]
    hooks = [FewBatches(process)] if process.number else []
    uneven = X[: 40 + 4 * process.number]
    local = distribution.local_data
    return {
        "different rows": error_of(lambda: model().fit(own, Y, **FIT)),
        "uneven": error_of(lambda: model().predict(local(uneven), verbose=0)),
        "batch": error_of(lambda: model().fit(local(X), Y, batch_size=7, verbose=0)),
        "seed": error_of(lambda: model().fit(X, Y, **FIT | {"seed": process.number})),
        "callbacks": error_of(lambda: model().fit(X, Y, callbacks=saving, **FIT)),
        "hooks": error_of(lambda: model().fit(X, Y, callbacks=hooks, **FIT)),
    }


class FewBatches(lamina.callbacks.Callback):
    """Callback that pauses and stops training in the last process only."""

    needs = "batches"

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.is_last = process.number == process.count - 1
        self.model_at: list[int] = []

    def batches_to_pause(self) -> int:
        left = 2 - len(self.model_at) % 2
        return left if self.is_last else super().batches_to_pause()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model_at.append(int(self.model.optimizer.iterations))
        if self.is_last and batch == 3:
            self.model.stop_training = True


def stopped(process: Process) -> Any:
    """A pause and a stop that one process wants."""
    one, callback = model(), FewBatches(process)
    one.fit(X, Y, callbacks=[callback], **FIT)
    return {"model_at": callback.model_at, "weights": one.get_weights()}


def error_of(function: Callable[[], object]) -> str:
    try:
        function()
    except lamina.errors.LaminaError as error:
        return f"{type(error).__name__}: {error}"
    return ""


class InterruptLast(lamina.callbacks.Callback):
    """Callback that interrupts the last process, and counts batches of all."""

    needs = "batches"

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process, self.batches = process, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1
        if self.process.number == self.process.count - 1 and self.batches == 3:
            signal.raise_signal(signal.SIGINT)


def interrupted(process: Process) -> Any:
    """A signal for one process, which stops all after the same step."""
    one, callback = model(), InterruptLast(process)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            one.fit(X, Y, callbacks=[callback], **FIT | {"epochs": 10**6})
    except KeyboardInterrupt:
        return {"batches": callback.batches, "weights": one.get_weights()}
    return {}


CASES = {
    "short_training": short_training,
    "training": training,
    "files": files,
    "shares": shares,
    "refused": refused,
    "interrupted": interrupted,
    "stopped": stopped,
}


def main(
    kind: str, address: str, count: str, folder: str, cases: str, number: str
) -> None:
    process = Process(int(number), int(count), Path(folder))
    if process.count > 1:
        distribution.initialize(address, process.count, process.number)
        distribution.initialize(address, process.count, process.number)
    seed = lamina.random.randint((1,), 0, 10**6)
    found: dict[str, Any] = {"seed": np.asarray(seed)}
    distribution.set_distribution(getattr(distribution, kind)())
    for name in cases.split(","):
        found[name] = CASES[name](process)
    (process.folder / f"{process.number}.pickle").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
