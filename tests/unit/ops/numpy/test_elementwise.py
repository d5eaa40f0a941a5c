"""Element-wise functions whose results NumPy has in other types."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError


def test_nextafter_returns_the_neighbour():
    x = np.array([1.0, 0.0, -2.0], "float32")
    got = ops.nextafter(x, np.float32(np.inf))
    np.testing.assert_array_equal(got, np.nextafter(x, np.float32(np.inf)))


def test_exponent_of_floats_is_an_error():
    with pytest.raises(ArgumentTypeError, match="ldexp: `x2` must be integers"):
        ops.ldexp([1.0], [2.0])


def test_vectorize_applies_a_function_to_elements():
    scale = ops.vectorize(lambda x, y: x * y, excluded={1})
    assert scale(Variable([1.0, 2.0]), 3).tolist() == [3, 6]
    dot = ops.vectorize(ops.dot, signature="(n),(n)->()")
    assert dot(np.ones((2, 3)), np.arange(3.0)).tolist() == [3, 3]
    with pytest.raises(ArgumentError, match="`pyfunc` must be a function"):
        ops.vectorize(3)
