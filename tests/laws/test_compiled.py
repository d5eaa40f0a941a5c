"""A compiled call gives what an eager call gives, and leaves the same state."""

from __future__ import annotations

import jax
import pytest

import lamina
from tests.laws.close import assert_trees_close
from tests.oracles.observe import ready, values
from tests.tables.cases import named
from tests.tables.layers import LAYERS


@pytest.mark.parametrize("case", named(LAYERS, without={"host"}))
def test_compiled_call_equals_eager_call(case):
    layer = ready(lamina, case)

    @jax.jit
    def compiled(trainable, state, inputs):
        return layer.stateless_call(trainable, state, inputs, **case.call)

    outputs, state = compiled(
        values(layer.trainable_variables),
        values(layer.non_trainable_variables),
        case.argument,
    )
    assert_trees_close(layer(case.argument, **case.call), outputs)
    assert_trees_close(values(layer.non_trainable_variables), state)


@pytest.mark.parametrize("case", named(LAYERS, without={"host"}))
def test_stateless_call_leaves_the_layer_alone(case):
    layer = ready(lamina, case)
    before = [variable.numpy() for variable in layer.variables]
    layer.stateless_call(
        [value * 0 for value in values(layer.trainable_variables)],
        values(layer.non_trainable_variables),
        case.argument,
        **case.call,
    )
    assert_trees_close(values(layer.variables), before)
