"""Names and defaults of activations, and the options of `relu`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from lamina import activations
from lamina.core.custom_objects import register_serializable
from lamina.core.graph import SymbolicTensor
from lamina.errors import UnknownNameError
from tests.tables.arrays import floats

X = floats(3, 4, low=-4.0, high=4.0)
NAMES = sorted(set(activations.__all__) - {"get", "serialize", "deserialize"})


@pytest.mark.parametrize("name", NAMES)
def test_get_finds_activations_by_name(name):
    function = activations.get(name)
    assert function is getattr(activations, name)
    assert activations.deserialize(activations.serialize(function)) is function


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"glu", "threshold"}))
def test_shape_and_dtype_are_preserved(name):
    function = getattr(activations, name)
    assert function(SymbolicTensor((None, 4), "bfloat16")).shape == (None, 4)
    assert function(np.asarray(X, "float16")).dtype == "float16"


def test_none_is_linear():
    assert activations.get(None) is activations.linear
    assert activations.linear(X) is X


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'relu' or 'relu6'"):
        activations.get("relu7")


def test_user_defined_functions_are_accepted():
    def double(x):
        return 2 * x

    assert activations.get(double) is double
    register_serializable("mine")(double)
    config = activations.serialize(double)
    assert config["registered_name"] == "mine>double"
    assert activations.deserialize(config) is double


def test_gelu_is_exact_by_default():
    np.testing.assert_allclose(activations.gelu(X), X * special.ndtr(X), atol=1e-6)
    inner = np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)
    expected = X * (1 + np.tanh(inner)) / 2
    np.testing.assert_allclose(activations.gelu(X, True), expected, atol=1e-6)


def test_exponential_and_mish_follow_the_formula():
    np.testing.assert_allclose(activations.exponential(X), np.exp(X), rtol=1e-6)
    expected = X * np.tanh(np.log1p(np.exp(X)))
    np.testing.assert_allclose(activations.mish(X), expected, atol=1e-6)


@pytest.mark.parametrize("negative_slope", [0.0, 0.3])
@pytest.mark.parametrize("limit", [None, 1.5])
@pytest.mark.parametrize("threshold", [0.0, 0.7])
def test_relu_follows_the_formula(negative_slope, limit, threshold):
    expected = np.where(threshold < X, X, negative_slope * (X - threshold))
    expected = expected if limit is None else np.minimum(expected, limit)
    got = activations.relu(X, negative_slope, limit, threshold)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
