"""A few steps on one batch show mistakes that the model and the data alone do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import Input, Sequential, layers, ops, optimizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
VALUE = X[:, 0] - X[:, 1]
CLASS = (VALUE > 0).astype("int32")


def model_of(*hidden: Any, last: Any = None, **arguments: Any) -> Any:
    last = last or layers.Dense(1, activation="sigmoid")
    model = Sequential([Input((6,)), *hidden, last])
    given = {"optimizer": optimizers.Adam(0.02), "loss": "binary_crossentropy"}
    model.compile(**{**given, **arguments})
    return model


def dense(units: int = 8, activation: str = "relu", **arguments: Any) -> Any:
    return layers.Dense(units, activation=activation, **arguments)


def blind() -> Any:
    return layers.Lambda(lambda x: ops.zeros_like(x))


# A model, its inputs and targets, and the code that is found.
CASES: dict[str, tuple[Any, Any, Any, str | None]] = {
    "learns": (lambda: model_of(dense()), X, CLASS, None),
    "regression": (
        lambda: model_of(dense(), last=layers.Dense(1), loss="mse"),
        X,
        VALUE,
        None,
    ),
    "no learning": (
        lambda: model_of(dense(), optimizer=optimizers.SGD(1e-12)),
        X,
        CLASS,
        "cannot-overfit",
    ),
    "blind": (lambda: model_of(blind(), dense()), X, np.ones(64), "inputs-not-used"),
    "dead": (
        lambda: model_of(dense(bias_initializer=lamina.initializers.Constant(-9.0))),
        X,
        CLASS,
        "dead-units",
    ),
    "saturated": (
        lambda: model_of(dense(activation="sigmoid")),
        1000 * X,
        CLASS,
        "saturated-units",
    ),
    "vanishing": (
        lambda: model_of(*[dense(activation="sigmoid") for _ in range(9)]),
        X,
        CLASS,
        "vanishing-gradients",
    ),
    "exploding": (
        lambda: model_of(dense(), last=layers.Dense(1), loss="mse"),
        X * 1e4,
        VALUE * 1e4,
        "exploding-gradients",
    ),
    "start": (
        lambda: model_of(dense(), last=layers.Dense(1), loss="mse"),
        300 * X,
        VALUE,
        "initial-loss",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_planted_mistake_is_found(case: str) -> None:
    make, x, y, code = CASES[case]
    lamina.random.set_seed(3)
    silence = ["unscaled-input", "sigmoid-hidden", "learning-rate-low"]
    lamina.config.set_checks("all", silence=silence)
    found = make().check(x, y, probe=True)
    if code is None:
        assert found == ()
    else:
        assert code in found.codes, found


def test_fit_can_probe_and_restores_the_model() -> None:
    lamina.random.set_seed(3)
    model = model_of(dense(), layers.Dropout(0.2), optimizer="sgd")
    before = model.get_weights()
    with pytest.warns(lamina.errors.LikelyMistakeWarning, match="cannot-overfit"):
        model.fit(X, CLASS, epochs=0, check="probe", verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))
    with pytest.raises(lamina.errors.ArgumentError, match="`check` must be"):
        model.fit(X, CLASS, check="some")
