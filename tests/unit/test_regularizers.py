"""Regularizers compared with formulas, and their factors as hyperparameters."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from lamina import ops, regularizers
from lamina.core.scope import StateScope
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

X = floats(4, 3)


def cosines(x):
    rows = x / np.linalg.norm(x, axis=1, keepdims=True)
    between = np.abs(rows @ rows.T)[np.triu_indices(len(x), 1)]
    return between.mean()


CASES = [
    (regularizers.L1(), 0.01 * np.abs(X).sum()),
    (regularizers.L2(0.5), 0.5 * (X * X).sum()),
    (regularizers.L1L2(0.1, 0.2), 0.1 * np.abs(X).sum() + 0.2 * (X * X).sum()),
    (regularizers.OrthogonalRegularizer(0.3), 0.3 * cosines(X)),
    (regularizers.OrthogonalRegularizer(0.3, "columns"), 0.3 * cosines(X.T)),
]


@pytest.mark.parametrize("regularizer, expected", CASES)
def test_values_follow_the_formula(regularizer, expected):
    for x in (X, Variable(X)):
        np.testing.assert_allclose(regularizer(x), expected, rtol=1e-5)
    assert regularizer(ops.cast(X, "bfloat16")).dtype == "bfloat16"


@pytest.mark.parametrize("regularizer, expected", CASES)
def test_config_round_trip_preserves_the_config(regularizer, expected):
    config = json.loads(json.dumps(regularizers.serialize(regularizer)))
    assert config["module"] == "keras.regularizers"
    np.testing.assert_allclose(regularizers.deserialize(config)(X), expected, rtol=1e-5)


def test_get_accepts_names_configs_and_objects():
    for name, factors in [
        ("l1", {"l1": 0.01}),
        ("L2", {"l2": 0.01}),
        ("l1_l2", {"l1": 0.0, "l2": 0.0}),
        ({"class_name": "L1", "config": {"l1": 0.5}}, {"l1": 0.5}),
    ]:
        assert regularizers.get(name).get_config() == factors
    assert regularizers.l2(0.1).l2 == 0.1
    assert regularizers.get(None) is None


def test_changed_factors_do_not_recompile():
    l2 = regularizers.L2(0.5)

    @jax.jit
    def penalty(factor, x):
        with StateScope(hyperparameters={(id(l2), "l2"): factor}):
            return l2(x)

    assert [float(penalty(f, np.ones(4))) for f in (1.0, 2.0)] == [4.0, 8.0]
    assert penalty._cache_size() == 1


def test_invalid_factors_are_refused():
    for bad in (-1, float("nan"), "0.1"):
        with pytest.raises(ArgumentError, match="L2: `l2` must be"):
            regularizers.L2(bad)
    with pytest.raises(ShapeError, match="needs a matrix"):
        regularizers.OrthogonalRegularizer()(np.ones(3))
