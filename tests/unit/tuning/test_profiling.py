"""Tables of time and memory by layer."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import Input, Model, Sequential, layers
from lamina.errors import ArgumentError
from lamina.tuning import LayerCost, Profile

X = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
MEBIBYTE = 2**20


def test_layers_have_their_costs():
    inner = Sequential(
        [Input((8,)), layers.Dense(512, "relu", name="wide")], name="inner"
    )
    inputs = Input((8,))
    outputs = layers.Dense(1, name="head")(layers.ReLU(name="gate")(inner(inputs)))
    model = Model(inputs, outputs, name="outer")
    model.compile("adam", "mse", metrics=["mae"])
    before = [w.copy() for w in model.get_weights()]
    table = model.profile(X, X[:, :1], batch_size=64, steps=2)
    rows = {cost.name: cost for cost in table.layers}
    assert list(rows) == [
        "inner/wide", "gate", "head", "(loss)", "(optimizer, metrics)"
    ]  # fmt: skip
    row = rows["inner/wide"]
    assert row.weight_bytes == 4 * (8 * 512 + 512)
    # The head needs the activations, relu the signs or the activations.
    assert 64 * 512 <= row.saved_bytes <= 2 * 4 * 64 * 512
    assert row.total_ms > 0 and row.kernels and rows["gate"].weight_bytes == 0
    assert table.rows == 64 and table.variable_bytes > 3 * row.weight_bytes
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_custom_step_is_measured():
    class Custom(lamina.Model):
        def __init__(self):
            super().__init__()
            self.head = layers.Dense(1, name="head")

        def call(self, inputs):
            return self.head(inputs)

        def train_step(self, data):
            x, y = data
            loss, gradients = lamina.value_and_grad(
                lambda: lamina.ops.mean((self(x) - y) ** 2), self.trainable_variables
            )
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss}

    model = Custom()
    model.compile("sgd", "mse")
    names = [cost.name for cost in model.profile(X, X[:, :1], steps=1).layers]
    assert names == ["head", "(loss)", "(optimizer, metrics)"]


def test_steps_must_be_positive():
    model = Sequential([Input((8,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="profile: `steps` must be"):
        model.profile(X, X[:, :1], steps=0)


def test_table():
    costs = [
        LayerCost("<dense>", 1.0, 2.0, MEBIBYTE, 2 * MEBIBYTE, "onednn"),
        LayerCost("(loss)", 0.5, 0.5, 0, 0, ""),
    ]
    table = Profile(costs, 4.5, 32, 3 * MEBIBYTE, 6 * MEBIBYTE, "cpu")
    assert repr(table).splitlines() == [
        "layer    forward  backward     %  saved  weights  kernels",
        "<dense>    1.000     2.000  75.0   1.00     2.00  onednn",
        "(loss)     0.500     0.500  25.0   0.00     0.00",
        "A step of 32 rows takes 4.5 ms on cpu.",
        "Memory: 6.00 MiB of variables, 3.00 MiB temporary.",
        "Times are in ms, memory is in MiB; saved: for the backward pass.",
    ]
    assert "&lt;dense&gt;" in table._repr_html_()
