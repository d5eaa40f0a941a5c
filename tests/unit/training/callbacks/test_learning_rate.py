"""`ReduceLROnPlateau` on scripted losses; `LearningRateScheduler` in training."""

from __future__ import annotations

import pytest

from lamina.errors import ArgumentTypeError
from lamina.optimizers import SGD
from lamina.optimizers.schedules import ExponentialDecay
from lamina.training.callbacks import LearningRateScheduler, ReduceLROnPlateau
from tests.unit.training.callbacks.helpers import Pretender, X, Y, small_model
from tests.unit.training.callbacks.test_early_stopping import CURVES

# Curve, arguments, the rate after each epoch. Recorded from Keras 3.15.1.
PLATEAUS = [
    ("valley", {"patience": 2}, [1] * 5 + [0.1] * 3 + [0.01] * 2 + [0.001]),
    (
        "valley",
        {"patience": 1, "factor": 0.5},
        [1, 1, 1, 1, 0.5, 0.25, 0.25, 0.125, 0.0625, 0.03125, 0.015625],
    ),
    (
        "valley",
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
    ),
    (
        "flat",
        {"patience": 2, "factor": 0.5},
        [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
    ),
    (
        "flat",
        {"patience": 1, "factor": 0.5, "min_lr": 0.2},
        [1, 0.5, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2],
    ),
    ("rise", {"patience": 1, "mode": "max"}, [1] * 6),
    (
        "small",
        {"patience": 2, "factor": 0.5, "min_delta": 0.05},
        [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25],
    ),
    (
        "flat",
        {"patience": 0, "factor": 0.5},
        [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125],
    ),
    (
        "flat",
        {"patience": 1, "factor": 0.5, "cooldown": 1},
        [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125],
    ),
]


@pytest.mark.parametrize(("curve", "arguments", "expected"), PLATEAUS)
def test_rates_are_those_of_keras(curve, arguments, expected):
    callback = ReduceLROnPlateau("loss", **arguments)
    model = Pretender()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(CURVES[curve]):
        callback.on_epoch_end(epoch, {"loss": value})
        rates.append(model.optimizer.learning_rate)
    assert rates == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore::lamina.errors.LikelyMistakeWarning")
def test_plateau_in_training_reduces_the_learning_rate(capsys):
    model = small_model(optimizer=SGD(0.0))
    model.optimizer.learning_rate = 1e-9
    callback = ReduceLROnPlateau(
        "loss", factor=0.1, patience=1, verbose=1, min_lr=2e-11
    )
    run = model.fit(X, Y, epochs=4, verbose=0, callbacks=callback)
    assert run.history["learning_rate"] == pytest.approx([1e-9, 1e-9, 1e-10, 2e-11])
    assert capsys.readouterr().out == (
        "Epoch 2: reducing the learning rate to 1e-10\n"
        "Epoch 3: reducing the learning rate to 2e-11\n"
    )


SCHEDULES = {
    "of epoch and rate": (lambda epoch, rate: rate * 0.5, [0.5, 0.25, 0.125]),
    "of the epoch": (lambda epoch: 1 / (epoch + 1), [1, 1 / 2, 1 / 3]),
    "of the epoch, rate optional": (
        lambda epoch, rate=0.5: rate / 2,
        [0.5, 0.25, 0.125],
    ),
    "an integer": (lambda epoch: 2, [2, 2, 2]),
    "a schedule": (ExponentialDecay(1.0, 1, 0.5), [1, 0.5, 0.25]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_scheduled_rates(name):
    schedule, expected = SCHEDULES[name]
    model = small_model(optimizer=SGD(1.0), metrics=None)
    run = model.fit(
        X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(schedule)]
    )
    assert run.history["learning_rate"] == pytest.approx(expected)


def test_scheduled_learning_rate_is_used():
    model = small_model()
    before = model.get_weights()
    model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.0)])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_scheduler_prints_the_learning_rate(capsys):
    small_model().fit(
        X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda e: 0.25, verbose=1)]
    )
    assert capsys.readouterr().out == "Epoch 1: setting the learning rate to 0.25\n"


def refuses(schedule, words):
    with pytest.raises(ArgumentTypeError, match=words):
        small_model().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(schedule)])


def test_schedule_must_return_a_number():
    refuses(lambda epoch: "slow", "must return a number")
    refuses(lambda epoch: None, "must return a number")


def test_schedule_must_take_the_epoch():
    refuses(lambda: 1.0, "must take")
    refuses(lambda a, b, c: 1.0, "must take")


def test_error_in_a_schedule_is_not_replaced():
    with pytest.raises(TypeError, match="unsupported operand"):
        small_model().fit(
            X,
            Y,
            verbose=0,
            callbacks=[LearningRateScheduler(lambda epoch, rate: rate + "1")],
        )
