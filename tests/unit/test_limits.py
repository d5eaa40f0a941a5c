"""Limits of epochs and steps."""

from __future__ import annotations

import pytest

import lamina
from lamina import config, layers
from lamina.errors import ArgumentError
from tests.tables.arrays import floats

X, Y = floats(10, 3), floats(10, 2)


@pytest.fixture(autouse=True)
def restored():
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


def model():
    made = lamina.Sequential([layers.Input((3,)), layers.Dense(2)])
    made.compile("sgd", "mse")
    return made


def batches():
    while True:
        yield X[:2], Y[:2]


def test_epochs_are_limited():
    config.set_max_epochs(2)
    history = model().fit(X, Y, epochs=5, verbose=0)
    assert history.epoch == [0, 1]
    assert config.max_epochs() == 2


@pytest.mark.parametrize(
    ("data", "given", "limit", "steps"),
    [
        ("arrays", None, 2, 2),
        ("arrays", None, 9, 5),
        ("arrays", 3, 2, 2),
        ("arrays", 3, 9, 3),
        ("stream", None, 2, 2),
        ("stream", 3, 9, 3),
    ],
)
def test_steps_are_limited(data, given, limit, steps):
    config.set_max_steps_per_epoch(limit)
    trained = model()
    arguments = {"x": X, "y": Y, "batch_size": 2} if data == "arrays" else {}
    arguments = arguments or {"x": batches()}
    trained.fit(**arguments, steps_per_epoch=given, verbose=0)
    assert int(trained.optimizer.iterations) == steps
    assert config.max_steps_per_epoch() == limit


def test_predictions_are_limited():
    config.set_max_steps_per_epoch(1)
    assert model().predict(X, batch_size=4, verbose=0).shape == (4, 2)


def test_invalid_limits_are_refused():
    for value in (0, -1, 2.5, "3", True):
        with pytest.raises(ArgumentError, match="max_epochs"):
            config.set_max_epochs(value)


def test_only_jax_is_a_backend():
    config.set_backend("jax")
    assert not config.is_nnx_enabled()
    with pytest.raises(ArgumentError, match="JAX only"):
        config.set_backend("torch")
    with pytest.raises(ArgumentError, match="custom_objects"):
        config.enable_unsafe_deserialization()
    assert lamina.version() == lamina.__version__
