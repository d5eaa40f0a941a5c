"""Power iterations of spectral normalization."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError
from tests.tables.arrays import floats

ROWS = floats(5, 3)


def unit(x):
    return x / np.linalg.norm(x)


def test_training_normalizes_the_kernel():
    layer = layers.SpectralNormalization(layers.Conv1D(4, 2), power_iterations=3)
    sequences = floats(2, 5, 3)
    layer.build(sequences.shape)
    kernel, u = layer.kernel.numpy(), layer.vector_u.numpy()
    matrix = kernel.reshape(-1, 4)
    for _ in range(3):
        v = unit(u @ matrix.T)
        u = unit(v @ matrix)
    sigma = (v @ matrix @ u.T).item()
    layer(sequences)
    np.testing.assert_array_equal(layer.kernel, kernel)
    layer(sequences, training=True)
    np.testing.assert_allclose(layer.vector_u, u, rtol=1e-4)
    np.testing.assert_allclose(layer.layer.kernel, kernel / sigma, rtol=1e-4)


def test_kernel_of_zeros_stays():
    layer = layers.SpectralNormalization(layers.Dense(4, kernel_initializer="zeros"))
    layer.build((None, 3))
    before = layer.get_weights()
    assert not np.asarray(layer(ROWS, training=True)).any()
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_norm_approaches_one_in_fit(dtype):
    layer = layers.SpectralNormalization(
        layers.Dense(4, dtype=dtype), power_iterations=5, dtype=dtype
    )
    model = lamina.Sequential([layers.Input((3,)), layer])
    model.compile(lamina.optimizers.SGD(1e-4), "mse")
    model.fit(ROWS, np.ones((5, 4)), epochs=3, verbose=0)
    norm = np.linalg.norm(layer.kernel.numpy(), 2)
    np.testing.assert_allclose(norm, 1.0, atol=0.02)


def test_layer_without_a_kernel_is_refused():
    with pytest.raises(ArgumentError, match="kernel"):
        layers.SpectralNormalization(layers.ReLU())(ROWS)
