"""Moving statistics, frozen layers, masks and precision."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from tests.tables.arrays import floats

X = floats(64, 3, low=2.0, high=5.0)


def test_moving_statistics_come_to_those_of_the_data():
    layer = layers.BatchNormalization(momentum=0.5)
    for _ in range(40):
        layer(X, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), X.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), X.var(0), rtol=1e-5)
    inference, training = layer(X), layer(X, training=True)
    np.testing.assert_allclose(inference, training, atol=1e-4)


def test_a_frozen_layer_neither_uses_nor_learns_from_the_batch():
    layer = layers.BatchNormalization()
    layer.build(X.shape)
    layer.trainable = False
    np.testing.assert_array_equal(layer(X, training=True), layer(X))
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0.0)


def test_weights_are_in_keras_order():
    layer = layers.BatchNormalization(renorm=True)
    layer.build((None, 3))
    names = [w.name for w in layer.weights]
    assert names[:4] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert names[4:] == ["moving_stddev", "renorm_mean", "renorm_stddev"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_are_computed_in_float32(policy):
    # The squares of these numbers are beyond what float16 can hold.
    x = np.array([[300.0], [500.0]])
    layer = layers.BatchNormalization(momentum=0.0, dtype=policy)
    y = layer(x, training=True)
    assert str(y.dtype) == policy.removeprefix("mixed_")
    assert layer.moving_variance.dtype == "float32"
    np.testing.assert_allclose(layer.moving_variance.numpy(), [10000.0], rtol=1e-2)
    np.testing.assert_allclose(np.asarray(y, "float32"), [[-1], [1]], rtol=1e-2)


def test_hidden_steps_do_not_count():
    x = floats(4, 5, 3)
    mask = np.arange(5) < np.array([[5], [3], [1], [2]])
    spoiled = np.where(mask[..., None], x, 1e6).astype("float32")
    layer = layers.BatchNormalization(momentum=0.0)
    layer(spoiled, training=True, mask=mask)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[mask].mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x[mask].var(0), rtol=1e-4)


def test_renorm_held_to_no_correction_is_plain():
    limits = {"rmin": 1.0, "rmax": 1.0, "dmax": 0.0}
    corrected = layers.BatchNormalization(renorm=True, renorm_clipping=limits)
    plain = layers.BatchNormalization()
    np.testing.assert_allclose(
        corrected(X, training=True), plain(X, training=True), atol=1e-5
    )


def test_momentum_can_change_between_steps():
    layer = layers.BatchNormalization(momentum=0.0)
    layer(X, training=True)
    layer.momentum = 1.0
    layer(X + 100, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), X.mean(0), rtol=1e-5)


def test_a_mean_far_from_zero_does_not_swallow_the_variance():
    x = floats(4096, 3) + np.float32(1000)
    y = np.asarray(layers.BatchNormalization(epsilon=0)(x, training=True))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-4)
