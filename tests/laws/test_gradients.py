"""Gradients agree with finite differences in float64."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.test_util import check_vjp

import lamina
from lamina.config import set_dtype_policy
from tests.oracles.observe import is_float, ready, values
from tests.tables.arrays import floats
from tests.tables.cases import named
from tests.tables.layers import one_of_each

CASES = named(one_of_each(lamina), without={"random", "host", "remembers", "jumps"})


def as_float64(leaf):
    is_float_array = isinstance(leaf, np.ndarray) and is_float(leaf)
    return leaf.astype("float64") if is_float_array else leaf


def check_gradient(function, *arguments):
    argnums = tuple(range(len(arguments)))

    @jax.jit  # The value alone and with the gradient: compiling one program is faster.
    def computed(*arguments):
        differentiate = jax.value_and_grad(function, argnums)
        return function(*arguments), differentiate(*arguments)

    def value_and_pullback(*arguments):
        value, gradients = computed(*arguments)[1]
        return value, lambda dy: jax.tree.map(lambda g: np.multiply(dy, g), gradients)

    check_vjp(lambda *a: computed(*a)[0], value_and_pullback, arguments)


@pytest.mark.parametrize("case", CASES)
def test_gradient_equals_finite_differences(case):
    with jax.enable_x64(True):
        set_dtype_policy("float64")
        inputs, call = jax.tree.map(as_float64, (case.inputs, dict(case.call)))
        case = case._replace(inputs=inputs, call=call)
        layer = ready(lamina, case)
        state = values(layer.non_trainable_variables)

        def total(trainable, inputs):
            outputs, _ = layer.stateless_call(trainable, state, inputs, **case.call)
            weighted = [y * floats(*y.shape) for y in jax.tree.leaves(outputs)]
            return sum(y.sum() for y in weighted)

        trainable = values(layer.trainable_variables)
        if is_float(case.inputs[0]):
            check_gradient(total, trainable, case.argument)
        elif trainable:
            check_gradient(lambda weights: total(weights, case.argument), trainable)
