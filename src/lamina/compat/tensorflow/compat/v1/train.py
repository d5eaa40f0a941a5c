"""Optimizers and schedules of `tensorflow.train` in TensorFlow 1.

A schedule counts the updates of the optimizer and does not read `global_step`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import optimizers
from lamina.compat.tensorflow.base.variables import Variable
from lamina.core.variable import Variable as _Variable
from lamina.optimizers import schedules

Rate = float | schedules.LearningRateSchedule


def GradientDescentOptimizer(
    learning_rate: Rate, use_locking: bool = False, name: str = "sgd"
) -> optimizers.SGD:
    """Return an optimizer that follows the negative gradient."""
    return optimizers.SGD(learning_rate, name=name)


def MomentumOptimizer(
    learning_rate: Rate,
    momentum: float,
    use_locking: bool = False,
    name: str = "momentum",
    use_nesterov: bool = False,
) -> optimizers.SGD:
    """Return an optimizer with momentum."""
    return optimizers.SGD(learning_rate, momentum, use_nesterov, name=name)


def AdamOptimizer(
    learning_rate: Rate = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    use_locking: bool = False,
    name: str = "adam",
) -> optimizers.Adam:
    """Return an optimizer by the Adam rule."""
    return optimizers.Adam(learning_rate, beta1, beta2, epsilon, name=name)


class RMSPropOptimizer(optimizers.RMSprop):
    """Optimizer by the RMSprop rule, whose running mean of squares starts at 1."""

    def __init__(
        self,
        learning_rate: Rate,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "rmsprop",
    ) -> None:
        super().__init__(learning_rate, decay, momentum, epsilon, centered, name=name)

    def slots(self, variable: _Variable) -> Any:
        """Return the running means and the previous update, as far as needed."""
        ones = np.ones(variable.shape, variable.dtype)
        return {**super().slots(variable), "velocity": ones}


def AdagradOptimizer(
    learning_rate: Rate,
    initial_accumulator_value: float = 0.1,
    use_locking: bool = False,
    name: str = "adagrad",
) -> optimizers.Adagrad:
    """Return an optimizer by the Adagrad rule."""
    return optimizers.Adagrad(learning_rate, initial_accumulator_value, name=name)


def AdadeltaOptimizer(
    learning_rate: Rate = 0.001,
    rho: float = 0.95,
    epsilon: float = 1e-8,
    use_locking: bool = False,
    name: str = "adadelta",
) -> optimizers.Adadelta:
    """Return an optimizer by the Adadelta rule."""
    return optimizers.Adadelta(learning_rate, rho, epsilon, name=name)


def FtrlOptimizer(
    learning_rate: Rate,
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    use_locking: bool = False,
    name: str = "ftrl",
) -> optimizers.Ftrl:
    """Return an optimizer by the FTRL rule."""
    return optimizers.Ftrl(
        learning_rate,
        learning_rate_power,
        initial_accumulator_value,
        l1_regularization_strength,
        l2_regularization_strength,
        name=name,
    )


def exponential_decay(
    learning_rate: float,
    global_step: object,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
    name: str = "exponential_decay",
) -> schedules.ExponentialDecay:
    """Return a schedule that multiplies the rate by a factor."""
    return schedules.ExponentialDecay(
        learning_rate, decay_steps, decay_rate, staircase, name
    )


def inverse_time_decay(
    learning_rate: float,
    global_step: object,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
    name: str = "inverse_time_decay",
) -> schedules.InverseTimeDecay:
    """Return a schedule that divides the rate by a growing number."""
    return schedules.InverseTimeDecay(
        learning_rate, decay_steps, decay_rate, staircase, name
    )


def polynomial_decay(
    learning_rate: float,
    global_step: object,
    decay_steps: int,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
    name: str = "polynomial_decay",
) -> schedules.PolynomialDecay:
    """Return a schedule that falls to a rate by a power."""
    return schedules.PolynomialDecay(
        learning_rate, decay_steps, end_learning_rate, power, cycle, name
    )


def cosine_decay(
    learning_rate: float,
    global_step: object,
    decay_steps: int,
    alpha: float = 0.0,
    name: str = "cosine_decay",
) -> schedules.CosineDecay:
    """Return a schedule that falls along half a cosine."""
    return schedules.CosineDecay(learning_rate, decay_steps, alpha, name)


def piecewise_constant(
    x: object,
    boundaries: Sequence[int],
    values: Sequence[float],
    name: str = "piecewise_constant",
) -> schedules.PiecewiseConstantDecay:
    """Return a schedule of rates that change at steps."""
    return schedules.PiecewiseConstantDecay(boundaries, values, name)


def get_or_create_global_step(graph: object = None) -> Variable:
    """Return a new variable for `minimize(global_step=)` to count in."""
    return Variable(0, trainable=False, name="global_step")


create_global_step = get_or_create_global_step
