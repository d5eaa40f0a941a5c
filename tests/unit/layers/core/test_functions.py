"""Layers around functions: Lambda, Activation, Maxout, and what Input returns."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.core.masks import get_mask
from tests.tables.arrays import floats

X = floats(4, 6)


def test_lambda_passes_the_arguments_that_the_function_has():
    seen = {}

    def function(x, mask, training, factor):
        seen.update(mask=mask, training=training)
        return x * factor

    layer = layers.Lambda(function, arguments={"factor": 3.0})
    np.testing.assert_allclose(layer(X, training=True), X * 3, rtol=1e-6)
    assert seen == {"mask": None, "training": True}


def test_lambda_can_make_a_mask():
    layer = layers.Lambda(lambda x: x, mask=lambda x, previous: x[..., 0] > 0)
    np.testing.assert_array_equal(get_mask(layer(X)), X[:, 0] > 0)


def test_lambda_infers_its_output_shape():
    outer = layers.Lambda(lambda x: x[:, :, None] * x[:, None, :])
    assert outer(layers.Input((7,))).shape == (None, 7, 7)


def test_maxout_of_affine_maps_can_be_any_convex_function():
    kernel = np.array([[1.0, -1.0]])
    absolute = layers.Dense(2)
    absolute.build((None, 1))
    absolute.set_weights([kernel, np.zeros(2)])
    x = floats(20, 1)
    np.testing.assert_allclose(layers.Maxout(2)(absolute(x)), np.abs(x), rtol=1e-6)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_maxout_takes_groups_of_neighbours(axis):
    x = floats(2, 6, 4, 8)
    moved = np.moveaxis(x, axis, -1)
    highest = moved.reshape(*moved.shape[:-1], -1, 2).max(-1)
    y = layers.Maxout(2, axis=axis)(x)
    np.testing.assert_array_equal(y, np.moveaxis(highest, -1, axis))


def test_maxout_behind_a_convolution():
    y = layers.Maxout(2)(layers.Conv2D(8, 3)(layers.Input((9, 9, 1))))
    assert y.shape == (None, 7, 7, 4)


def test_input_has_no_node_and_its_layers_name():
    tensor = layers.Input((3,), batch_size=8, name="rows")
    assert (tensor.name, tensor.shape, tensor.node) == ("rows", (8, 3), None)
    assert layers.Input((3,)).name == "input_layer"
    assert layers.Input((3,)).name == "input_layer_1"
    assert layers.Input(batch_shape=(None, None)).shape == (None, None)
    assert layers.Input((), dtype="int32").dtype == "int32"
