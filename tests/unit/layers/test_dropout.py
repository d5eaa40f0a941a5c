"""Dropout and noise layers: fractions, shared masks, and rates without recompiling."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import layers
from lamina.core.scope import StateScope

ONES = np.ones((4000, 5), "float32")


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    y = np.asarray(layers.Dropout(rate, seed=3)(ONES, training=True))
    assert abs((y == 0).mean() - rate) < 0.02
    assert abs(y.mean() - 1.0) < 0.1
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-6)


def test_two_calls_differ_and_equal_seeds_agree():
    one, two = layers.Dropout(0.5, seed=3), layers.Dropout(0.5, seed=3)
    first, second = (one(ONES, training=True) for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(first, two(ONES, training=True))


def test_everything_can_be_dropped_with_a_finite_gradient():
    layer = layers.Dropout(1.0)

    def total(x):
        return layer(x, training=True).sum()

    assert float(total(ONES)) == 0.0
    np.testing.assert_array_equal(jax.grad(total)(jnp.asarray(ONES)), 0 * ONES)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (layers.Dropout(0.5, seed=1), "rate"),
        (layers.GaussianNoise(0.5, seed=1), "stddev"),
        (layers.GaussianDropout(0.5, seed=1), "rate"),
        (layers.AlphaDropout(0.5, seed=1), "rate"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_strength_can_be_an_input_of_a_program(layer, name):
    traces = []

    @jax.jit
    def run(x, strength):
        traces.append(1)
        with StateScope(hyperparameters={(id(layer), name): strength}):
            return layer(x, training=True)

    weak, strong = run(ONES, 0.01), run(ONES, 0.5)
    assert len(traces) == 1
    assert np.std(weak) < np.std(strong)


def test_strength_of_zero_draws_nothing():
    layer = layers.GaussianNoise(0.0)
    before = layer.seed_generator.state.numpy()
    np.testing.assert_array_equal(layer(ONES, training=True), ONES)
    np.testing.assert_array_equal(layer.seed_generator.state.numpy(), before)


@pytest.mark.parametrize(
    ("layer", "shape", "shared"),
    [
        (layers.SpatialDropout1D(0.5), (4, 6, 8), (1,)),
        (layers.SpatialDropout2D(0.5), (4, 6, 5, 8), (1, 2)),
        (layers.SpatialDropout2D(0.5, "channels_first"), (4, 8, 6, 5), (2, 3)),
        (layers.SpatialDropout3D(0.5), (4, 3, 2, 5, 8), (1, 2, 3)),
        (layers.Dropout(0.5, noise_shape=(None, 1, None)), (4, 6, 8), (1,)),
    ],
)
def test_whole_channels_are_dropped(layer, shape, shared):
    y = np.asarray(layer(np.ones(shape), training=True))
    np.testing.assert_array_equal(
        y, np.broadcast_to(y.max(shared, keepdims=True), shape)
    )
    assert 0 < (y == 0).mean() < 1


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(20000,)).astype("float32")
    y = np.asarray(layers.AlphaDropout(0.3, seed=1)(x, training=True))
    assert abs(y.mean()) < 0.03
    assert abs(y.std() - 1) < 0.03
