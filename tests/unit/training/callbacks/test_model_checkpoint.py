"""`ModelCheckpoint`: when, what and where it saves."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lamina.errors import ArgumentError, SaveError
from lamina.models import Sequential
from lamina.saving import load_model
from lamina.training.callbacks import Callback, ModelCheckpoint
from tests.unit.training.callbacks.helpers import Pretender, X, Y, small_model


class Saving(Pretender):
    """Notes what is saved instead of saving it."""

    def __init__(self):
        super().__init__()
        self.saved = []

    def prepare_save(self, path, weights_only):
        what = f"weights: {path}" if weights_only else path
        return lambda: self.saved.append(what)


def saved(callback, losses):
    model = Saving()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": loss, "val_acc": 1 - loss})
    callback.close()
    return model.saved


LOSSES = [0.5, 0.25, 0.375, 0.125]
BEST = {"save_best_only": True}
# File, arguments, what is saved. Recorded from Keras 3.15.1.
SAVES = [
    ("a.keras", {}, ["a.keras"] * 4),
    ("{epoch}.keras", {}, ["1.keras", "2.keras", "3.keras", "4.keras"]),
    (
        "{epoch:02d}-{loss:.2f}.keras",
        {},
        ["01-0.50.keras", "02-0.25.keras", "03-0.38.keras", "04-0.12.keras"],
    ),
    (
        "{epoch}.weights.h5",
        {"save_weights_only": True},
        [f"weights: {i}.weights.h5" for i in (1, 2, 3, 4)],
    ),
    (
        "{epoch}.keras",
        {**BEST, "monitor": "loss"},
        ["1.keras", "2.keras", "4.keras"],
    ),
    (
        "{epoch}.keras",
        {**BEST, "monitor": "val_acc", "mode": "max"},
        ["1.keras", "2.keras", "4.keras"],
    ),
    (
        "{epoch}.keras",
        {**BEST, "monitor": "val_acc", "mode": "min"},
        ["1.keras"],
    ),
    (
        "{epoch}.keras",
        {**BEST, "monitor": "loss", "initial_value_threshold": 0.3},
        ["2.keras", "4.keras"],
    ),
]


@pytest.mark.parametrize(("path", "arguments", "expected"), SAVES)
def test_saves_what_keras_saves(tmp_path, monkeypatch, path, arguments, expected):
    monkeypatch.chdir(tmp_path)
    assert saved(ModelCheckpoint(path, **arguments), LOSSES) == expected


# What is monitored in each epoch, and the epochs that are saved. As Keras 3.15.1 does,
# but for the last: there the best stays NaN, and no later epoch is saved.
NAN = float("nan")
NAN_SAVES = [
    ([NAN], [1]),
    ([0.5, NAN, 0.25], [1, 3]),
    ([NAN, NAN], [1]),
    ([NAN, 0.5, 0.25, 0.75], [1, 2, 3]),
]


@pytest.mark.parametrize(("losses", "epochs"), NAN_SAVES)
def test_first_value_of_nan_is_saved(tmp_path, monkeypatch, losses, epochs):
    monkeypatch.chdir(tmp_path)
    checkpoint = ModelCheckpoint("{epoch}.keras", "loss", **BEST)
    assert saved(checkpoint, losses) == [f"{epoch}.keras" for epoch in epochs]


def test_messages(tmp_path, capsys):
    path = f"{tmp_path}/{{epoch}}.keras"
    saved(ModelCheckpoint(path, "loss", verbose=1, **BEST), [0.5, 0.25, 0.375])
    assert capsys.readouterr().out.replace(str(tmp_path), "") == (
        "Epoch 1: loss improved to 0.50000, saved to /1.keras\n"
        "Epoch 2: loss improved from 0.50000 to 0.25000, saved to /2.keras\n"
        "Epoch 3: loss did not improve from 0.25000\n"
    )


def test_missing_folders_are_created(tmp_path):
    saved(ModelCheckpoint(tmp_path / "deep" / "{epoch}" / "a.keras"), [0.5])
    assert (tmp_path / "deep" / "1").is_dir()


def test_without_the_metric_every_epoch_is_saved():
    callback = ModelCheckpoint("a.keras", "reward", mode="max", **BEST)
    with pytest.warns(UserWarning, match="'reward', which is not available"):
        assert saved(callback, [0.5, 0.75]) == ["a.keras"] * 2


def test_checkpoint_without_save_best_only_needs_no_direction():
    assert saved(ModelCheckpoint("a.keras", "reward"), [0.5]) == ["a.keras"]


def test_unknown_name_in_the_path_is_refused():
    callback = ModelCheckpoint("{epoch}-{val_accuracy:.2f}.keras")
    with pytest.raises(ArgumentError, match="'val_acc'"):
        saved(callback, [0.5])


@pytest.mark.parametrize(
    ("path", "weights_only", "words"),
    [
        ("a.ckpt", False, "must end in `.keras` or `.h5`"),
        ("a.weights.h5", False, "save_weights_only=True"),
        ("a.keras", True, "must end in `.weights.h5`,"),
    ],
)
def test_unsupported_ending_is_refused(path, weights_only, words):
    with pytest.raises(ArgumentError, match=re.escape(words)):
        ModelCheckpoint(path, save_weights_only=weights_only)


# Batches between saves, files; five batches an epoch. Recorded from Keras 3.15.1.
FREQUENCIES = [
    (1, [f"{e}-{b}" for e in (1, 2, 3) for b in (1, 2, 3, 4, 5)]),
    (3, ["1-3", "2-1", "2-4", "3-2", "3-5"]),
    (4, ["1-4", "2-3", "3-2"]),
    (5, ["1-5", "2-5", "3-5"]),
    (7, ["2-2", "3-4"]),
]


class Snapshots(Callback):
    """The weights after every batch, which training pauses for."""

    def __init__(self):
        super().__init__()
        self.after = {}

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        self.after[f"{self.epoch}-{batch + 1}"] = self.model.get_weights()[0]


class Recording(Sequential):
    """Keeps its weights instead of writing them."""

    def save(self, filepath, overwrite=True, **kwargs):
        self.saved[filepath.removesuffix(".keras")] = self.get_weights()[0]


def fit_recording(callback):
    model = small_model()
    model = Recording(model.layers)
    model.compile("sgd", "mse")
    model.__dict__["saved"] = {}
    model.build((None, 3))
    model.set_weights([np.zeros((3, 1)), np.zeros(1)])
    model.fit(X, Y, batch_size=2, epochs=3, verbose=0, seed=1, callbacks=[callback])
    return model.saved


@pytest.mark.parametrize(("frequency", "files"), FREQUENCIES)
def test_saves_after_a_number_of_batches(tmp_path, monkeypatch, frequency, files):
    monkeypatch.chdir(tmp_path)
    checkpoint = ModelCheckpoint("{epoch}-{batch}.keras", save_freq=frequency)
    found = fit_recording(checkpoint)
    assert list(found) == files
    snapshots = Snapshots()
    fit_recording(snapshots)
    for name, weights in found.items():
        np.testing.assert_array_equal(weights, snapshots.after[name], err_msg=name)


def test_checkpoint_can_be_loaded(tmp_path):
    model = small_model()
    path = tmp_path / "best.keras"
    checkpoint = ModelCheckpoint(path, "loss", **BEST)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[checkpoint])
    loaded = load_model(path)
    np.testing.assert_array_equal(
        loaded.predict(X, verbose=0), model.predict(X, verbose=0)
    )


class Weights(Callback):
    """Keeps copies of the weights at each epoch's end."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([w.copy() for w in self.model.get_weights()])


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".safetensors"])
def test_training_does_not_change_what_is_being_written(ending, tmp_path):
    model = small_model()
    path = tmp_path / f"model{ending}"
    write = model.prepare_save(path, weights_only=ending != ".keras")
    before = [w.copy() for w in model.get_weights()]
    model.fit(X, Y, epochs=2, verbose=0)
    write()
    assert not np.array_equal(model.get_weights()[0], before[0])
    model.load_weights(path)
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_each_file_holds_its_own_epoch(tmp_path):
    model, seen = small_model(), Weights()
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.keras")
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[checkpoint, seen])
    for number, weights in enumerate(seen.epochs, 1):
        loaded = load_model(tmp_path / f"{number}.keras").get_weights()
        for found, expected in zip(loaded, weights, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_write_error_is_raised(tmp_path, monkeypatch):
    def full(*_):
        raise SaveError("The disk is full.")

    model = small_model()
    monkeypatch.setattr(model, "prepare_save", lambda *_: full)
    with pytest.raises(SaveError, match="disk is full"):
        model.fit(
            X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "model.keras")]
        )
