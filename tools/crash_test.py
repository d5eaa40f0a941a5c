"""Kill training at random instants, start it again until it ends, compare the bits.

    python -m tools.crash_test                # 200 kills over all cases
    python -m tools.crash_test --kills 20 --case lstm

Each case trains in a process of its own that keeps its run with `fit(resume=...)`.
The process tells through a shared byte what it is at, so that SIGKILL meets it in
steps, at ends of epochs, in validation and while a checkpoint is written. After each
kill every checkpoint must be readable. In the end weights, optimizer, history and the
callbacks' state must be, bit for bit, those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

import lamina
from lamina import callbacks, layers, optimizers
from lamina.training.checkpoint.checkpoints import Checkpoints
from lamina.training.checkpoint.run_file import read_run, write_run

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


def convolutions() -> tuple[lamina.Model, dict[str, Any]]:
    """Calls of oneDNN where it is, with both gradients."""
    image = [layers.Reshape((8, 8, 1)), layers.Conv2D(16, 3, activation="relu")]
    deep = [layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(24, 3, strides=2)]
    return stack(*image, *deep, layers.Flatten()), {"validation_split": 0.2}


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

        needs = "batches"
        state_names = ("total",)
        total = 0.0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.total += logs["loss"]

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["total"] = self.total

    model = stack(layers.Dense(16, activation="relu"), layers.GaussianNoise(0.1))
    return model, {"callbacks": [Sums()], "batch_size": 27}


def stateful_layers() -> tuple[lamina.Model, dict[str, Any]]:
    """Recurrent state that is kept between batches, and an Optax transformation."""
    import optax

    cells = [layers.Reshape((8, 8)), layers.GRU(8, stateful=True)]
    model = lamina.Sequential(
        [layers.Input(batch_shape=(16, 64)), *cells, layers.Dense(10)]
    )
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optax.adamw(optax.cosine_decay_schedule(0.01, 500)), loss)
    return model, {"shuffle": False, "batch_size": 16}


def stream() -> tuple[lamina.Model, dict[str, Any]]:
    """Batches from a generator, which is gone through again up to the place."""

    def batches() -> Iterator[Any]:
        x, y = data()
        generator = np.random.default_rng(1)
        while True:
            rows = generator.integers(0, ROWS, 16)
            yield x[rows], y[rows]

    model = stack(layers.Dense(16, activation="relu"), layers.Dropout(0.1))
    return model, {"x": batches(), **BATCHES}


class Draws:
    """An endless iterator that can say where it is, as grain's do."""

    def __init__(self) -> None:
        self.place = 0

    def __iter__(self) -> Draws:
        return self

    def __next__(self) -> Any:
        self.place += 1
        x, y = data()
        rows = np.random.default_rng(self.place).integers(0, ROWS, 16)
        return x[rows], y[rows]

    def get_state(self) -> dict[str, int]:
        return {"place": self.place}

    def set_state(self, state: dict[str, int]) -> None:
        self.place = state["place"]


def stream_with_state() -> tuple[lamina.Model, dict[str, Any]]:
    """An iterator that is set to where it was, validated on arrays."""
    x, y = data()
    model = stack(layers.Dense(16, activation="relu"), layers.BatchNormalization())
    plateau = callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.1)
    given = {"validation_data": (x[:100], y[:100]), "callbacks": [plateau]}
    return model, {"x": Draws(), **BATCHES, **given}


BATCHES: dict[str, Any] = {"y": None, "steps_per_epoch": 25, "batch_size": None}
CASES: dict[str, Callable[[], tuple[lamina.Model, dict[str, Any]]]] = {
    case.__name__: case
    for case in (
        dropout_and_batchnorm, lstm, convolutions, averages, mixed_precision,
        every_batch, stateful_layers, stream, stream_with_state,
    )
}  # fmt: skip

# What a process can be at, in the main thread; a checkpoint is written beside it.
PHASES = ("start", "steps", "validation", "epoch end")
WRITING = "checkpoint write"
Met = Counter[tuple[str, bool]]


