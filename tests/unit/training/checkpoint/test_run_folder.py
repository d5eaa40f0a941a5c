"""The folder of a run: damaged files, full disks, and runs that do not fit."""

from __future__ import annotations

import errno
import json
import re
import resource
import shutil
import signal
import subprocess
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError, StateError
from lamina.training import loop
from lamina.training.checkpoint import run_state
from lamina.training.checkpoint.checkpoints import Checkpoints, TrainPosition
from lamina.training.checkpoint.folder import CheckpointWarning
from lamina.training.checkpoint.run_file import read_run
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


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def copy_completed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that copies the folder of one completed run to another one."""
    completed = tmp_path_factory.mktemp("run")

    def copy(folder: Path) -> None:
        if not any(completed.iterdir()):
            fit(classifier(), completed)
        shutil.copytree(completed, folder, dirs_exist_ok=True)

    return copy


@pytest.mark.parametrize("harm", [damage, lambda p: p.write_bytes(b""), Path.unlink])
def test_damaged_checkpoint_is_skipped(harm: Any, tmp_path: Path) -> None:
    (expected, history), mended = uninterrupted(), classifier()
    interrupted(tmp_path, [40])
    newest, older = Checkpoints(tmp_path).files()
    harm(newest)
    if newest.exists():
        with pytest.warns(CheckpointWarning, match=re.escape(f"from {older.name}")):
            assert fit(mended, tmp_path) == history
    else:
        assert fit(mended, tmp_path) == history
    assert_same_bits(state_of(mended), expected)


def test_training_starts_over_without_a_valid_checkpoint(tmp_path: Path) -> None:
    (expected, history), mended = uninterrupted(), classifier()
    interrupted(tmp_path, [40])
    damaged = [path.name for path in Checkpoints(tmp_path).files()]
    for name in damaged:
        damage(tmp_path / name)
    anew = pytest.warns(CheckpointWarning, match="training starts over")
    with anew, pytest.raises(Killed):
        fit(mended, often(tmp_path), 20)
    # They don't count as the newest ones.
    assert [p.name for p in Checkpoints(tmp_path).files()] < damaged[:1]
    assert all((tmp_path / f"{name}.damaged").exists() for name in damaged)
    mended = classifier()
    assert fit(mended, often(tmp_path)) == history
    assert_same_bits(state_of(mended), expected)


def test_partial_files_are_removed(tmp_path: Path) -> None:
    rest = tmp_path / ".step-000000000004.safetensors.abc"
    rest.write_bytes(b"half")
    fit(classifier(), tmp_path)
    assert not rest.exists()


def other_model() -> lamina.Model:
    model = lamina.Sequential(
        [layers.Input((8,)), layers.Dense(4), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def other_rate() -> lamina.Model:
    model = classifier()
    model.optimizer.learning_rate = 0.5
    return model


def other_optimizer() -> lamina.Model:
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Unplain(callbacks.Callback):
    def state_dict(self) -> dict[str, Any]:
        return {"model": object()}


REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any], Any, str]] = {
    "model": (other_model, {}, FileFormatError, r"another model(.|\n)*dense/kernel"),
    "rate": (other_rate, {}, ArgumentError, "learning_rate was 0.001.* is now 0.5"),
    "optimizer": (other_optimizer, {}, ArgumentError, "was Adam and is now SGD"),
    "validation": (
        classifier,
        {"validation_data": blobs(16)},
        ArgumentError,
        "validation_data was None",
    ),
    "callback": (
        classifier,
        {"callbacks": [Unplain()]},
        ArgumentTypeError,
        "Unplain cannot be saved: an object of type object",
    ),
    "batch size": (classifier, {"batch_size": 16}, ArgumentError, "batch_size was 8"),
    "data": (
        classifier,
        {"x": blobs(100)[0] + 1},
        ArgumentError,
        "data has other values",
    ),
    "seed": (classifier, {"seed": 6}, ArgumentError, "seed was 5 and is now 6"),
    "folder": (classifier, {"resume": __file__}, ArgumentError, "Cannot write to"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_run_with_other_arguments_is_refused(
    name: str, tmp_path: Path, copy_completed: Any
) -> None:
    make, given, error, words = REFUSED[name]
    copy_completed(tmp_path)
    model = make()
    with pytest.raises(error, match=words):
        fit(model, **{"resume": tmp_path, "epochs": 5, **given})


def test_missing_callback_is_refused(tmp_path: Path) -> None:
    fit(classifier(), tmp_path, callbacks=[callbacks.EarlyStopping("loss", patience=9)])
    with pytest.raises(ArgumentError, match="started with a callback EarlyStopping"):
        fit(classifier(), tmp_path)


def test_other_version_gives_a_warning(
    tmp_path: Path, monkeypatch: Any, copy_completed: Any
) -> None:
    copy_completed(tmp_path)
    real = run_state.versions()
    monkeypatch.setattr(
        "lamina.training.checkpoint.resuming.versions", lambda: {**real, "jax": "9"}
    )
    with pytest.warns(CheckpointWarning, match="jax was .* and is now '9'"):
        fit(classifier(), tmp_path, epochs=5)


def test_other_format_is_refused(
    tmp_path: Path, monkeypatch: Any, copy_completed: Any
) -> None:
    copy_completed(tmp_path)
    monkeypatch.setattr(run_state, "_FORMAT", 2)
    with pytest.raises(FileFormatError, match=r"written by lamina \d.*does not read"):
        fit(classifier(), tmp_path, epochs=5)


def test_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    other = Checkpoints(tmp_path)
    other.open()
    with pytest.raises(StateError, match="trained in .* already"):
        fit(classifier(), tmp_path)
    other.close()
    fit(classifier(), tmp_path)


def test_failed_run_unlocks_its_folder(tmp_path: Path, copy_completed: Any) -> None:
    copy_completed(tmp_path)
    with pytest.raises(ArgumentError, match="batch_size") as error:
        fit(classifier(), tmp_path, batch_size=16, epochs=5)
    fit(classifier(), tmp_path, epochs=5)
    assert error.value


def test_other_first_batch_gives_a_warning(tmp_path: Path) -> None:
    def batches(seed: int) -> Any:
        x, y = blobs(100)
        generator = np.random.default_rng(seed)
        while True:
            rows = generator.integers(0, 100, 8)
            yield x[rows], y[rows]

    def given(seed: int) -> Any:
        return {"x": batches(seed), "y": None, "batch_size": None}

    fit(classifier(), tmp_path, steps_per_epoch=5, **given(0))
    other = pytest.warns(CheckpointWarning, match="first batch of the data differs")
    with other, pytest.warns(UserWarning, match="is read again"):
        fit(classifier(), tmp_path, epochs=5, steps_per_epoch=5, **given(1))


def test_resumed_run_prints_its_position(tmp_path: Path, capsys: Any) -> None:
    x, y = blobs(100)
    arguments: Any = {"batch_size": 8, "seed": 5, "verbose": 2, "resume": tmp_path}
    for epochs in (2, 3, 3):
        classifier().fit(x, y, epochs=epochs, **arguments)
    said = [line for line in capsys.readouterr().out.splitlines() if "The run" in line]
    assert [line.partition("' ")[2] for line in said] == [
        "resumes from epoch 3.",
        "is complete after epoch 3.",
    ]


def fails(*_: Any, **__: Any) -> Any:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("what", ["writing", "removing"])
def test_disk_error_does_not_end_training(
    what: str, tmp_path: Path, monkeypatch: Any
) -> None:
    (expected, history), model = uninterrupted(), classifier()
    interrupted(tmp_path, [20])
    kept = Checkpoints(tmp_path).files()

    class Fail(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if what == "writing":
                monkeypatch.setattr(
                    "lamina.training.checkpoint.run_file.atomic_write", fails
                )
            else:
                monkeypatch.setattr(Path, "unlink", fails)

    with pytest.warns(CheckpointWarning, match="continues: .*Read-only file system"):
        assert fit(model, often(tmp_path), callbacks=[Fail()]) == history
    monkeypatch.undo()
    assert set(kept) <= set(Checkpoints(tmp_path).files())
    again = classifier()
    assert fit(again, tmp_path) == history
    assert_same_bits(state_of(again), expected)


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system for a few checkpoints more than what is always left free on one."""
    place = tmp_path / "disk"
    place.mkdir()
    size = ["-o", "size=1400k", "tmpfs"]
    command = ["mount", "-t", "tmpfs", *size, str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_disk_that_fills_up_does_not_end_training(small_disk: Path) -> None:
    (expected, history), model = uninterrupted(), classifier()
    folder = small_disk / "run"
    interrupted(folder, [20])
    left_free = 2**20 - 2**14
    others = bytes(shutil.disk_usage(small_disk).free - left_free)
    (small_disk / "others").write_bytes(others)
    record = pytest.warns(CheckpointWarning, match="its record was not written")
    state = pytest.warns(CheckpointWarning, match="not written; training continues")
    with record, state:
        assert fit(model, often(folder)) == history
    assert_same_bits(state_of(model), expected)
    (small_disk / "others").unlink()
    again = classifier()
    assert fit(again, often(folder)) == history
    assert_same_bits(state_of(again), expected)


def test_full_disk_does_not_end_training(tmp_path: Path) -> None:
    (expected, history), model = uninterrupted(), classifier()
    interrupted(tmp_path, [20])
    kept = Checkpoints(tmp_path).files()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.warns(CheckpointWarning, match="not written; training continues"):
            assert fit(model, often(tmp_path)) == history
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Checkpoints(tmp_path).files() == kept
    again = classifier()
    assert fit(again, tmp_path) == history
    assert_same_bits(state_of(again), expected)


def test_full_device_memory_does_not_end_training(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def full(_: Any) -> Any:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED")

    (expected, history), mended = uninterrupted(), classifier()
    monkeypatch.setattr(run_state, "jnp", types.SimpleNamespace(copy=full))
    interrupted(tmp_path, [20])
    assert fit(mended, often(tmp_path)) == history
    assert_same_bits(state_of(mended), expected)


def test_best_epoch_is_kept_in_addition_to_the_newest(tmp_path: Path) -> None:
    class Say(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["mine"] = abs(epoch - 2)

    def rule(mode: str) -> Checkpoints:
        folder = tmp_path / mode
        return Checkpoints(folder, None, epochs=1, keep=2, monitor="mine", mode=mode)

    def places(mode: str) -> list[int]:
        return [read_run(p)["place"][0] for p in rule(mode).files()]

    for epochs in (4, 7):  # the second one knows what the first one knew
        fit(classifier(), rule("min"), epochs=epochs, callbacks=[Say()])
    assert places("min") == [7, 6, 3]
    fit(classifier(), rule("max"), epochs=4, callbacks=[Say()])
    assert places("max") == [4, 3, 1]


def test_best_epoch_is_kept_for_any_length_of_epochs(tmp_path: Path) -> None:
    rule = Checkpoints(tmp_path, seconds=0.5)
    rule.best = 0.25, "step-000000000001.safetensors"
    assert not rule.is_due(TrainPosition(0, 1, 0))
    assert rule.is_due(TrainPosition(1, 0, 1), {"loss": 9.0, "val_loss": 0.2})
    assert not rule.is_due(TrainPosition(1, 0, 1), {"val_loss": 0.3})
    assert not rule.is_due(TrainPosition(1, 0, 1), {"val_loss": float("nan")})


def test_non_finite_state_is_never_saved(tmp_path: Path) -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(3.0), "mse")
    x = np.ones((20, 1), "float32")
    with pytest.warns(loop.NonFiniteWarning):
        model.fit(x, 2 * x, batch_size=8, epochs=500, verbose=0, resume=often(tmp_path))
    for path in Checkpoints(tmp_path).files():
        for value in read_run(path)["variables"].values():
            assert np.isfinite(value).all()


def test_backup_is_kept_after_a_run_diverged(tmp_path: Path) -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(3.0), "mse")
    x = np.ones((20, 1), "float32")
    backup = callbacks.BackupAndRestore(tmp_path / "backup")
    watching = [backup, callbacks.TerminateOnNaN()]
    with pytest.warns(loop.NonFiniteWarning):
        model.fit(x, 2 * x, batch_size=8, epochs=500, verbose=0, callbacks=watching)
    assert backup.checkpoints.files()


def test_diverged_run_can_roll_back(tmp_path: Path) -> None:
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


def test_run_has_a_record(tmp_path: Path) -> None:
    fit(classifier(), tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["seed"] == 5 and record["batch_size"] == 8
    assert record["precision"] == "float32" and record["epochs"] == 4
    assert record["lamina"] and record["jax"] and record["device"]
    assert record["compile"]["optimizer"]["class_name"] == "Adam"
    assert len(record["data"]) == 64 and record["validation_data"] is None
