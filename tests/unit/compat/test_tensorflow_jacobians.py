"""Jacobians, gradients of complex numbers, and gradients of functions of users."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], "float32")
W = np.array([[0.1, -0.3], [0.4, 0.2], [-0.5, 0.6]], "float32")


def test_jacobians():
    import tensorflow as tf

    x, w = tf.constant(X), tf.Variable(W)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.tanh(x @ w)
    expected = jax.jit(jax.jacobian(lambda w: jnp.tanh(X @ w)))(W)
    assert_allclose(tape.jacobian(y, w), expected, rtol=1e-5)
    expected = jax.jit(jax.vmap(jax.jacobian(lambda x: jnp.tanh(x @ W))))(X)
    assert_allclose(tape.batch_jacobian(y, x), expected, rtol=1e-5)


def test_jacobians_of_layers():
    import tensorflow as tf

    x = tf.constant(X)
    layer = tf.keras.layers.Dense(2, activation="tanh")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x)
    jacobian = tape.jacobian(y, layer.kernel)
    expected = jax.jit(jax.jacobian(lambda w: jnp.tanh(X @ w)))(layer.kernel.numpy())
    assert_allclose(jacobian, expected, rtol=1e-5, atol=1e-6)
    rows = tape.batch_jacobian(y, x)
    assert_allclose(rows, tape.jacobian(y, x)[[0, 1], :, [0, 1]], rtol=1e-5)


def test_jacobian_for_what_the_target_does_not_depend_on():
    import tensorflow as tf

    x, other = tf.constant(X), tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, other])
        y = x * x
    assert tape.jacobian(y, other) is None
    zeros = tape.jacobian(y, other, unconnected_gradients="zero")
    assert zeros.shape == (2, 3, 2, 3) and not np.any(zeros)
    assert not np.any(tape.batch_jacobian(y, other))


def test_custom_gradient_replaces_the_derivative():
    import tensorflow as tf

    @tf.custom_gradient
    def reversed_gradient(x):
        return x * 1.0, lambda dy: -3.0 * dy

    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = reversed_gradient(x) * 2.0
    assert float(y) == 4.0
    assert float(tape.gradient(y, x)) == -6.0


def test_options_of_a_custom_gradient_have_none():
    import tensorflow as tf

    @tf.custom_gradient
    def scaled(x, factor=1.0):
        return factor * x, lambda dy: 10.0 * dy

    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = scaled(x, factor=tf.constant(4.0))
    assert float(y) == 8.0 and float(tape.gradient(y, x)) == 10.0


# Functions of complex numbers, and their gradients by TensorFlow 2.21 at 1+2j and 3-1j.
COMPLEX = [
    (lambda tf, z: z * z * (1 + 1j), None, [-2 - 6j, 8 - 4j]),
    (lambda tf, z: tf.abs(z) ** 2, None, [2 + 4j, 6 - 2j]),
    (
        lambda tf, z: 2 * tf.math.real(z) + 3 * tf.math.imag(z) ** 2,
        None,
        [2 + 12j, 2 - 6j],
    ),
    (lambda tf, z: tf.exp(z), [1j, 2 + 1j], [2.4717 - 1.1312j, 4.8031 + 44.6551j]),
]


@pytest.mark.parametrize(("function", "weights", "expected"), COMPLEX)
def test_gradient_of_complex_numbers(function, weights, expected):
    import tensorflow as tf

    z = tf.constant([1 + 2j, 3 - 1j], tf.complex64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = function(tf, z)
    seeds = None if weights is None else tf.constant(weights, tf.complex64)
    assert_allclose(tape.gradient(y, z, seeds), expected, atol=1e-3)
