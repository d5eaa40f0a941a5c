"""`fit(resume=...)`: the same bits, whatever happens to the run or to its folder."""

from __future__ import annotations

import json
import re
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.errors import ArgumentError, FileFormatError
from lamina.training import loop, run_state
from lamina.training.checkpoints import Checkpoints, CheckpointWarning
from lamina.training.run_file import read_run, write_run

from .helpers import assert_same_bits, blobs, classifier, state_of


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


def often(folder: Path) -> Checkpoints:
    return Checkpoints(folder, seconds=None, steps=4)


def interrupted(folder: Path, at: list[int], **given: Any) -> None:
    """Start a run, end it at so many batches, go on, end it again."""
    for kill in at:
        with pytest.raises(Killed):
            fit(classifier(), often(folder), kill, **given)


def stream() -> Any:
    x, y = blobs(100)

    def batches() -> Iterator[Any]:
        generator = np.random.default_rng(0)
        while True:
            rows = generator.integers(0, 100, 8)
            yield x[rows], y[rows]

    return {"x": batches(), "y": None, "batch_size": None, "steps_per_epoch": 13}


class Stateful:
    """An endless iterator that can say where it is, as grain's can."""

    def __init__(self) -> None:
        self.place, self.read = 0, 0

    def __iter__(self) -> Stateful:
        return self

    def __next__(self) -> Any:
        self.place, self.read = self.place + 1, self.read + 1
        rows = np.random.default_rng(self.place).integers(0, 100, 8)
        x, y = blobs(100)
        return x[rows], y[rows]

    def get_state(self) -> dict[str, Any]:
        return {"place": self.place, "name": b"\x00\xff"}

    def set_state(self, state: dict[str, Any]) -> None:
        assert state["name"] == b"\x00\xff"
        self.place = state["place"]


class Dataset(lamina.utils.PyDataset):
    def __len__(self) -> int:
        return 13

    def __getitem__(self, index: int) -> Any:
        x, y = blobs(104)
        return x[index * 8 : index * 8 + 8], y[index * 8 : index * 8 + 8]


def alone(source: Any) -> dict[str, Any]:
    return {"x": source, "y": None, "batch_size": None}


