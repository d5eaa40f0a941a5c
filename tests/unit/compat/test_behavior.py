"""Behavior of layers and tensors in Keras 1 and 2."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina import layers
from lamina.compat.defaults import Release, use
from lamina.errors import DataError, LikelyMistakeWarning


def test_calls_of_a_layer_have_inputs_and_outputs():
    a, b = layers.Input((3,)), layers.Input((4, 3))
    layer = layers.Dense(2)
    with pytest.raises(AttributeError, match="output_shape"):
        _ = layer.output_shape
    x, y = layer(a), layer(b)
    assert layer.get_output_at(0) is x and layer.get_output_at(1) is y
    assert layer.get_input_at(1) is b
    assert layer.get_output_shape_at(1) == (None, 4, 2)
    assert (layer.input_shape, layer.output_shape) == ((None, 3), (None, 2))
    assert x._keras_shape == (None, 2) and x._keras_history[0] is layer
    assert x.get_shape().as_list() == [None, 2] and y.get_shape().ndims == 3
    assert np.ones(3).shape == layer(np.ones((3, 3))).get_shape()[:1]


def test_kernels_of_theano_have_the_filters_first():
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 5)).astype("float32")
    kernel = np.zeros((2, 3, 3, 3), "float32")
    kernel[0, 1, 1, 1] = kernel[1, 2, 0, 0] = 1
    with use(Release.KERAS_1):
        layer = layers.Conv2D(2, 3, 3, dim_ordering="th", weights=[kernel, np.ones(2)])
        y = layer(x)
        assert_allclose(layer.get_weights()[0], kernel)
    assert_allclose(y, 1 + np.stack([x[:, 1, 1:4, 1:4], x[:, 2, :3, :3]], 1), rtol=1e-6)
    assert layer.get_weights()[0].shape == (3, 3, 3, 2)


def test_gradients_within_a_function_of_symbolic_tensors():
    from keras import backend as K

    x = layers.Input((4, 4, 1))
    y = layers.MaxPooling2D()(x)
    where = layers.Lambda(lambda xs: K.gradients(K.sum(xs[1]), xs[0]))([x, y])
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    (found,) = K.function([x], [where])([image])
    expected = np.zeros((4, 4))
    expected[1::2, 1::2] = 1
    assert_allclose(found[0, ..., 0], expected)


def test_unknown_indices_of_an_embedding_are_zeros_in_old_programs():
    from keras.models import Sequential

    model = Sequential([layers.Embedding(3, 2, input_length=1)])
    model.compile("sgd", "mse")
    x = np.array([[1], [3]])
    with use(Release.KERAS_1):
        with pytest.warns(LikelyMistakeWarning, match="input_dim=3"):
            model.fit(x, np.ones((2, 1, 2)), nb_epoch=1, verbose=0)
        assert (model.predict(x)[1] == 0).all() and (model.predict(x)[0] != 0).all()
    with pytest.raises(DataError, match="input_dim=3"):
        model.fit(x, np.ones((2, 1, 2)), verbose=0)
