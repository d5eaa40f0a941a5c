"""Properties of every rule and option; values are compared with Keras elsewhere."""

from __future__ import annotations

import copy
import functools

import jax
import numpy as np
import pytest

from lamina import optimizers
from lamina.core.variable import Variable
from tests.unit.optimizers.helpers import (
    GRADIENTS,
    DeviceLoop,
    step_eagerly,
    weights,
)

o = optimizers
EXPONENTIAL = functools.partial(o.schedules.ExponentialDecay, 0.1, 2, 0.5)
MAKERS = {
    "SGD": o.SGD,
    "SGD-momentum": lambda: o.SGD(0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda: o.RMSprop(0.05, momentum=0.5, centered=True),
    "Adam": lambda: o.Adam(0.05, amsgrad=True),
    "AdamW": lambda: o.AdamW(0.05, weight_decay=0.3),
    "Adagrad": lambda: o.Adagrad(0.1),
    "Adadelta": lambda: o.Adadelta(1.0),
    "Adamax": lambda: o.Adamax(0.05),
    "Nadam": lambda: o.Nadam(0.05),
    "Lion": lambda: o.Lion(0.05),
    "Ftrl": lambda: o.Ftrl(0.1, beta=0.5, l1_regularization_strength=0.1),
    "Lamb": lambda: o.Lamb(0.05),
    "Adafactor": lambda: o.Adafactor(0.1),
    "Muon": lambda: o.Muon(0.05),
    "ScheduleFreeAdamW": lambda: o.ScheduleFreeAdamW(0.1, warmup_steps=3),
    "Multi": lambda: o.MultiOptimizer(o.OptimizerMap(o.Adam(0.05), {"bias": o.SGD()})),
    "LossScale": lambda: o.LossScaleOptimizer(o.Adam(0.05), 64.0, 2),
    "schedule": lambda: o.Adam(EXPONENTIAL()),
    "clipnorm": lambda: o.SGD(0.1, clipnorm=0.5),
    "global_clipnorm": lambda: o.SGD(0.1, global_clipnorm=0.5),
    "clipvalue": lambda: o.SGD(0.1, clipvalue=0.2),
    "averages": lambda: o.Adam(0.05, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: o.Nadam(0.05, gradient_accumulation_steps=3),
}
every_rule = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@pytest.fixture(autouse=True)
def strict():
    """Forbid implicit promotion of dtypes and ranks."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@every_rule
def test_device_loop_equals_eager_steps(make):
    looped = DeviceLoop(make(), weights()).run()
    variables = weights()
    step_eagerly(make(), variables)
    for value, variable in zip(looped, variables, strict=True):
        np.testing.assert_allclose(value, variable.numpy(), rtol=0, atol=2e-6)


@every_rule
def test_saving_and_restoring_state_does_not_change_steps(make):
    whole = weights()
    step_eagerly(make(), whole)
    parts, first, second, store = weights(), make(), make(), {}
    for gradients in GRADIENTS[:2]:
        first.apply(gradients, parts)
    first.save_own_variables(store)
    second.build(parts)
    second.load_own_variables(store)
    for gradients in GRADIENTS[2:]:
        second.apply(gradients, parts)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@every_rule
def test_config_round_trip_preserves_the_optimizer(make):
    config = optimizers.serialize(make())
    again = optimizers.deserialize(config)
    assert optimizers.serialize(again) == config


@every_rule
def test_stateless_apply_is_pure(make):
    optimizer, variables = make(), weights()
    optimizer.build(variables)
    before = [v.numpy() for v in (*variables, *optimizer.variables)]
    state = [v.raw for v in optimizer.variables]
    values, _ = jax.jit(optimizer.stateless_apply)(
        state, GRADIENTS[0], [v.raw for v in variables]
    )
    after = [v.numpy() for v in (*variables, *optimizer.variables)]
    jax.tree.map(np.testing.assert_array_equal, before, after)
    optimizer.apply(GRADIENTS[0], variables)
    for value, variable in zip(values, variables, strict=True):
        np.testing.assert_allclose(value, variable.numpy(), rtol=0, atol=1e-6)


def test_deep_copy_is_independent():
    optimizer, variables = o.Nadam(0.1), weights()
    optimizer.apply(GRADIENTS[0], variables)
    twin, copies = copy.deepcopy((optimizer, variables))
    twin.apply(GRADIENTS[1], copies)
    optimizer.apply(GRADIENTS[1], variables)
    for a, b in zip(variables, copies, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@every_rule
def test_16_bit_weights_are_updated_in_32_bits(make):
    single = weights()
    narrow = [Variable(v.numpy(), dtype="bfloat16", name=v.name) for v in single]
    make().apply(GRADIENTS[0], single)
    make().apply(GRADIENTS[0], narrow)
    for a, b in zip(single, narrow, strict=True):
        assert b.dtype == "bfloat16"
        np.testing.assert_allclose(a.numpy(), np.float32(b.numpy()), atol=0.02)


def test_learning_rate_can_be_vmapped():
    optimizer, variables = o.Adam(), weights()
    optimizer.build(variables)
    state = [v.raw for v in optimizer.variables]

    def after(rate):
        values = [state[0], rate, *state[2:]]
        values, _ = optimizer.stateless_apply(
            values, GRADIENTS[0], [v.raw for v in variables]
        )
        return values[0]

    rates = np.float32([0.0, 0.1, 0.2])
    kernels = np.asarray(jax.vmap(after)(rates))
    deltas = np.abs(kernels - kernels[0]).mean(axis=(1, 2))
    np.testing.assert_allclose(deltas, rates, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Muon", "Lamb", "RMSprop"])
def test_update_step_takes_a_plain_learning_rate(name):
    """`update_step` equals `apply` for rules with any `prepare`."""
    values = [[[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]]
    gradients = [[[1.0, 6.0], [7.0, 2.0]], [3.0, -1.0]]
    pair = [getattr(optimizers, name)(0.5) for _ in range(2)]
    changed = [[Variable(v) for v in values] for _ in pair]
    for optimizer, variables in zip(pair, changed, strict=True):
        optimizer.exclude_from_weight_decay(variables)
        optimizer.build(variables)
    pair[0].apply([np.asarray(g) for g in gradients], changed[0])
    for gradient, variable in zip(gradients, changed[1], strict=True):
        pair[1].update_step(np.asarray(gradient), variable, 0.5)
    for one, other in zip(*changed, strict=True):
        np.testing.assert_allclose(one.value, other.value, rtol=1e-5)


def test_muon_scales_updates_by_the_longer_side():
    ones = np.ones((4, 2))
    assert (optimizers.Muon(rms_rate=None).lr_adjust(ones) == 1).all()
    np.testing.assert_allclose(optimizers.Muon().lr_adjust(ones), 0.4)
