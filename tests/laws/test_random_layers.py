"""Layers that draw numbers: idle in inference, right in the mean, never the same
twice, and the same again from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from tests.tables.arrays import floats
from tests.tables.cases import named
from tests.tables.layers import LAYERS

RANDOM = named(case for case in LAYERS if "random" in case.traits)
RATE = 0.4
# What one draw decides about: a value, or all of a channel.
DROPOUTS = [
    pytest.param("Dropout", (200, 50), (), id="each value"),
    pytest.param("SpatialDropout1D", (200, 4, 50), (1,), id="channels of sequences"),
    pytest.param("SpatialDropout2D", (200, 3, 2, 50), (1, 2), id="channels of images"),
]


def draw(layer, x):
    return np.asarray(layer(x, training=True))


@pytest.mark.parametrize("case", RANDOM)
def test_noise_layers_are_identities_in_inference(case):
    layer = case.make(lamina)
    np.testing.assert_array_equal(layer(case.argument, training=False), case.argument)
    if "augments" not in case.traits:
        np.testing.assert_array_equal(layer(case.argument), case.argument)


@pytest.mark.parametrize("case", RANDOM)
def test_calls_differ_and_seeds_repeat(case):
    layer, twin = case.make(lamina), case.make(lamina)
    first, second = draw(layer, case.argument), draw(layer, case.argument)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draw(twin, case.argument), first)
    np.testing.assert_array_equal(draw(twin, case.argument), second)


@pytest.mark.parametrize(("kind", "shape", "shared_axes"), DROPOUTS)
def test_dropout_drops_its_rate_and_keeps_the_mean(kind, shape, shared_axes):
    x = floats(*shape, low=0.5, high=1.5)
    y = draw(getattr(lamina.layers, kind)(RATE, seed=3), x)
    kept = y != 0
    np.testing.assert_allclose(y[kept], (x / (1 - RATE))[kept], rtol=1e-6)
    assert abs(kept.mean() - (1 - RATE)) < 0.02  # four deviations of 10,000 draws
    if shared_axes:
        assert np.array_equal(kept.all(shared_axes), kept.any(shared_axes))


def test_dropout_draws_once_for_axes_of_one():
    layer = lamina.layers.Dropout(RATE, noise_shape=(None, 1, 50), seed=3)
    kept = draw(layer, np.ones((200, 4, 50), "float32")) != 0
    assert np.array_equal(kept.all(1), kept.any(1))
    assert abs(kept.mean() - (1 - RATE)) < 0.02


def test_gaussian_noise_has_its_deviation():
    x = floats(200, 50)
    noise = draw(lamina.layers.GaussianNoise(0.3, seed=3), x) - x
    assert abs(noise.mean()) < 0.012  # four deviations of 10,000 draws
    assert abs(noise.std() - 0.3) < 0.009


def test_dropout_of_everything_and_of_nothing():
    x = floats(5, 3)
    np.testing.assert_array_equal(draw(lamina.layers.Dropout(0.0), x), x)
    np.testing.assert_array_equal(draw(lamina.layers.Dropout(1.0), x), x * 0)


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_recurrent_dropout_draws_in_training_only(kind, option):
    layer = getattr(lamina.layers, kind)(4, seed=3, **{option: 0.5})
    x = floats(6, 5, 3)
    np.testing.assert_array_equal(layer(x), layer(x, training=False))
    first, second = draw(layer, x), draw(layer, x)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, layer(x))
