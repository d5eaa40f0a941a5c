"""Labels that match the outputs give neither an error nor a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers, losses
from lamina.data.adapt import adapt
from lamina.training.checks.monitors import unknown_monitors
from lamina.training.prepare import prepare_model

SPARSE = "sparse_categorical_crossentropy"
BINARY = "binary_crossentropy"


def lstm() -> Any:
    return layers.LSTM(3, return_sequences=True)


def conv() -> Any:
    return layers.Conv2D(2, 3, padding="same")


class UserLoss(losses.Loss):
    """Loss that compares one label with every position."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ((y_true[:, None, None] - y_pred) ** 2).mean((1, 2, 3))


def user_function(y_true: Any, y_pred: Any) -> Any:
    return (y_true[:, None] - y_pred).mean(-1)


PROGRAMS: dict[str, tuple[Any, list[Any], Any, tuple[int, ...], tuple[int, ...]]] = {
    "a class for each token": ((5, 2), [lstm(), layers.Dense(4)], SPARSE, (5, 2), (5,)),
    "a class for each token, in a column": (
        (5, 2), [lstm(), layers.Dense(4)], SPARSE, (5, 2), (5, 1),
    ),
    "one-hot tokens": (
        (5, 2), [lstm(), layers.Dense(4)], "categorical_crossentropy", (5, 2), (5, 4),
    ),
    "yes or no for each token": (
        (5, 2), [lstm(), layers.Dense(1)], BINARY, (5, 2), (5,),
    ),
    "tokens of unknown number": (
        (None, 2), [lstm(), layers.Dense(4)], SPARSE, (5, 2), (5,),
    ),
    "sequences to sequences": (
        (5, 2),
        [layers.LSTM(3), layers.RepeatVector(7), lstm(), layers.Dense(4)],
        SPARSE, (5, 2), (7,),
    ),
    "series to series": ((5, 2), [lstm(), layers.Dense(1)], "mse", (5, 2), (5, 1)),
    "series to series, without the last axis": (
        (5, 2), [lstm(), layers.TimeDistributed(layers.Dense(1))], "mse", (5, 2), (5,),
    ),
    "the next value": ((5, 2), [layers.LSTM(3), layers.Dense(1)], "mse", (5, 2), ()),
    "several values ahead": (
        (5, 2), [layers.LSTM(3), layers.Dense(5)], "mse", (5, 2), (5,),
    ),
    "a class for each pixel": ((6, 6, 1), [conv(), conv()], SPARSE, (6, 6, 1), (6, 6)),
    "a class for each pixel, with an axis": (
        (6, 6, 1), [conv()], SPARSE, (6, 6, 1), (6, 6, 1),
    ),
    "a mask": (
        (6, 6, 1), [conv(), layers.Conv2D(1, 1)], BINARY, (6, 6, 1), (6, 6, 1),
    ),
    "a mask, without the last axis": (
        (6, 6, 1), [conv(), layers.Conv2D(1, 1)], losses.Dice(), (6, 6, 1), (6, 6),
    ),
    "pixels of unknown number": (
        (None, None, 1), [conv()], SPARSE, (6, 6, 1), (6, 6),
    ),
    "images": ((6, 6, 1), [conv(), layers.Conv2D(1, 1)], "mse", (6, 6, 1), (6, 6, 1)),
    "one class": ((4,), [layers.Dense(4)], SPARSE, (4,), ()),
    "one class, in a column": ((4,), [layers.Dense(4)], SPARSE, (4,), (1,)),
    "several yes or no": ((4,), [layers.Dense(4)], BINARY, (4,), (4,)),
    "user-defined loss class": ((6, 6, 1), [conv()], UserLoss(), (6, 6, 1), ()),
    "user-defined loss function": ((4,), [layers.Dense(4)], user_function, (4,), ()),
    "rows without the last axis": (
        (6, 6, 1), [layers.Flatten(), layers.Dense(1)], "mse", (6, 6), (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_matching_labels_are_accepted(name: str) -> None:
    shape, stack, loss, row, label = PROGRAMS[name]
    model = lamina.Sequential([layers.Input(shape), *stack])
    model.compile("sgd", loss)
    x, y = np.ones((8, *row), "float32"), np.ones((8, *label), "int32")
    prepare_model(model._training, adapt(x, y), check=True, to_train=True)


class Adds(callbacks.Callback):
    """Callback that adds a value to the logs."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["val_own"] = 1.0


STOP = callbacks.EarlyStopping
WATCHED = {
    "loss": ([STOP("loss")], False),
    "its validation": ([STOP("val_loss")], True),
    "a metric": ([STOP("mae")], False),
    "the learning rate": ([STOP("learning_rate", mode="min")], False),
    "a user's log": ([Adds(), STOP("val_own", mode="min")], False),
    "a function's log": (
        [callbacks.LambdaCallback(on_epoch_end=print), STOP("own", mode="min")],
        False,
    ),
    "nothing": ([callbacks.ModelCheckpoint("m.keras")], False),
}


@pytest.mark.parametrize("name", WATCHED)
def test_available_metrics_give_no_warning(name: str) -> None:
    chosen, validates = WATCHED[name]
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    model._training.build(
        (np.ones((2, 4), "float32"), np.ones((2, 2), "float32"), None)
    )
    callback_list = callbacks.CallbackList(chosen, model=model)
    assert list(unknown_monitors(model, callback_list.callbacks, validates)) == []
