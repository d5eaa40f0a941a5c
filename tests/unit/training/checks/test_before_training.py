"""Likely mistakes are reported once, at the level that is set."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, config, layers
from lamina.core.scope import local
from lamina.errors import ArgumentError, DataError, LikelyMistakeWarning

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = np.arange(8) % 2


class WithCall(lamina.Sequential):
    def call(self, inputs: Any) -> Any:
        return super().call(inputs)


def model_of(activation: str = "softmax", kind: Any = lamina.Sequential) -> Any:
    model = kind([layers.Input((3,)), layers.Dense(1, activation)])
    model.compile("sgd", "binary_crossentropy")
    return model


def count(model: Any, *data: Any, **arguments: Any) -> int:
    """Return the number of warnings of a call of `fit`."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(*data, verbose=0, **arguments)
    return sum(issubclass(w.category, LikelyMistakeWarning) for w in found)


@pytest.mark.parametrize("kind", [lamina.Sequential, WithCall])
def test_same_call_is_checked_once(kind: Any) -> None:
    model = model_of(kind=kind)
    assert [count(model, X, Y) for _ in range(3)] == [1, 0, 0]
    assert count(model, X.copy(), Y) == 1
    assert count(model, X, Y, batch_size=2) == 1


def test_new_callback_is_checked() -> None:
    model = model_of("sigmoid")
    assert count(model, X, Y) == 0
    assert count(model, X, Y, callbacks=[callbacks.EarlyStopping("val_auc")]) == 1


@pytest.mark.parametrize(
    ("level", "warned"), [("all", 1), ("errors", 0), ("off", 0), (None, 1)]
)
def test_levels(level: str | None, warned: int) -> None:
    assert count(model_of(), X, Y, check=level) == warned
    if level is not None:
        config.set_checks(level)
    assert count(model_of(), X, Y) == warned
    assert model_of().check(X, Y).codes == ["softmax-one-unit"]


@pytest.mark.parametrize("level", ["errors", "off"])
def test_values_are_not_checked_at_level_off(level: str) -> None:
    config.set_checks(level)
    model = model_of("sigmoid")
    if level == "off":
        model.fit(X, Y + 1, verbose=0)
    else:
        with pytest.raises(DataError, match="labels"):
            model.fit(X, Y + 1, verbose=0)


class Rateless(lamina.optimizers.SGD):
    """Optimizer whose learning rate cannot be read outside of a step."""

    @property
    def learning_rate(self) -> Any:
        if local.state is None:
            raise RuntimeError("no rate")
        return 0.1

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        pass


def test_rule_that_fails_does_not_stop_training() -> None:
    model = model_of()
    model.optimizer = Rateless()
    assert "softmax-one-unit" in model.check(X, Y).codes


def test_inputs_have_their_names() -> None:
    first, second = layers.Input((3,), name="age"), layers.Input((3,), name="size")
    outputs = layers.Dense(1)(layers.Concatenate()([first, second]))
    model = lamina.Model({"age": first, "size": second}, outputs)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    found = model.check({"age": x, "size": 100 * x}, x[:, 0])
    assert [f.message[:9] for f in found] == ["x['size']"], found


def test_unknown_level_is_refused() -> None:
    with pytest.raises(ArgumentError, match="`level` must be"):
        config.set_checks("some")
    with pytest.raises(ArgumentError, match="`check` must be"):
        model_of().fit(X, Y, check="some")
