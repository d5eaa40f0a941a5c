"""Representations of callbacks and histories."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from lamina import callbacks

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "BackupAndRestore": ("backup",),
    "CSVLogger": ("log.csv",),
    "Checkpoints": ("folder",),
    "Trackio": ("project",),
    "LearningRateScheduler": (lambda epoch, rate: rate,),
    "ModelCheckpoint": ("model.keras",),
    "OrbaxCheckpoint": ("folder",),
    "Report": ("run.html",),
}
PACKAGES = {
    "MLflow": "mlflow",
    "OrbaxCheckpoint": "orbax.checkpoint",
    "Trackio": "trackio",
    "WeightsAndBiases": "wandb",
}
CLASSES = [
    value
    for name in callbacks.__all__
    if inspect.isclass(value := getattr(callbacks, name))
    and not issubclass(value, Warning)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_repr_names_the_class_and_no_address(cls: Any) -> None:
    needed = PACKAGES.get(cls.__name__)
    if needed is not None:
        pytest.importorskip(needed)
    text = repr(cls(*ARGUMENTS.get(cls.__name__, ())))
    assert text.lstrip("<").startswith(cls.__name__)
    assert " at 0x" not in text


def test_repr_shows_arguments_that_differ_from_defaults() -> None:
    stopping = callbacks.EarlyStopping("val_loss", patience=3, mode="auto")
    assert repr(stopping) == "EarlyStopping(patience=3)"


def test_repr_of_a_callback_with_an_array() -> None:
    class Keeps(callbacks.Callback):
        def __init__(self, values: Any = None) -> None:
            super().__init__()
            self.values = values

    assert repr(Keeps(np.zeros(2))) == "Keeps(values=array([0., 0.]))"
    assert repr(Keeps()) == "Keeps()"


@pytest.fixture
def history() -> callbacks.History:
    made = callbacks.History()
    made.on_train_begin()
    for epoch in range(12):
        made.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "<mae>": np.float32(0.5)})
    return made


def test_history_shows_the_last_values(history: callbacks.History) -> None:
    assert repr(history) == "<History: 12 epochs, loss=0.08333, <mae>=0.5>"
    assert repr(callbacks.History()) == "<History: 0 epochs>"


def test_history_completion_has_no_internals(history: callbacks.History) -> None:
    names = ["epoch", "findings", "history", "model", "params", "plot"]
    assert dir(history) == names
    assert all(hasattr(history, name) for name in dir(history))


def test_history_table_holds_the_last_epochs(history: callbacks.History) -> None:
    table = history._repr_html_()
    assert "The last 10 of 12 epochs" in table
    assert table.count("<tr>") == 11
    assert "&lt;mae&gt;" in table
    assert "<mae>" not in table
