"""A small variable is printed with its values."""

from __future__ import annotations

import jax
import numpy as np

import lamina
from lamina import Variable


def test_small_variables_show_their_values():
    variable = Variable([[1.0, 2.0], [3.0, 4.0]], name="kernel")
    text = "path=kernel, shape=(2, 2), dtype=float32, value=[[1., 2.], [3., 4.]]"
    assert repr(variable) == f"<Variable {text}>"


def test_large_variables_show_no_values():
    variable = Variable(np.zeros((30, 30)), name="kernel")
    assert repr(variable) == "<Variable path=kernel, shape=(30, 30), dtype=float32>"


def test_variables_in_a_trace_show_no_values():
    layer = lamina.layers.Dense(2)
    layer.build((None, 2))
    texts = []

    class Prints(lamina.Model):
        def call(self, inputs):
            texts.append(repr(layer.kernel))
            return layer(inputs)

    Prints()(np.ones((1, 2), "float32"))
    assert all("value" not in text for text in texts)


def test_deleted_variables_can_be_printed():
    variable = Variable([1.0], name="freed")
    jax.tree.map(lambda array: array.delete(), variable.raw)
    assert repr(variable) == "<Variable path=freed, shape=(1,), dtype=float32>"


def test_layers_show_functions_and_layers_inside():
    inner = lamina.layers.Dense(2, name="inner")
    wrapped = lamina.layers.TimeDistributed(inner, name="outer")
    shown = "layer=Dense(units=2, name='inner'), name='outer'"
    assert repr(wrapped) == f"TimeDistributed({shown})"
    mapped = lamina.layers.Lambda(np.negative, name="mapped")
    assert " at 0x" not in repr(mapped)
