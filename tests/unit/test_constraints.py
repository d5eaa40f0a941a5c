"""Constraints compared with formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lamina import constraints, ops
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from tests.tables.arrays import floats

W = 3 * floats(4, 3)


def norm(w, axis=0):
    return np.sqrt((w * w).sum(axis, keepdims=True))


CASES = [
    (constraints.NonNeg(), np.maximum(W, 0)),
    (constraints.UnitNorm(), W / norm(W)),
    (constraints.UnitNorm(axis=[0, 1]), W / norm(W, (0, 1))),
    (constraints.MaxNorm(3.5), W * np.minimum(norm(W), 3.5) / norm(W)),
    (constraints.MinMaxNorm(3, 4, axis=1), W * np.clip(norm(W, 1), 3, 4) / norm(W, 1)),
    (
        constraints.MinMaxNorm(3, 4, 0.5),
        W * (0.5 * np.clip(norm(W), 3, 4) + 0.5 * norm(W)) / norm(W),
    ),
]


@pytest.mark.parametrize("constraint, expected", CASES)
def test_values_follow_the_formula(constraint, expected):
    for w in (W, Variable(W)):
        np.testing.assert_allclose(constraint(w), expected, rtol=1e-5)
    assert constraint(ops.cast(W, "bfloat16")).dtype == "bfloat16"


@pytest.mark.parametrize("constraint, expected", CASES)
def test_config_round_trip_preserves_the_config(constraint, expected):
    config = json.loads(json.dumps(constraints.serialize(constraint)))
    assert config["module"] == "keras.constraints"
    np.testing.assert_allclose(constraints.deserialize(config)(W), expected, rtol=1e-5)


def test_get_accepts_names_configs_and_objects():
    assert constraints.get("max_norm").get_config() == {"max_value": 2, "axis": 0}
    assert type(constraints.get("NonNeg")) is constraints.NonNeg
    assert constraints.max_norm(3).max_value == 3
    assert constraints.get(None) is None


def test_zero_weights_remain_zero():
    for constraint in (constraints.UnitNorm(), constraints.MaxNorm()):
        np.testing.assert_array_equal(constraint(np.zeros((2, 2))), np.zeros((2, 2)))


def test_invalid_limits_are_refused():
    with pytest.raises(ArgumentError, match="MinMaxNorm: `rate` must be"):
        constraints.MinMaxNorm(rate=2)
    with pytest.raises(ArgumentError, match="MaxNorm: `max_value` must be"):
        constraints.MaxNorm(-1)
