"""Shapes that are not known in full, as Keras 3.15.1 works them out."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers, ops

LAYERS = [
    ((4, 6), (-1,), (None, 24)),
    ((4, 6), (8, -1), (None, 8, 3)),
    ((None, 6), (-1,), (None, None)),
    ((None, 6), (-1, 2, 3), (None, None, 2, 3)),
    ((None, 4), (2, -1), (None, 2, None)),
    ((None, None, 4), (-1, 4), (None, None, 4)),
    ((None,), (-1, 5), (None, None, 5)),
    ((0, 3), (-1,), (None, 0)),
    ((), (-1,), (None, 1)),
    ((None,), (3, 5), (None, 3, 5)),
    ((None, None), (3, 5), (None, 3, 5)),
    ((None, None, None), (2, 7), (None, 2, 7)),
    ((None,), (None, 5), (None, None, 5)),
]


@pytest.mark.parametrize(("shape", "target", "expected"), LAYERS)
def test_reshape_infers_unknown_sizes(shape, target, expected):
    layer = layers.Reshape(target)
    assert layer(lamina.Input(shape)).shape == expected
    assert layer.compute_output_shape((None, *shape)) == expected


@pytest.mark.parametrize("target", [(-1,), (-1, 3), (8, -1), (24,)])
def test_reshape_accepts_an_empty_batch(target):
    rows = np.zeros((0, 4, 6), "float32")
    some = layers.Reshape(target)(rows[:0].repeat(2, 0)).shape
    assert some == (0, *np.zeros((1, 24)).reshape(1, *target).shape[1:])


FUNCTIONS = [
    (lambda x: ops.reshape(x, (-1, 6)), (-1, 6)),
    (lambda x: ops.reshape(x, (ops.shape(x)[0], 24)), (3, 24)),
    (lambda x: ops.reshape(x, (ops.shape(x)[0], -1)), (3, 24)),
    (lambda x: ops.reshape(x, (ops.shape(x)[0], 2, -1)), (3, 2, 12)),
    (lambda x: ops.reshape(x, (4, ops.shape(x)[0], 6)), (4, 3, 6)),
    (lambda x: ops.reshape(x, -1), (72,)),
    (lambda x: x.reshape((-1, 24)), (3, 24)),
    (lambda x: x[:, :1].squeeze(1), (3, 6)),
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_functions_take_sizes_that_are_not_known_yet(number):
    function, expected = FUNCTIONS[number]
    x = lamina.Input((4, 6))
    model = lamina.Model(x, function(x))
    data = np.arange(72.0, dtype="float32").reshape(3, 4, 6)
    found = np.asarray(model(data))
    wanted = data[:, 0] if expected == (3, 6) else data.reshape(expected)
    np.testing.assert_array_equal(found, wanted)
