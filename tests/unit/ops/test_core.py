"""Casts to the range of a dtype, and gradients that users define."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable


@pytest.mark.parametrize(
    ("source", "target", "low", "high"),
    [
        ("float32", "uint8", 0, 255),
        ("float32", "int32", -(2**31), 2**31 - 128),
        ("bfloat16", "int16", -(2**15), 2**15 - 128),
        ("float32", "float16", -65504, 65504),
        ("float16", "bool", False, True),
    ],
)
def test_saturate_cast_clips_infinity_to_the_range(source, target, low, high):
    x = ops.convert_to_tensor([-np.inf, 1, np.inf], source)
    got = ops.saturate_cast(x, target)
    assert got.dtype == target and got.tolist() == [low, 1, high]


def test_saturate_cast_of_integers():
    x = ops.convert_to_tensor([-3, 200], "int16")
    assert ops.saturate_cast(x, "uint8").tolist() == [0, 200]
    assert ops.saturate_cast(x, "int8").tolist() == [-3, 127]
    assert ops.saturate_cast([True, False], "int8").tolist() == [1, 0]


@ops.custom_gradient
def triple(x):
    def gradient(*args, upstream=None):
        return 5 * (args[0] if upstream is None else upstream)

    return 3 * x, gradient


def test_custom_gradient_replaces_the_gradient():
    assert float(jax.grad(triple)(2.0)) == 5.0
    assert triple(Variable([2.0])).tolist() == [6.0]
    assert triple(SymbolicTensor((None, 2))).shape == (None, 2)
