"""`InputLayer`: arguments that agree or contradict each other."""

from __future__ import annotations

import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError


def test_input_tensor_is_the_output():
    tensor = lamina.KerasTensor((2, 3), "float16")
    layer = layers.InputLayer(
        shape=(3,), batch_size=2, dtype="float16", sparse=False, input_tensor=tensor
    )
    assert layer.output is tensor
    assert (layer.batch_shape, layer.dtype) == ((2, 3), "float16")
    assert (layer.sparse, layer.ragged, layer.call()) == (False, False, None)


@pytest.mark.parametrize(
    "argument",
    [
        {"shape": (4,)},
        {"batch_shape": (2, 4)},
        {"batch_size": 5},
        {"dtype": "float16"},
        {"sparse": True},
    ],
    ids=str,
)
def test_arguments_that_contradict_the_input_tensor_are_refused(argument):
    tensor = lamina.KerasTensor((2, 3))
    with pytest.raises(ArgumentError, match=f"`{next(iter(argument))}` must be"):
        layers.InputLayer(input_tensor=tensor, **argument)


def test_batch_size_is_given_once():
    with pytest.raises(ArgumentError, match="Remove `batch_size`"):
        layers.InputLayer(batch_size=4, batch_shape=(2, 3))
