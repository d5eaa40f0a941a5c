"""The explanation of a step that is not finite names what was planted."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import lamina
from lamina import Input, Sequential, layers, ops
from lamina.optimizers import SGD
from lamina.runtime.interrupts import Interrupted
from lamina.training.checks.steps import replay
from lamina.training.loop import NonFiniteWarning

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def with_row(row, value):
    x = X.copy()
    x[row] = value
    return x


class Calls(layers.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def sequential(*middle):
    return Sequential([Input((3,)), *middle, layers.Dense(1, name="head")])


def two_inputs():
    inputs = [Input((3,), name="a"), Input((3,), name="b")]
    return lamina.Model(inputs, layers.Dense(1)(layers.Concatenate()(inputs)))


def scale(x):
    return x / ops.sum(x, -1, keepdims=True)


def log_loss(y_true, y_pred):
    return -ops.mean(y_true * ops.log(y_pred), axis=-1)


def root(x):
    return ops.sqrt(ops.sum(x * x, -1, keepdims=True))


def half(**kwargs):
    return {"dtype": "mixed_float16", **kwargs}


class Subclass(lamina.Model):
    def __init__(self):
        super().__init__(name="outer")
        self.hidden = Calls(scale, name="inner")
        self.head = layers.Dense(1)

    def call(self, inputs):
        return self.head(self.hidden(inputs))


class CustomStep(Subclass):
    def train_step(self, data):
        x, y = data
        loss, gradients = lamina.value_and_grad(
            lambda: ops.mean((self(x) - y) ** 2), self.trainable_variables
        )
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


class PythonStep(CustomStep):
    def train_step(self, data):
        logs = super().train_step(data)
        return logs if float(logs["loss"]) < 1e9 else {"loss": logs["loss"]}


def interrupted():
    raise Interrupted


def message(model, x=X, y=Y, optimizer="sgd", loss="mse", eager=False, **arguments):
    model.compile(optimizer, loss, run_eagerly=eager)
    with pytest.warns(NonFiniteWarning) as found:
        model.fit(x, y, verbose=0, check_data=False, seed=1, **arguments)
    return next(str(w.message) for w in found if w.category is NonFiniteWarning)


# Model, other arguments, and parts of the message.
CAUSES = {
    "learning rate": (
        lambda: sequential(layers.Dense(4)),
        {"optimizer": SGD(100.0), "epochs": 30},
        ["learning rate: 100", "suspect: a learning rate", "optimizer=SGD(0.01)"],
    ),
    "logarithm of 0": (
        lambda: sequential(layers.ReLU(name="gate"), Calls(ops.zeros_like)),
        {"loss": log_loss, "y": np.ones_like(Y)},
        ["where: the loss, in the operation 'log'", "logarithm of 0", "ops.log(x + 1"],
    ),
    "division by 0": (
        lambda: sequential(Calls(scale, name="scale")),
        {"x": with_row(13, 0.0), "batch_size": 4},
        [
            "output of layer 'scale' (Calls), in the operation 'div'",
            "line: test_not_finite_cause.py:",
            "return x / ops.sum(x, -1, keepdims=True)",
            "rows: 13 of the data",
            "a division by 0",
        ],
    ),
    "float16": (
        lambda: sequential(
            layers.Rescaling(1e4, **half()),
            layers.Dense(4, kernel_initializer="ones", **half(name="narrow")),
        ),
        {"x": with_row(1, 3.0), "batch_size": 4, "shuffle": False},
        ["output of layer 'narrow' (Dense)", "rows: 1 of", "65504", "mixed_bfloat16"],
    ),
    "NaN in a row": (
        sequential,
        {"x": with_row(7, np.nan), "batch_size": 4},
        ["the data x has", "rows: 7 of the data", "np.nan_to_num(x)"],
    ),
    "large values in a row": (
        lambda: sequential(layers.Dense(4)),
        {"x": with_row(9, 1e30)},
        ["rows: 9 of the data", "suspect: values up to 1e+30", "normalize"],
    ),
    "infinite label": (
        sequential,
        {"y": np.where(np.arange(16)[:, None] == 3, np.inf, Y)},
        ["the data y has", "rows: 3 of the data"],
    ),
    "NaN in one of two inputs": (
        two_inputs,
        {"x": {"a": X, "b": with_row(7, np.nan)}, "batch_size": 4},
        ["the data x['b']", "rows: 7 of the data", "x['b'] = np.nan_to_num(x['b'])"],
    ),
    "gradient alone": (
        lambda: sequential(layers.Dense(2, use_bias=False), Calls(root, name="length")),
        {"x": with_row(2, 0.0)},
        ["gradient of layer 'length' (Calls)", "rows: 2 of", "ops.sqrt(x + 1e-7)"],
    ),
    "model without a graph": (
        Subclass,
        {"x": with_row(6, 0.0), "batch_size": 4},
        ["output of layer 'inner' (Calls)", "rows: 6 of the data"],
    ),
    "custom step": (
        CustomStep,
        {"x": with_row(6, 0.0), "batch_size": 4, "shuffle": False},
        ["batch 1 of epoch 1", "layer 'inner'", "rows: 6 of the data", "div"],
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::lamina.errors.LikelyMistakeWarning")
@pytest.mark.parametrize("case", CAUSES)
def test_planted_cause_is_named(case):
    make, arguments, expected = CAUSES[case]
    text = message(make(), **arguments)
    assert [part for part in expected if part not in text] == [], text


@pytest.mark.parametrize("case", ["division by 0", "gradient alone"])
def test_long_step_is_run_operation_by_operation(monkeypatch, case):
    monkeypatch.setattr(replay, "_LONG", 10)
    make, arguments, expected = CAUSES[case]
    text = message(make(), **arguments)
    assert [part for part in expected if part not in text] == [], text


@pytest.mark.parametrize("limit", ["time", "Ctrl-C"])
def test_long_replay_ends_with_the_usual_causes(monkeypatch, limit):
    monkeypatch.setattr(replay, "_LONG", 10)
    if limit == "time":
        monkeypatch.setattr(replay, "_SECONDS", -1.0)
    else:
        monkeypatch.setattr(replay, "check_interrupt", interrupted)
    make, arguments, _ = CAUSES["division by 0"]
    assert "Usual causes" in message(make(), **arguments)


def test_rows_of_a_stream_are_counted_in_the_batch():
    x = with_row(6, 0.0)
    batches = [(x[i : i + 4], Y[i : i + 4]) for i in range(0, 16, 4)]
    text = message(sequential(Calls(scale, name="scale")), x=iter(batches), y=None)
    assert "batch 1 of" in text and "rows: 2 of the 4 in this batch" in text


def test_step_that_cannot_be_traced_gets_the_usual_causes():
    text = message(PythonStep(), x=with_row(6, 0.0), eager=True)
    assert "Usual causes" in text and "where:" not in text


def test_replay_draws_the_same_random_numbers():
    """In one of eight steps, dropout leaves nothing of the row."""
    model = sequential(layers.Dropout(0.5, seed=3), Calls(scale, name="scale"))
    text = message(model, x=np.ones_like(X), batch_size=1, epochs=8)
    assert "layer 'scale'" in text and "a division by 0" in text


def test_replay_leaves_the_model_as_it_was():
    model = sequential(Calls(scale))
    message(model, x=with_row(0, 0.0), batch_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, batch_size=16, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations.value) == 1
