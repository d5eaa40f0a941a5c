"""A compiled call gives what an eager call gives, and leaves the same state.

These layers draw numbers, or have no recorded output of one call. The eager calls of
others are compared with that output in `test_eager_calls.py`."""

from __future__ import annotations

import jax
import pytest

import lamina
from tests.laws.close import assert_trees_close
from tests.oracles.observe import ready, values
from tests.tables.cases import named
from tests.tables.layers import BY_HAND, LAYERS, WITH_ORACLE

RANDOM = [case for case in LAYERS if "random" in case.traits]
REMEMBERING = [case for case in WITH_ORACLE if case.calls > 1]


@pytest.mark.parametrize("case", named([*RANDOM, *REMEMBERING, *BY_HAND], {"host"}))
def test_compiled_call_equals_eager_call(case):
    layer = ready(lamina, case)
    call = {"training": True} if "random" in case.traits else case.call

    @jax.jit
    def compiled(trainable, state, inputs):
        return layer.stateless_call(trainable, state, inputs, **call)

    outputs, state = compiled(
        values(layer.trainable_variables),
        values(layer.non_trainable_variables),
        case.argument,
    )
    assert_trees_close(layer(case.argument, **call), outputs)
    assert_trees_close(values(layer.non_trainable_variables), state)


@pytest.mark.parametrize("case", named(LAYERS, without={"host"}))
def test_stateless_call_leaves_the_layer_alone(case):
    layer = ready(lamina, case)
    before = layer.get_weights()

    def call(trainable, state):
        return layer.stateless_call(trainable, state, case.argument, **case.call)

    trainable = values(layer.trainable_variables)
    jax.eval_shape(call, trainable, values(layer.non_trainable_variables))
    assert_trees_close(layer.get_weights(), before)
