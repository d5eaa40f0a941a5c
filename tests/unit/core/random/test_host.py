"""Draws on the host are those of `jax.random`."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina.core.random import host as host_random

KEYS = [(0, 0), (7, 1), (0xFFFFFFFF, 0x12345678)]
SHAPES = [(), (1,), (17, 9), (3, 20000)]


def on_device(draw, key, *args):
    return np.asarray(draw(np.array(key, np.uint32), *args))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", KEYS)
def test_samples_are_the_same_to_rounding(key, shape):
    expected = on_device(jax.random.uniform, key, shape, "float32", -0.3, 0.7)
    got = host_random.uniform(key, shape, -0.3, 0.7)
    assert got.shape == shape and got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
    expected = on_device(jax.random.normal, key, shape)
    np.testing.assert_allclose(host_random.normal(key, shape), expected, atol=1e-4)
    expected = on_device(jax.random.truncated_normal, key, -2.0, 2.0, shape)
    got = host_random.truncated_normal(key, shape)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.all(abs(got) < 2)
