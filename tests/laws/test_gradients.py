"""Gradients agree with finite differences in float64."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

import lamina
from tests.oracles.observe import is_float, ready, values
from tests.tables.arrays import floats
from tests.tables.cases import named
from tests.tables.layers import LAYERS

SMOOTH = {"random", "host", "remembers"}


def in_float64(tree):
    return jax.tree.map(lambda a: np.asarray(a, "float64") if is_float(a) else a, tree)


@pytest.mark.parametrize("case", named(LAYERS, without=SMOOTH))
def test_gradient_is_the_slope(case):
    with jax.enable_x64(True):
        lamina.config.set_dtype_policy("float64")
        case = case._replace(inputs=in_float64(case.inputs), call=in_float64(case.call))
        layer = ready(lamina, case)
        state = values(layer.non_trainable_variables)

        def total(trainable, inputs):
            outputs, _ = layer.stateless_call(trainable, state, inputs, **case.call)
            weighted = [y * floats(*y.shape) for y in jax.tree.leaves(outputs)]
            return sum(y.sum() for y in weighted)

        trainable = values(layer.trainable_variables)
        if is_float(case.inputs[0]):
            check_grads(jax.jit(total), (trainable, case.argument), 1, modes=["rev"])
        elif trainable:
            by_weights = jax.jit(lambda weights: total(weights, case.argument))
            check_grads(by_weights, (trainable,), 1, modes=["rev"])
