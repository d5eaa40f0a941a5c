"""Code that needs the value of a tensor is told what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import lamina
from lamina import layers, ops

CASES: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "if": (
        lambda x: x if ops.sum(x) > 0 else -x,
        jax.errors.TracerBoolConversionError,
        "ops.where",
    ),
    "and": (
        lambda x: ops.sum(x) > 0 and x,
        jax.errors.TracerBoolConversionError,
        "ops.cond",
    ),
    "float": (
        lambda x: x * float(x[0, 0]),
        jax.errors.ConcretizationTypeError,
        "the tensor itself",
    ),
    "index": (
        lambda x: x * [1.0, 2.0][ops.argmax(x[0])],
        jax.errors.TracerIntegerConversionError,
        "ops.take",
    ),
    "numpy": (
        lambda x: np.exp(x),
        jax.errors.TracerArrayConversionError,
        "`ops.exp` for `np.exp`",
    ),
    "mask": (
        lambda x: x[x > 0],
        jax.errors.NonConcreteBooleanIndexError,
        "ops.where",
    ),
}


class Custom(layers.Layer):
    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("where", ["functional model", "fit"])
def test_message_names_the_function_to_use(name: str, where: str):
    function, kind, advice = CASES[name]
    with pytest.raises(kind) as caught:
        if where == "functional model":
            Custom(function)(layers.Input((4,)))
        else:
            model = lamina.Sequential([Custom(function), layers.Dense(1)])
            model.compile("sgd", "mse")
            model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    assert "the code is compiled before it runs" in str(caught.value)
    assert advice in str(caught.value)
    assert "Custom" in "".join(caught.value.__notes__)


def test_layer_without_return_is_named():
    with pytest.raises(TypeError, match="`call` returned None.*`return`"):
        Custom(lambda x: None)(layers.Input((4,)))
