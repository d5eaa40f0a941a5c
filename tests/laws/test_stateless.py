"""Metrics and optimizers compute the same as pure functions of their variables' values
as they do on the variables, and can be traced."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import lamina
from lamina.core.scope import StateScope
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

    def update(updates):
        with StateScope():
            for arguments, weight in updates:
                metric.update_state(*arguments, sample_weight=weight)
            return values(metric.variables), metric.result()

    @jax.jit  # Eager updates are compared with those of Keras.
    def of_both(state, updates):
        on_variables = update(updates)
        for arguments, weight in updates:
            state = metric.stateless_update_state(state, *arguments, weight)
        return on_variables, (state, metric.stateless_result(state))

    # Creates the variables whose shape depends on that of the data.
    jax.eval_shape(update, case.updates[:1])
    state = values(metric.variables)
    on_variables, stateless = of_both(state, case.updates)
    assert_trees_close(stateless, on_variables)
    assert_trees_close(values(metric.variables), state)


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
