"""Layers of Keras 1 and 2 that Keras 3 does not have."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina.compat.defaults import Release, use
from lamina.compat.keras import advanced_activations, layers, local
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.layers import Layer

RNG = np.random.default_rng(0)


def randomized(layer, x: np.ndarray) -> list[np.ndarray]:
    layer(x)
    weights = [RNG.normal(size=w.shape).astype("float32") for w in layer.weights]
    layer.set_weights(weights)
    return weights


def test_locally_connected_multiplies_each_window_by_its_kernel():
    x = RNG.normal(size=(2, 5, 4, 3)).astype("float32")
    layer = local.LocallyConnected2D(6, (2, 3), strides=(2, 1))
    kernel, bias = randomized(layer, x)
    expected = np.empty((2, 2, 2, 6))
    for row in range(2):
        for column in range(2):
            window = x[:, 2 * row : 2 * row + 2, column : column + 3].reshape(2, -1)
            expected[:, row, column] = window @ kernel[2 * row + column]
    assert_allclose(layer(x), expected + bias, rtol=1e-4, atol=1e-5)


def test_locally_connected_of_one_axis():
    x = RNG.normal(size=(2, 5, 3)).astype("float32")
    layer = local.LocallyConnected1D(4, 3, activation="relu")
    kernel, bias = randomized(layer, x)
    values = [x[:, i : i + 3].reshape(2, -1) @ kernel[i] for i in range(3)]
    assert_allclose(layer(x), np.maximum(np.stack(values, 1) + bias, 0), rtol=1e-4)
    with pytest.raises(ArgumentError, match="only padding='valid'"):
        local.LocallyConnected1D(4, 3, padding="same")


def test_locally_connected_takes_penalties_and_sizes_of_keras_1():
    x = np.ones((1, 4, 4, 1), "float32")
    with use(Release.KERAS_1):
        layer = local.LocallyConnected2D(
            2, 3, 3, init="one", W_regularizer=layers.regularizers.L2(0.5)
        )
    assert_allclose(layer(x), np.full((1, 2, 2, 2), 9.0))
    assert_allclose(layer.losses, [0.5 * 4 * 9 * 2])


def test_maxout_is_the_largest_of_linear_functions():
    x = RNG.normal(size=(2, 3)).astype("float32")
    layer = layers.MaxoutDense(2, nb_feature=3)
    kernel, bias = randomized(layer, x)
    assert_allclose(layer(x), (x @ kernel + bias[:, None]).max(0), rtol=1e-4)


def test_highway_mixes_by_its_gate():
    x = RNG.normal(size=(2, 3)).astype("float32")
    layer = layers.Highway(activation="tanh")
    weights = randomized(layer, x)
    (gate_kernel, gate_bias), (kernel, bias) = weights[:2], weights[2:]
    gate = 1 / (1 + np.exp(-(x @ gate_kernel + gate_bias)))
    expected = gate * np.tanh(x @ kernel + bias) + (1 - gate) * x
    assert_allclose(layer(x), expected, rtol=1e-4)


@pytest.mark.parametrize("cls", [layers.MaxoutDense, layers.Highway])
def test_weights_of_keras_1_have_penalties_and_constraints(cls):
    options = {"W_regularizer": "l2", "b_regularizer": "l1", "W_constraint": "nonneg"}
    sizes = {"output_dim": 3} if cls is layers.MaxoutDense else {}
    layer = cls(**sizes, b_constraint="unitnorm", init="one", **options)
    layer(np.ones((2, 3), "float32"))
    assert len(layer.losses) == 2
    assert [w.constraint is not None for w in layer.weights].count(True) == 2
    layer = cls(**sizes, bias=False)
    layer(np.ones((2, 3), "float32"))
    assert not any("bias" in w.path or w.ndim < 2 for w in layer.weights)


X = np.array([[-3.0, -1.0, 0.5, 1.0, 4.0]], "float32")
# Layer, weights, and its outputs for `X`.
ACTIVATIONS = [
    (advanced_activations.ThresholdedReLU(0.7), None, [0, 0, 0, 1, 4]),
    (
        advanced_activations.ParametricSoftplus(0.5, 2.0, shared_axes=1),
        None,
        0.5 * np.log1p(np.exp(2 * X[0])),
    ),
    (
        advanced_activations.SReLU(shared_axes=[1]),
        [[-2.0], [0.1], [-3.0], [0.5]],
        [-2 + 0.1 * -1, -1, 0.5, 1, 1 + 0.5 * 3],
    ),
]


@pytest.mark.parametrize(
    ("layer", "weights", "expected"),
    ACTIVATIONS,
    ids=[type(layer).__name__ for layer, _, _ in ACTIVATIONS],
)
def test_activations_that_are_layers(layer, weights, expected):
    layer(X)
    if weights is not None:
        layer.set_weights([np.array(w, "float32") for w in weights])
    assert_allclose(layer(X)[0], expected, rtol=1e-5)


def test_merge_applies_a_mode_or_a_function():
    a, b = layers.Input((2,)), layers.Input((2,))
    x, y = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    cosine = 11 / np.sqrt(5 * 25)
    expected = {
        "sum": [4, 6],
        "mul": [3, 8],
        "ave": [2, 3],
        "max": [3, 4],
        "concat": [1, 2, 3, 4],
        "dot": [11],
        "cos": [cosine],
    }
    for mode, values in expected.items():
        model = layers.Model([a, b], layers.merge([a, b], mode=mode))
        assert_allclose(model([x, y]), [values], rtol=1e-5)
    difference = layers.merge([a, b], mode=lambda xs: xs[0] - xs[1])
    assert_allclose(layers.Model([a, b], difference)([x, y]), x - y)


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_attention_that_is_always_causal(name):
    import keras

    x = RNG.normal(size=(1, 3, 4)).astype("float32")
    made = getattr(keras.layers, name)
    layer, plain = made(causal=True), made(causal=False)
    plain([x, x])
    plain.set_weights(randomized(layer, [x, x]))
    assert_allclose(layer([x, x]), plain([x, x], use_causal_mask=True), rtol=1e-5)
    assert not np.allclose(layer([x, x]), plain([x, x]))


def test_weights_are_added_by_either_name():
    import keras

    layer = keras.layers.Layer()
    weight = layer.add_variable("w", [3, 2])
    assert weight.shape == (3, 2) and weight in layer.trainable_weights
    assert layer.add_variable((2,), "zeros").shape == (2,)


def test_arguments_that_keras_2_ignored():
    import keras

    layer = keras.layers.DepthwiseConv2D(2, kernel_initializer="he_normal")
    assert layer.get_config()["depthwise_initializer"] is not None
    assert keras.utils.to_categorical([1], 2, dtype="int32").tolist() == [[0, 1]]
    loss = keras.losses.MeanSquaredError(reduction=keras.losses.Reduction.NONE)
    assert loss([[1.0], [2.0]], [[0.0], [0.0]]).shape == (2,)
    assert keras.losses.MeanSquaredError("auto").reduction == "sum_over_batch_size"


def test_scaled_loss_of_a_loop():
    import tensorflow as tf

    inner = tf.keras.optimizers.SGD(1.0)
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(inner)
    variable = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        loss = optimizer.get_scaled_loss(variable * variable)
    gradients = optimizer.get_unscaled_gradients(tape.gradient(loss, [variable]))
    optimizer.apply_gradients(zip(gradients, [variable], strict=True))
    assert float(variable) == pytest.approx(1 - 2)


class Scale(Layer):
    """Layer of Keras 1, which lists its weights."""

    def build(self, input_shape):
        self.scale, self.offset = Variable([2.0]), Variable([1.0])
        self.trainable_weights = [self.scale]

    def call(self, x, mask=None):
        return self.scale * x + self.offset


def test_layers_list_the_weights_that_are_trained():
    layer = Scale()
    assert_allclose(layer(np.ones((1, 1))), [[3.0]])
    assert layer.trainable_weights == [layer.scale]
    assert layer.non_trainable_weights == [layer.offset]
    layer.non_trainable_weights = [layer.scale]
    assert layer.trainable_weights == []
