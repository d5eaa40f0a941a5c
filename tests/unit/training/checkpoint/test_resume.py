"""`fit(resume=...)`: an interrupted run ends with the same bits."""

from __future__ import annotations

import re
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.errors import FileFormatError
from lamina.training.checkpoint.run_file import read_run, write_run
from tests.unit.training.helpers import (
    Killed,
    assert_same_bits,
    blobs,
    classifier,
    fit,
    interrupted,
    often,
    state_of,
    uninterrupted,
)


def stream() -> Any:
    x, y = blobs(100)

    def batches() -> Iterator[Any]:
        generator = np.random.default_rng(0)
        while True:
            rows = generator.integers(0, 100, 8)
            yield x[rows], y[rows]

    return {"x": batches(), "y": None, "batch_size": None, "steps_per_epoch": 13}


class Stateful:
    """Infinite iterator with `get_state` and `set_state`, like grain's."""

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


class Source:
    """Random-access source of rows, for grain."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> Any:
        x, y = blobs(100)
        return x[index], y[index]

    def __repr__(self) -> str:
        return "Source()"


def grain_dataset(repeated: bool) -> Any:
    grain = pytest.importorskip("grain")
    rows = grain.MapDataset.source(Source()).shuffle(seed=3)
    return (rows.repeat() if repeated else rows).batch(8).to_iter_dataset()


def grain_loader() -> Any:
    grain = pytest.importorskip("grain.python")
    order = grain.IndexSampler(100, shuffle=True, seed=1)
    return grain.DataLoader(
        data_source=Source(), sampler=order, operations=[grain.Batch(8)]
    )


def torch_loader() -> Any:
    torch = pytest.importorskip("torch")
    torchdata = pytest.importorskip("torchdata.stateful_dataloader")
    torch.manual_seed(0)
    rows = torch.utils.data.TensorDataset(*map(torch.from_numpy, blobs(100)))
    return torchdata.StatefulDataLoader(rows, batch_size=8, shuffle=True)


class Dataset(lamina.utils.PyDataset):
    def __len__(self) -> int:
        return 13

    def __getitem__(self, index: int) -> Any:
        x, y = blobs(104)
        return x[index * 8 : index * 8 + 8], y[index * 8 : index * 8 + 8]


def lazy(repeated: bool = False) -> Any:
    """A lazy data set that is shuffled, changed at random by threads, and cached."""
    rows, _ = lamina.utils.split_dataset(blobs(101), left_size=100)
    noise = layers.GaussianNoise(0.1, seed=3)
    batches = rows.cache().shuffle(100).batch(8)
    batches = batches.map(lambda x, y: (noise(x, training=True), y), 2)
    return batches.repeat() if repeated else batches


def alone(source: Any) -> dict[str, Any]:
    return {"x": source, "y": None, "batch_size": None}


DATA: dict[str, Callable[[], dict[str, Any]]] = {
    "arrays": dict,
    "validation": lambda: {"validation_split": 0.2},
    "generator": stream,
    "stateful": lambda: {**alone(Stateful()), "steps_per_epoch": 13},
    "grain": lambda: {**alone(grain_dataset(True)), "steps_per_epoch": 13},
    "grain, pass by pass": lambda: alone(grain_dataset(False)),
    "grain's loader": lambda: {**alone(grain_loader()), "steps_per_epoch": 13},
    "torch's loader": lambda: alone(torch_loader()),
    "dataset": lambda: alone(Dataset()),
    "lazy": lambda: alone(lazy()),
    "lazy, repeated": lambda: {**alone(lazy(True)), "steps_per_epoch": 13},
    "class weights": lambda: {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
}


@pytest.mark.filterwarnings("ignore:The data is read again", "ignore:'set_vital'")
@pytest.mark.parametrize("name", DATA)
def test_interrupted_run_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    whole = classifier()
    history = fit(whole, **DATA[name]())
    for kill in [17, 14]:
        with pytest.raises(Killed):
            fit(classifier(), often(tmp_path), kill, **DATA[name]())
    mended = classifier()
    assert fit(mended, often(tmp_path), **DATA[name]()) == history
    assert_same_bits(state_of(mended), state_of(whole))


def averaged() -> Any:
    return lamina.optimizers.SGD(
        0.1, momentum=0.9, use_ema=True, ema_momentum=0.9, gradient_accumulation_steps=3
    )


# What else has a state in training, by policy, layers and optimizer.
MODELS: dict[str, tuple[str, Callable[[], list[Any]], Callable[[], Any]]] = {
    "mixed precision": ("mixed_float16", lambda: [layers.Dense(8)], lambda: "adam"),
    "averages and accumulation": ("float32", lambda: [layers.Dense(8)], averaged),
    "stateful recurrent": (
        "float32",
        lambda: [layers.Reshape((4, 2)), layers.GRU(5, stateful=True)],
        lambda: "rmsprop",
    ),
    "optax": (
        "float32",
        lambda: [layers.Dense(8)],
        lambda: pytest.importorskip("optax").adamw(0.01),
    ),
}


def model_of(name: str) -> lamina.Model:
    policy, hidden, optimizer = MODELS[name]
    lamina.random.set_seed(0)
    lamina.mixed_precision.set_global_policy(policy)
    try:
        model = lamina.Sequential(
            [layers.Input(batch_shape=(8, 8)), *hidden(), layers.Dense(3)]
        )
        loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss)
    finally:
        lamina.mixed_precision.set_global_policy("float32")
    return model


@pytest.mark.parametrize("name", MODELS)
def test_all_state_is_restored(name: str, tmp_path: Path) -> None:
    x, y = blobs(96)
    whole, mended = model_of(name), model_of(name)
    history = fit(whole, x=x, y=y)
    with pytest.raises(Killed):
        fit(model_of(name), often(tmp_path), 20, x=x, y=y)
    assert fit(mended, often(tmp_path), x=x, y=y) == history
    assert_same_bits(state_of(mended), state_of(whole))


def test_stateful_stream_resumes_without_reading_again(tmp_path: Path) -> None:
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


@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize("name", WATCHING)
def test_state_of_callbacks_is_restored(name: str, tmp_path: Path) -> None:
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


def test_completed_run_is_not_trained_again(tmp_path: Path) -> None:
    model = classifier()
    history = fit(model, tmp_path)
    again = classifier(1)
    assert fit(again, tmp_path) == history
    assert_same_bits(state_of(again), state_of(model))
    (expected, history), longer = uninterrupted(6), classifier(1)
    assert fit(longer, tmp_path, epochs=6) == history
    assert_same_bits(state_of(longer), expected)


def test_backup_and_restore_resumes_and_deletes_its_files(tmp_path: Path) -> None:
    def backup() -> Any:
        return [callbacks.BackupAndRestore(tmp_path / "backup", save_freq=4)]

    (expected, history), mended = uninterrupted(), classifier()
    with pytest.raises(Killed):
        fit(classifier(), kill=30, callbacks=backup())
    assert (tmp_path / "backup").exists()
    assert fit(mended, callbacks=backup()) == history
    assert_same_bits(state_of(mended), expected)
    assert not (tmp_path / "backup").exists()


class Press(callbacks.Callback):
    """Ctrl-C in a batch of training, in validation, or at the end of an epoch."""

    needs = "batches"

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def _press(self, when: str, now: bool) -> None:
        if now and when == self.when:
            signal.raise_signal(signal.SIGINT)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._press("steps", batch == 5)
        self._press("last step", batch == 9)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._press("validation", batch == 1)


@pytest.mark.parametrize(
    "name, when",
    [
        ("arrays", "steps"),
        ("arrays", "last step"),
        ("arrays", "validation"),
        ("stream", "steps"),
        ("stream", "validation"),
    ],
)
@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_keeps_the_position(name: str, when: str, tmp_path: Path) -> None:
    x, y = blobs(100)
    given: Any = {"x": x[:80], "y": y[:80], "validation_data": (x[80:], y[80:])}
    given["validation_batch_size"] = 8
    seen: list[int] = []

    class Count(callbacks.Callback):
        needs = "batches"

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(batch)

    def call() -> Any:
        if name == "arrays":
            return given
        return {**given, **alone(Stateful()), "steps_per_epoch": 10}

    whole, mended = classifier(), classifier()
    history = fit(whole, **call())
    with pytest.raises(KeyboardInterrupt):
        fit(classifier(), tmp_path, callbacks=[Press(when)], **call())
    assert fit(mended, tmp_path, callbacks=[Count()], **call()) == history
    assert_same_bits(state_of(mended), state_of(whole))
    # No batch was lost, where it could be asked for between two batches.
    assert len(seen) <= 40 - 6


class Sums(callbacks.Callback):
    """User-defined callback whose state determines the learning rate."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(np.asarray([logs["loss"]]))
        self.model.optimizer.learning_rate = 0.001 * float(sum(self.seen)[0])

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["losses"]


