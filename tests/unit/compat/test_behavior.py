"""Behavior of layers and tensors in Keras 1 and 2."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina import layers, models
from lamina.compat.defaults import Release, use
from lamina.errors import (
    DataError,
    FileFormatError,
    LikelyMistakeWarning,
    ShapeError,
)
from lamina.layers.base.shapes import call_names


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
    assert y.shape == (None, 4, 2) and y.shape.as_list() == [None, 4, 2]


def test_input_of_the_first_layer_is_that_of_the_model():
    x = layers.Input((3,))
    model = models.Model(x, layers.Dense(2)(x))
    assert model.layers[0].input is x


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


@pytest.mark.parametrize("is_sequential", [True, False])
def test_last_layer_is_removed_from_the_list_of_layers(is_sequential):
    x = np.ones((2, 3), "float32")
    stack = [layers.Dense(n, name=f"of_{n}") for n in (4, 5, 6)]
    tensor = inputs = layers.Input((3,))
    for layer in stack:
        tensor = layer(tensor)
    made = models.Model(inputs, tensor)
    model = models.Sequential([inputs, *stack]) if is_sequential else made
    expected = models.Model(inputs, stack[1].output).predict(x)
    model.layers.pop()
    assert model.layers[-1] is stack[2]
    with use(Release.KERAS_2_2):
        model.layers.pop()
        assert model.layers[-1] is stack[1] and model.output_shape == (None, 6)
        model.outputs = [model.layers[-1].output]
        assert model.output_shape == (None, 5) and len(model.get_weights()) == 4
        assert_allclose(model.predict(x), expected)
        if is_sequential:
            model.add(layers.Dense(2))
            assert model.predict(x).shape == (2, 2)


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


@pytest.mark.parametrize(("mode", "axis"), [(1, 1), (2, 0)])
def test_modes_of_batch_normalization_use_the_values_of_the_call(mode, axis):
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    layer = layers.BatchNormalization(mode=mode, epsilon=0.1)
    layer(x)
    gamma, beta = np.arange(4.0), np.ones(4)
    layer.set_weights([gamma, beta, *layer.get_weights()[2:]])
    layer.trainable = False
    expected = (x - x.mean(axis, keepdims=True)) / np.sqrt(
        x.var(axis, keepdims=True) + 0.1
    )
    for training in (False, True):
        found = layer(x, training=training)
        assert_allclose(found, expected * gamma + beta, rtol=1e-4, atol=1e-5)
    plain = layers.BatchNormalization(mode=0)
    assert_allclose(plain(x), x / np.sqrt(1.001), rtol=1e-4)


def test_dropout_of_an_embedding_drops_words():
    layer = layers.Embedding(100, 2, init="one", dropout=0.5)
    words = np.arange(100).repeat(2).reshape(1, 200)
    assert (np.asarray(layer(words)) == 1).all()
    found = np.asarray(layer(words, training=True)).reshape(100, 4)
    assert set(np.unique(found)) == {0, 2}
    assert (found == found[:, :1]).all()


def test_models_of_configs_and_yaml():
    from keras.models import Model, Sequential, model_from_yaml

    model = Sequential([layers.Dense(2, input_dim=3)])
    for copy in (
        Model.from_config(model.get_config()),
        Sequential.from_config(model.get_config()),
        model_from_yaml(model.to_yaml()),
    ):
        assert isinstance(copy, Sequential) and copy.output_shape == (None, 2)
    x = layers.Input((3,))
    copy = Model.from_config(Model(x, layers.Dense(2)(x)).get_config())
    assert copy.output_shape == (None, 2)
    with pytest.raises(FileFormatError, match="yaml.safe_load"):
        model_from_yaml("class_name: Model")


def _copies(model):
    from keras.models import Model, model_from_json

    yield Model.from_config(model.get_config())
    yield model_from_json(model.to_json())
    yield type(model).from_config(model.get_config())


def test_lambdas_of_this_process_are_in_copies_by_config():
    from keras.models import Model, Sequential

    x = layers.Input((3,))
    # Functions of the same code with other values in their closures.
    parts = [layers.Lambda(lambda v, k=k: (lambda u: u * k)(v))(x) for k in (2, 5)]
    graph = Model(x, layers.Concatenate()(parts))
    stack = Sequential([layers.Lambda(lambda v: v + 1, input_shape=(3,))])
    stack.add(layers.Dense(6, activation=lambda v: v**2))
    rows = np.arange(6.0).reshape(2, 3)
    for model in (graph, stack):
        for copy in _copies(model):
            copy.set_weights(model.get_weights())
            assert_allclose(copy.predict(rows), model.predict(rows))


def test_lambdas_of_other_processes_are_refused():
    from keras.models import Sequential, model_from_json

    model = Sequential([layers.Lambda(lambda v: v + 1, input_shape=(3,))])
    text = model.to_json()
    layer = json.loads(text)["config"]["layers"][-1]
    key = layer["config"]["function"]["config"]["key"]
    for other in ("0" * len(key), "", "<lambda>"):
        with pytest.raises(FileFormatError, match="never runs code"):
            model_from_json(text.replace(key, other))


def test_models_are_called_on_tensors_of_any_rank_until_2_3():
    from keras.models import Model, Sequential

    inner = Sequential([layers.Dense(4, input_dim=3), layers.Reshape((2, 2))])
    x = layers.Input((1, 3))
    with pytest.raises(ShapeError, match=r"Received: shape \(None, 1, 3\)"):
        inner(x)
    with use(Release.KERAS_2_3):
        model = Model(x, inner(x))
        rows = np.ones((5, 1, 3), "float32")
        assert_allclose(model.predict(rows), inner.predict(rows[:, 0]), rtol=1e-6)
        with pytest.raises(ShapeError, match="Received"):
            inner.predict(rows.reshape(1, 1, 5, 3))


def test_symbolic_text_is_sliced_and_joined_on_the_host():
    import tensorflow as tf

    x, y = layers.Input((), dtype=tf.string), layers.Input((1,), dtype=tf.string)
    words = tf.strings.lower(tf.concat([x[:, tf.newaxis], y], axis=1))
    assert (words.shape, words.dtype) == ((None, 2), "string")
    column = tf.reshape(tf.expand_dims(tf.squeeze(y, 1), 1), [-1, 1])
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    model = tf.keras.Model([x, y], [lookup(words), lookup(column)])
    found = model.predict([np.array(["A", "c"]), np.array([["b"], ["a"]])])
    assert_allclose(found[0], [[1, 2], [0, 1]])
    assert_allclose(found[1], [[2], [1]])


@pytest.mark.parametrize(
    ("cls", "wanted"),
    [
        (layers.BatchNormalization, ["inputs", "training", "mask"]),
        (layers.Embedding, ["inputs"]),
        (layers.Attention, ["inputs", "mask", "training", "return_attention_scores"]),
    ],
)
def test_calls_of_layers_have_the_arguments_of_the_library(cls, wanted):
    assert call_names(cls)[: len(wanted)] == wanted


def test_batch_normalization_learns_its_statistics():
    model = models.Sequential([layers.BatchNormalization(input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.array([[5.0, 1.0], [7.0, 1.0]])
    model.fit(x, x, verbose=0)
    assert model.layers[0].get_weights()[2][0] > 0.05


def test_class_weight_as_text_has_no_effect():
    x, y = np.ones((4, 2), "float32"), np.array([0, 1, 1, 1])
    losses = []
    for options in ({}, {"class_weight": "auto"}):
        model = models.Sequential(
            [layers.Input((2,)), layers.Dense(1, kernel_initializer="ones")]
        )
        model.compile("sgd", "mse")
        losses.append(model.fit(x, y, verbose=0, **options).history["loss"])
    assert losses[0] == losses[1]
