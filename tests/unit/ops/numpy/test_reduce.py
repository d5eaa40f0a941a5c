"""Reductions whose kernel depends on the length of the axis."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import ops
from lamina.errors import ShapeError
from lamina.ops.kernels import table

NAN, INF = np.nan, np.inf


@jax.jit
def argmax_of_rows(x):
    return ops.argmax(x, -1)


@pytest.mark.parametrize("length", [3, 64, 300])
@pytest.mark.parametrize(
    ("values", "index"),
    [
        ({}, 0),
        ({1: 5, 2: 5}, 1),
        ({2: NAN, 1: 9}, 2),
        ({1: NAN, 2: NAN}, 1),
        ({0: -INF, 2: INF}, 2),
        ({0: -1, 1: -2}, 2),
        ({...: -INF}, 0),
        ({...: NAN}, 0),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_argmax_returns_the_first_maximum_or_nan(values, index, length, dtype):
    x = np.zeros((2, length), "float32")
    for where, value in values.items():
        x[1, where] = value
    x = x.astype(jnp.dtype(dtype))
    found = argmax_of_rows(x)
    assert found.dtype == "int32"
    assert found.tolist() == [0, index]
    assert ops.argmax(x, 1, keepdims=True).tolist() == [[0], [index]]


def test_kernel_of_argmax_depends_on_length_and_axis():
    def kernel(shape, axis, dtype="float32"):
        with table.recording() as found:
            ops.argmax(np.zeros(shape, dtype), axis)
        return [choice.kernel for choice in found]

    assert kernel((2, 64), -1) == kernel((2, 64), 1) == ["index_of_maximum"]
    assert kernel((2, 63), -1) == kernel((2, 64), -1, "int32") == ["reference"]
    assert kernel((64, 2), 0) == kernel((64,), None) == []


@pytest.mark.parametrize(
    ("function", "axis"), [(ops.sum, 1), (ops.mean, (0, 2)), (ops.argmax, -2)]
)
def test_axis_that_does_not_exist_is_refused(function, axis):
    message = rf"{function.__name__}: .* \(3,\) has no axis"
    with pytest.raises(ShapeError, match=message):
        function(np.zeros(3), axis)