def test_state_of_user_defined_callbacks_is_restored(tmp_path: Path) -> None:
    whole, mended = classifier(), classifier()
    history = fit(whole, callbacks=[Sums()])
    interrupted(tmp_path, [17, 20], callbacks=[Sums()])
    assert fit(mended, often(tmp_path), callbacks=[Sums()]) == history
    assert_same_bits(state_of(mended), state_of(whole))


def test_code_of_the_docs_page_runs(tmp_path: Path, monkeypatch: Any) -> None:
    page = Path(__file__).parents[4] / "docs" / "resuming.md"
    code = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in code:
        exec(block, names)
    assert (tmp_path / "runs" / "digits" / "run.json").exists()
    assert names["Losses"]().state_dict() == {"seen": []}


TREES: list[Any] = [
    {"a": 1, "b": [1.5, None, True, "text"], "c": (1, (2, 3)), 4: {"x": b"\x00\xff"}},
    {"nan": float("inf"), "empty": {}, "list": []},
    {"array": np.arange(6.0).reshape(2, 3), "scalar": np.float32(0.1), "none": []},
    {"half": np.asarray([1.5, 2.0], np.float16), "bool": np.asarray([True, False])},
    {"brain": np.asarray(lamina.ops.ones((2, 2), "bfloat16")), "no": np.zeros((0, 3))},
    {
        "one": np.asarray(lamina.ops.ones((), "bfloat16")),
        "swapped": np.arange(3, dtype=">i4"),
    },
    {"on_device": lamina.ops.ones((2, 2), "bfloat16"), "columns": np.eye(4)[:, ::2]},
]


