"""Metrics and optimizers compute the same as pure functions of their variables' values
as they do on the variables, and can be traced."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import lamina
from tests.laws.close import assert_trees_close
from tests.oracles.observe import values
from tests.tables.arrays import floats
from tests.tables.cases import named
from tests.tables.metrics import METRICS
from tests.tables.optimizers import OPTIMIZERS
from tests.tables.tolerances import tolerance


@pytest.mark.parametrize("case", named(METRICS))
def test_metric(case):
    metric = case.make(lamina)
    for update in case.updates:
        metric.update_state(*update.arguments, sample_weight=update.sample_weight)
    twin = case.make(lamina)
    # Some variables are born with the first update, as they depend on its shape.
    first = case.updates[0]
    twin.update_state(*first.arguments, sample_weight=first.sample_weight)
    twin.reset_state()
    state = values(twin.variables)
    for update in case.updates:
        weight = update.sample_weight
        jax.eval_shape(twin.stateless_update_state, state, *update.arguments, weight)
        state = twin.stateless_update_state(state, *update.arguments, weight)
    jax.eval_shape(twin.stateless_result, state)
    assert_trees_close(state, values(metric.variables))
    assert_trees_close(twin.stateless_result(state), metric.result())


@pytest.mark.parametrize("case", named(OPTIMIZERS))
def test_optimizer(case):
    optimizer, twin = case.make(lamina), case.make(lamina)
    variables = [lamina.Variable(floats(3, 2), name="kernel")]
    for item in (optimizer, twin):
        case.prepare(item)
        item.build(variables)
    gradients = [jnp.asarray(floats(3, 2, seed=1))]
    current, state = values(variables), values(twin.variables)
    for _ in range(3):
        optimizer.apply(gradients)
        current, state = twin.stateless_apply(state, gradients, current)
    bound = tolerance("optimizers", case.name)
    assert_trees_close(values(variables), current, bound)
    assert_trees_close(values(optimizer.variables), state, bound)