DATA: dict[str, Callable[[], dict[str, Any]]] = {
    "arrays": dict,
    "validation": lambda: {"validation_split": 0.2},
    "generator": stream,
    "stateful": lambda: {**alone(Stateful()), "steps_per_epoch": 13},
    "dataset": lambda: alone(Dataset()),
    "class weights": lambda: {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
}


@pytest.mark.filterwarnings("ignore:The data is read again")
@pytest.mark.parametrize("name", DATA)
def test_an_interrupted_run_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    whole = classifier()
    history = fit(whole, **DATA[name]())
    for kill in [17, 9, 12]:
        with pytest.raises(Killed):
            fit(classifier(), often(tmp_path), kill, **DATA[name]())
    mended = classifier()
    assert fit(mended, often(tmp_path), **DATA[name]()) == history
    assert_same_bits(state_of(mended), state_of(whole))


def test_a_stateful_stream_is_taken_up_without_reading_again(tmp_path: Path) -> None:
    first = {**DATA["stateful"]()}
    with pytest.raises(Killed):
        fit(classifier(), often(tmp_path), 40, **first)
    stream = Stateful()
    fit(classifier(), often(tmp_path), **{**first, "x": stream})
    assert stream.read <= 4 * 13 - 30


WATCHING: dict[str, Callable[[Path], Any]] = {
    "early stopping": lambda _: callbacks.EarlyStopping(
        "loss", min_delta=0.3, patience=1, restore_best_weights=True
    ),
    "plateau": lambda _: callbacks.ReduceLROnPlateau(
        "loss", min_delta=0.5, patience=0, factor=0.5
    ),
    "rate": lambda _: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    "checkpoint": lambda folder: callbacks.ModelCheckpoint(
        folder / "{epoch}.keras", "loss", save_best_only=True
    ),
    "csv": lambda folder: callbacks.CSVLogger(folder / "log.csv"),
}


@pytest.mark.parametrize("name", WATCHING)
def test_callbacks_go_on_as_they_were(name: str, tmp_path: Path) -> None:
    def begin(part: str) -> dict[str, Any]:
        (tmp_path / part).mkdir(exist_ok=True)
        return {"epochs": 6, "callbacks": [WATCHING[name](tmp_path / part)]}

    whole, mended = classifier(), classifier()
    history = fit(whole, **begin("whole"))
    interrupted(tmp_path / "run", [17, 20], **begin("mended"))
    assert fit(mended, often(tmp_path / "run"), **begin("mended")) == history
    assert_same_bits(state_of(mended), state_of(whole))
    written = [
        {p.name: p.read_bytes() for p in (tmp_path / part).glob("*.csv")}
        for part in ("whole", "mended")
    ]
    assert written[0] == written[1]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    model = classifier()
    history = fit(model, tmp_path)
    again = classifier(1)
    assert fit(again, tmp_path) == history
    assert_same_bits(state_of(again), state_of(model))
    longer, whole = classifier(1), classifier()
    assert fit(longer, tmp_path, epochs=6) == fit(whole, epochs=6)
    assert_same_bits(state_of(longer), state_of(whole))


def test_backup_and_restore_does_the_same_and_cleans_up(tmp_path: Path) -> None:
    def backup() -> Any:
        return [callbacks.BackupAndRestore(tmp_path / "backup", save_freq=4)]

    whole, mended = classifier(), classifier()
    history = fit(whole)
    with pytest.raises(Killed):
        fit(classifier(), kill=30, callbacks=backup())
    assert (tmp_path / "backup").exists()
    assert fit(mended, callbacks=backup()) == history
    assert_same_bits(state_of(mended), state_of(whole))
    assert not (tmp_path / "backup").exists()


def test_ctrl_c_keeps_the_place(tmp_path: Path) -> None:
    class Press(callbacks.Callback):
        needs = "batches"

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 5:
                signal.raise_signal(signal.SIGINT)

    whole, mended = classifier(), classifier()
    history = fit(whole)
    fit(classifier(), tmp_path, callbacks=[Press()])
    assert fit(mended, tmp_path) == history
    assert_same_bits(state_of(mended), state_of(whole))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [damage, lambda p: p.write_bytes(b""), Path.unlink])
def test_a_damaged_checkpoint_is_passed_over(harm: Any, tmp_path: Path) -> None:
    whole, mended = classifier(), classifier()
    history = fit(whole)
    interrupted(tmp_path, [40])
    newest, older = Checkpoints(tmp_path).files()
    harm(newest)
    if newest.exists():
        with pytest.warns(CheckpointWarning, match=re.escape(f"from {older.name}")):
            assert fit(mended, tmp_path) == history
    else:
        assert fit(mended, tmp_path) == history
    assert_same_bits(state_of(mended), state_of(whole))


def test_half_written_files_are_cleared_away(tmp_path: Path) -> None:
    rest = tmp_path / ".step-000000000004.safetensors.abc"
    rest.write_bytes(b"half")
    fit(classifier(), tmp_path)
    assert not rest.exists()