@pytest.mark.parametrize("tree", TREES, ids=lambda t: next(iter(t)))
def test_run_file_returns_what_was_written(tree: Any, tmp_path: Path) -> None:
    write_run(tmp_path / "run.safetensors", tree)
    found = read_run(tmp_path / "run.safetensors")
    np.testing.assert_equal(found, tree)
    for name, value in tree.items():
        if isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype.newbyteorder("=")


@pytest.mark.parametrize("value", [object(), np.asarray([object()]), {1, 2}])
def test_values_other_than_data_are_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot be saved"):
        write_run(tmp_path / "run.safetensors", {"value": value})


def test_writing_needs_no_second_copy_in_memory(tmp_path: Path) -> None:
    large = np.zeros(2**23)  # 64 MiB
    tracemalloc.start()
    try:
        write_run(tmp_path / "run.safetensors", {"large": large, "small": np.ones(3)})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < large.nbytes / 4


@pytest.mark.parametrize("place", ["header", "array"])
def test_damage_to_any_byte_is_detected(place: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    write_run(path, {"name": "first", "values": np.ones(5)})
    content = path.read_bytes()
    at = content.index(b"first") if place == "header" else len(content) - 3
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(FileFormatError, match="checksum is wrong"):
        read_run(path)


@pytest.mark.parametrize("eager", [False, True])
def test_metric_that_creates_variables_late_is_resumed(
    tmp_path: Path, eager: bool
) -> None:
    x = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)

    def trained(epochs: int, folder: Path) -> dict[str, Any]:
        model = lamina.Sequential([layers.Input((4,)), layers.Dense(1, "linear")])
        model.set_weights([np.ones((4, 1)), np.zeros(1)])
        model.compile("sgd", "mae", metrics=[lamina.metrics.R2Score()])
        model.run_eagerly = eager
        given = {"epochs": epochs, "seed": 1, "verbose": 0, "resume": folder}
        return model.fit(x, y, **given).history

    trained(1, tmp_path / "stopped")
    whole = trained(3, tmp_path / "whole")
    assert trained(3, tmp_path / "stopped") == whole
