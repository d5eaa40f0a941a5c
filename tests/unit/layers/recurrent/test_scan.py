"""Loops over time whose steps change what lies outside them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.scope import StateScope, call_scope, local
from lamina.core.variable import Variable
from lamina.layers.recurrent.scan import stateful_scan
from lamina.ops.nn.cells import Loop, run_states

STEPS = jnp.arange(1.0, 5.0)


def test_variables_pass_from_step_to_step():
    total = Variable(0.0, name="total")

    def step(carry, x):
        total.assign_add(x)
        return carry, total.value

    _, sums = stateful_scan(step, (), STEPS)
    np.testing.assert_array_equal(sums, [1.0, 3.0, 6.0, 10.0])
    assert float(total) == 10.0


def test_losses_are_summed_over_time():
    def step(carry, x):
        local.call.losses.append(2 * x)
        return carry, None

    with call_scope("layer", None) as scope:
        scope.losses.append(jnp.float32(7.0))
        stateful_scan(step, (), STEPS)
    assert [float(loss) for loss in scope.losses] == [7.0, 20.0]


def test_gradients_flow_through_assigned_variables():
    total = Variable(0.0, name="total")

    def final(scale):
        with StateScope():
            stateful_scan(lambda c, x: (c, total.assign_add(scale * x)), (), STEPS)
            return total.value

    assert float(jax.grad(final)(3.0)) == 10.0


def add(states, x):
    return [states[0] + x]


def test_masked_steps_keep_their_states():
    mask = jnp.array([[True], [False], [True], [False]])
    inputs = STEPS[:, None]
    run = run_states(add, [jnp.zeros(1)], inputs, Loop(mask))
    np.testing.assert_array_equal(run.outputs[:, 0], [1.0, 1.0, 4.0, 4.0])
    assert float(run.last[0]) == float(run.states[0][0]) == 4.0


def test_masked_steps_can_output_zeros_and_still_keep_their_states():
    mask = jnp.array([[True], [False], [True], [False]])
    loop = Loop(mask, zero_masked=True)
    run = run_states(add, [jnp.zeros(1)], STEPS[:, None], loop)
    np.testing.assert_array_equal(run.outputs[:, 0], [1.0, 0.0, 4.0, 0.0])
    assert float(run.last[0]) == 0.0
    assert float(run.states[0][0]) == 4.0


def test_reversed_outputs_stay_at_their_steps():
    run = run_states(add, [jnp.zeros(1)], STEPS[:, None], Loop(reverse=True))
    np.testing.assert_array_equal(run.outputs[:, 0], [10.0, 9.0, 7.0, 4.0])
    assert float(run.last[0]) == 10.0


def test_outputs_nobody_wants_are_not_kept():
    run = run_states(add, [jnp.zeros(1)], STEPS[:, None], Loop(keep_outputs=False))
    assert run.outputs is None
    assert float(run.last[0]) == 10.0
