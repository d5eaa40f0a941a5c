from __future__ import annotations

import numpy as np
import pytest

from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.optimizers import SGD, Adam, LossScaleOptimizer


def test_scale_doubles_after_finite_steps_and_halves_after_overflow():
    weight = Variable([0.0])
    optimizer = LossScaleOptimizer(SGD(1.0), 4.0, dynamic_growth_steps=2)
    scales = []
    for gradient in (-4.0, -4.0, np.inf, np.nan, -2.0):
        optimizer.apply([[gradient]], [weight])
        scales.append(float(optimizer.dynamic_scale))
    assert scales == [4.0, 8.0, 4.0, 2.0, 2.0]
    assert float(weight.value[0]) == 3.0
    assert int(optimizer.iterations) == 3


def test_loss_is_scaled_before_and_after_building():
    optimizer = LossScaleOptimizer(SGD(), 4.0)
    assert float(optimizer.scale_loss(np.float32(2.0))) == 8.0
    optimizer.build([Variable([1.0])])
    optimizer.dynamic_scale.assign(16.0)
    assert float(optimizer.scale_loss(np.float32(2.0))) == 32.0


def test_learning_rate_is_that_of_the_inner_optimizer():
    optimizer = LossScaleOptimizer(SGD(0.5))
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25


@pytest.mark.parametrize(
    "arguments", [{"clipnorm": 1.0}, {"use_ema": True}, {"dynamic": False}], ids=str
)
def test_options_belong_to_the_inner_optimizer(arguments):
    with pytest.raises(ArgumentError, match="inner optimizer"):
        LossScaleOptimizer(SGD(), **arguments)


def test_unused_options_of_old_configs_are_accepted():
    old = {"weight_decay": None, "use_ema": False, "ema_momentum": 0.99}
    assert LossScaleOptimizer(SGD(), **old).initial_scale == 2.0**15


def test_inner_loss_scale_factor_is_removed_with_a_warning():
    with pytest.warns(UserWarning, match="scale the loss twice"):
        optimizer = LossScaleOptimizer(Adam(loss_scale_factor=2.0), 4.0)
    assert optimizer.inner_optimizer.loss_scale_factor is None
    assert float(optimizer.scale_loss(np.float32(1.0))) == 4.0