class Phases(callbacks.Callback):
    """Tells the parent process what training is at, in a file that both have mapped."""

    epochs_may_wait = True

    def __init__(self, folder: Path) -> None:
        super().__init__()
        with (folder / "phase").open("r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 2)

    def say(self, phase: str) -> None:
        """Note what training is at."""
        self.bytes[0] = PHASES.index(phase)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.say("steps")

    def on_test_begin(self, logs: Any = None) -> None:
        self.say("validation")

    def on_test_end(self, logs: Any = None) -> None:
        self.say("epoch end")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.say("epoch end")


class Watched(Checkpoints):
    """Checkpoints that tell when one is being written."""

    phases: Phases

    def _write(self, steps: int, facts: dict[str, Any]) -> None:
        self.phases.bytes[1] = 1
        super()._write(steps, facts)
        self.phases.bytes[1] = 0


def train(name: str, folder: Path, epochs: int) -> None:
    """Run a case from where it is to its end, and write a digest of what it came to."""
    lamina.random.set_seed(1)
    model, given = CASES[name]()
    x, y = data()
    phases, kept = Phases(folder), Watched(folder, seconds=None, steps=7, keep=2)
    kept.phases = phases
    arguments: dict[str, Any] = {"x": x, "y": y, "batch_size": 16, **given}
    arguments["callbacks"] = [phases, *given.get("callbacks", [])]
    history = model.fit(**arguments, epochs=epochs, verbose=0, seed=3, resume=kept)
    newest = kept.newest()
    assert newest is not None
    last = folder / "last"
    write_run(last, {k: newest[k] for k in ("place", "numbers", "callbacks")})
    values = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    parts = {
        "history": json.dumps(history.history).encode(),
        "state": _checksum(last).encode(),
        "variables": b"".join(value.tobytes() for value in values),
    }
    digests = {k: hashlib.sha256(part).hexdigest() for k, part in parts.items()}
    (folder / "digest").write_text(json.dumps(digests))


def _checksum(path: Path) -> str:
    """A run file's own; its bytes come in an order of their own each time."""
    with safetensors.safe_open(path, framework="np") as file:
        return file.metadata()["sha256"]


class Trained:
    """Runs of one case in a folder, until one comes to its end.

    Args:
        name: the case.
        folder: where its run is kept.
        epochs: how long it is.
    """

    def __init__(self, name: str, folder: Path, epochs: int) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "phase").write_bytes(bytes(2))
        arguments = ["--train", name, "--folder", str(folder), "--epochs", str(epochs)]
        self._command = [sys.executable, "-m", "tools.crash_test", *arguments]

    @property
    def digest(self) -> str | None:
        """What it came to, or `None` if it has no end yet."""
        path = self.folder / "digest"
        return path.read_text() if path.exists() else None

    def to_end(self) -> float:
        """Train to the end; how many seconds it took from the first step on."""
        with self._start() as (process, _):
            begin = time.monotonic()
            process.wait()
        self._require(process)
        return time.monotonic() - begin

    def killed(self, after: float, at: str, slack: float) -> tuple[str, bool] | None:
        """Train, and kill the process when it is at something.

        Args:
            after: seconds from the first step until it is watched.
            at: what it is to be at: one of `PHASES` or `WRITING`.
            slack: seconds more, so that any instant may be met.

        Returns:
            What it was at when it was killed, and whether a checkpoint was being
            written; `None` if it came to its end before.
        """
        with self._start() as (process, phase):
            end = time.monotonic() + after
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.001)
            end += 2
            while time.monotonic() < end and not _is_at(phase, at):
                if process.poll() is not None:
                    break
                time.sleep(0.00005)
            time.sleep(slack)
            process.kill()
            process.wait()
        if process.returncode == 0:
            return None
        if process.returncode != -9:
            self._require(process)
        for path in Checkpoints(self.folder).files():
            read_run(path)
        return PHASES[phase[0]], bool(phase[1])

    def _start(self) -> Any:
        return _Started(self._command, self.folder)

    def _require(self, process: Any) -> None:
        if process.returncode != 0:
            raise SystemExit(f"{self._command} failed instead of going on.")


class _Started:
    """A process from its first step on, and the bytes that tell what it is at."""

    def __init__(self, command: list[str], folder: Path) -> None:
        with (folder / "phase").open("r+b") as file:
            self._phase = mmap.mmap(file.fileno(), 2)
        self._phase[:] = bytes(2)
        self._process = subprocess.Popen(command)

    def __enter__(self) -> tuple[subprocess.Popen[bytes], mmap.mmap]:
        while self._phase[0] == 0 and self._process.poll() is None:
            time.sleep(0.001)
        return self._process, self._phase

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _is_at(phase: mmap.mmap, at: str) -> bool:
    return phase[1] == 1 if at == WRITING else phase[0] == PHASES.index(at)


def crash(name: str, kills: int, epochs: int, chance: random.Random) -> Met:
    """Kill a case so many times over as many runs as it takes.

    Returns:
        How many kills met it in each phase, while writing and not.

    Raises:
        AssertionError: a run ended with other bits than the undisturbed one.
    """
    met: Met = Counter()
    with tempfile.TemporaryDirectory() as place:
        whole = Trained(name, Path(place, "whole"), epochs)
        seconds, runs = whole.to_end(), 0
        while met.total() < kills:
            runs += 1
            trained = Trained(name, Path(place, str(runs)), epochs)
            while met.total() < kills:
                at = chance.choice((*PHASES[1:], WRITING))
                # Often enough in one run that it is mended from what was mended.
                after = chance.uniform(0, seconds / 4)
                found = trained.killed(after, at, chance.choice((0, 0.001, 0.005)))
                if found is None:
                    break
                met[found] += 1
            if trained.digest is None:
                trained.to_end()
            if trained.digest != whole.digest:
                raise AssertionError(f"{name}: {trained.digest} != {whole.digest}")
    print(f"{name}: {in_words(met)}, {runs} runs, all the same bits", flush=True)
    return met


def in_words(met: Met) -> str:
    """How many kills there were, and in which phases."""
    counts = [(p, sum(n for (q, _), n in met.items() if q == p)) for p in PHASES]
    text = ", ".join(f"{count} in {phase}" for phase, count in counts if count)
    writing = sum(n for (_, writes), n in met.items() if writes)
    return f"{met.total()} kills ({text}; {writing} of them in a {WRITING})"


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.train:
        train(chosen.train, chosen.folder, chosen.epochs)
        return
    names = [chosen.case] if chosen.case else list(CASES)
    shares = [len(part) for part in np.array_split(range(chosen.kills), len(names))]
    met: Met = Counter()
    for name, share in zip(names, shares, strict=True):
        met += crash(name, share, chosen.epochs, random.Random(f"{name} {chosen.seed}"))
    print(f"{in_words(met)}, never other bits")


if __name__ == "__main__":
    main()
