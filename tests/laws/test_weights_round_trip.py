"""Weights taken from a layer and given to another make it the same."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from tests.oracles.observe import placeholders, ready
from tests.tables.cases import named
from tests.tables.layers import LAYERS
from tests.tables.models import MODELS

ALL = 64  # one batch, so that one program is compiled


def fresh(case):
    """A built layer whose weights are as its initializers made them."""
    layer = case.make(lamina)
    case.prepare(layer)
    layer(placeholders(lamina, case, case.inputs[0].shape[0]), **case.call)
    return layer


def assert_same_weights(left, right):
    for one, other in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", named(LAYERS, without={"host"}))
def test_weights_can_be_taken_and_given(case):
    layer = ready(lamina, case)
    twin = fresh(case)
    twin.set_weights(layer.get_weights())
    assert_same_weights(layer, twin)
    assert [w.name for w in layer.weights] == [w.name for w in twin.weights]


@pytest.mark.parametrize("case", named(LAYERS, without={"host"}))
def test_weights_are_counted(case):
    layer = ready(lamina, case)
    assert layer.count_params() == sum(np.size(w) for w in layer.get_weights())


@pytest.mark.parametrize("case", named(MODELS))
def test_weights_survive_a_file(case, tmp_path):
    model, twin = case.make(lamina), case.make(lamina)
    model.set_weights([weight + 0.125 for weight in model.get_weights()])
    model.save_weights(tmp_path / "model.weights.h5")
    twin.load_weights(tmp_path / "model.weights.h5")
    assert_same_weights(model, twin)


# State of every kind: of an optimizer, of averages, of layers, of schedules.
STATES = {"regression", "residual", "convolutional", "recurrent", "dictionaries"}


@pytest.mark.parametrize("case", named(c for c in MODELS if c.name in STATES))
def test_model_survives_a_file(case, tmp_path):
    model = case.make(lamina)
    model.compile(**case.compile(lamina))
    model.fit(case.x, case.y, batch_size=ALL, verbose=0, **case.fit)
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    assert_same_weights(model, twin)
    options = {"batch_size": ALL, "verbose": 0, "return_dict": True}
    again = twin.evaluate(case.x, case.y, **options)
    assert again == model.evaluate(case.x, case.y, **options)
    for before, after in zip(
        model.optimizer.variables, twin.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(before.numpy(), after.numpy())