def other_model() -> lamina.Model:
    model = lamina.Sequential([layers.Input((8,)), layers.Dense(4), layers.Dense(3)])
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any], Any, str]] = {
    "model": (other_model, {}, FileFormatError, "another model"),
    "batch size": (classifier, {"batch_size": 16}, ArgumentError, "batch_size was 8"),
    "data": (classifier, {"x": blobs(100)[0] + 1}, ArgumentError, "data was"),
    "seed": (classifier, {"seed": 6}, ArgumentError, "seed was 5 and is now 6"),
    "folder": (classifier, {"resume": __file__}, ArgumentError, "can't be kept"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_run_is_refused(name: str, tmp_path: Path) -> None:
    make, given, error, words = REFUSED[name]
    fit(classifier(), tmp_path)
    model = make()
    with pytest.raises(error, match=words):
        fit(model, **{"resume": tmp_path, "epochs": 5, **given})


def test_a_missing_callback_is_refused(tmp_path: Path) -> None:
    fit(classifier(), tmp_path, callbacks=[callbacks.EarlyStopping("loss", patience=9)])
    with pytest.raises(ArgumentError, match="started with a callback EarlyStopping"):
        fit(classifier(), tmp_path)


def test_another_version_is_noted(tmp_path: Path, monkeypatch: Any) -> None:
    fit(classifier(), tmp_path)
    real = run_state.versions()
    monkeypatch.setattr("lamina.training.keeper.versions", lambda: {**real, "jax": "9"})
    with pytest.warns(CheckpointWarning, match="jax .* -> 9"):
        fit(classifier(), tmp_path, epochs=5)


def test_a_full_disk_does_not_end_training(tmp_path: Path) -> None:
    whole, model = classifier(), classifier()
    history = fit(whole)
    interrupted(tmp_path, [20])
    kept = Checkpoints(tmp_path).files()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.warns(CheckpointWarning, match="not written, and training goes on"):
            assert fit(model, often(tmp_path)) == history
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Checkpoints(tmp_path).files() == kept
    again = classifier()
    assert fit(again, tmp_path) == history
    assert_same_bits(state_of(again), state_of(whole))


def test_the_best_epoch_is_kept_besides_the_newest(tmp_path: Path) -> None:
    class Say(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["mine"] = abs(epoch - 2)

    rule = Checkpoints(tmp_path, seconds=None, epochs=1, keep=2, monitor="mine")
    fit(classifier(), rule, epochs=7, callbacks=[Say()])
    assert [read_run(p)["place"][0] for p in rule.files()] == [7, 6, 3]


def test_what_is_not_finite_is_never_kept(tmp_path: Path) -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(3.0), "mse")
    x = np.ones((20, 1), "float32")
    with pytest.warns(loop.NonFiniteWarning):
        model.fit(x, 2 * x, batch_size=8, epochs=500, verbose=0, resume=often(tmp_path))
    for path in Checkpoints(tmp_path).files():
        for value in read_run(path)["variables"].values():
            assert np.isfinite(value).all()


def test_a_run_that_diverged_can_go_back(tmp_path: Path) -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(3.0), "mse")
    x = np.ones((20, 1), "float32")
    arguments: Any = {"batch_size": 8, "epochs": 500, "verbose": 0}
    back = callbacks.TerminateOnNaN(rollback=True)
    with pytest.raises(lamina.errors.StateError, match="resume"):
        model.fit(x, 2 * x, callbacks=[back], **arguments)
    with pytest.warns(loop.NonFiniteWarning):
        model.fit(x, 2 * x, callbacks=[back], resume=often(tmp_path), **arguments)
    saved = read_run(Checkpoints(tmp_path).files()[0])["variables"]
    np.testing.assert_array_equal(model.get_weights()[0], saved["dense/kernel"])


def test_a_run_says_what_it_is(tmp_path: Path) -> None:
    fit(classifier(), tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["seed"] == 5 and record["batch_size"] == 8
    assert record["jax"] and record["device"] and len(record["data"]) == 64


TREES: list[Any] = [
    {"a": 1, "b": [1.5, None, True, "text"], "c": (1, (2, 3)), 4: {"x": b"\x00\xff"}},
    {"nan": float("inf"), "empty": {}, "list": []},
    {"array": np.arange(6.0).reshape(2, 3), "scalar": np.float32(0.1), "none": []},
    {"half": np.asarray([1.5, 2.0], np.float16), "bool": np.asarray([True, False])},
    {"brain": np.asarray(lamina.ops.ones((2, 2), "bfloat16")), "no": np.zeros((0, 3))},
]


@pytest.mark.parametrize("tree", TREES, ids=lambda t: next(iter(t)))
def test_a_run_file_gives_back_what_was_written(tree: Any, tmp_path: Path) -> None:
    write_run(tmp_path / "run.safetensors", tree)
    found = read_run(tmp_path / "run.safetensors")
    np.testing.assert_equal(found, tree)
    for name, value in tree.items():
        if isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype


@pytest.mark.parametrize("value", [object(), np.asarray([object()]), {1, 2}])
def test_what_is_no_data_is_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="can't be kept"):
        write_run(tmp_path / "run.safetensors", {"value": value})
