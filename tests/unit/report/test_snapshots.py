"""Distributions of weights, updates and activations, and their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina
from lamina import layers
from lamina.report.collect.snapshots import Snapshots
from lamina.report.page import time, weights
from lamina.report.run import Run
from tests.unit.report.test_page import HOSTILE, Tags

X = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")


def small_model() -> Any:
    stack = [
        lamina.Input((4,)),
        layers.Dense(6, name="first"),
        layers.Dropout(0.5),
        layers.ReLU(name="relu"),
        layers.Dense(1, name="last"),
    ]
    return lamina.Sequential(stack)


def test_snapshots_have_the_quantiles_of_each_layer():
    model = small_model()
    found = Snapshots(model, X)
    before = model.get_layer("last").kernel.numpy()
    after = before * 1.5
    model.get_layer("last").kernel.assign(after)
    found.take(1)
    data = found.data
    assert data["epochs"] == [1]
    assert list(data["layers"]) == ["first", "last", "relu"]
    last = data["layers"]["last"]
    (row,) = last["weights"]
    np.testing.assert_allclose([row[0], row[-1]], [after.min(), after.max()], 1e-3)
    change = after - before
    limits = [change.min(), change.max()]
    np.testing.assert_allclose(np.array(last["updates"][0])[[0, -1]], limits, 1e-3)
    np.testing.assert_allclose(last["ratio"], 1 / 3, 1e-4)
    hidden = np.asarray(model.get_layer("first")(X[:64]))
    zeros = data["layers"]["relu"]["zeros"]
    np.testing.assert_allclose(zeros, (hidden <= 0).mean(), 1e-5)


def test_snapshots_of_many_epochs_are_thinned():
    found = Snapshots(small_model())
    for epoch in range(1, 200):
        found.take(epoch)
    epochs = found.data["epochs"]
    assert 24 <= len(epochs) <= 48
    assert set(np.diff(epochs)) == {8}
    for kinds in found.data["layers"].values():
        assert {len(values) for values in kinds.values()} == {len(epochs)}


def test_layers_of_a_subclassed_model_have_weights_only():
    class Own(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2, name="own")

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    model(X)
    found = Snapshots(model, X)
    found.take(1)
    assert list(found.data["layers"]["own"]) == ["weights", "updates", "ratio"]


def test_constant_weights_have_a_picture():
    row = [0.0] * 17
    kinds = {"weights": [row, row], "updates": [row, row], "ratio": [None, 0.0]}
    run = Run("m", snapshots={"epochs": [1, 2], "layers": {HOSTILE: kinds}})
    section = weights.section(run)
    assert section is not None
    tags = Tags(section)
    assert [tag for tag, _ in tags.found].count("img") == 2
    assert all(attrs["alt"] for tag, attrs in tags.found if tag == "img")
    assert HOSTILE in tags.text


def test_parts_of_the_time_add_up():
    times = {"total": [3.0, 1.0], "compile": [1.5, 0.0], "validation": [0.25, 0.25]}
    run = Run("m", seconds={**times, "wait": [0.0, 0.5], "report": [0.0, 0.1]})
    found = time.times(run)
    assert found["steps"] == 1.5
    assert sum(found.values()) == 4.1
    assert time.times(Run("m")) == {}
