"""Schedule-free AdamW."""

from __future__ import annotations

from typing import Unpack

import jax.numpy as jnp

from lamina.core.check import at_least
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import LearningRate, SharedArguments
from lamina.optimizers.base import takes_shared_arguments
from lamina.optimizers.gradients import elementwise
from lamina.optimizers.rules.adam import MomentOptimizer
from lamina.optimizers.state import Slots, zeros
from lamina.typing import Array


class ScheduleFreeAdamW(MomentOptimizer):
    """Schedule-free AdamW optimizer: averages of iterates replace a schedule.

    v as in `Adam`; z -= learning_rate * gradient / (sqrt(v') + epsilon), starting at
    the initial value; x is the mean of all z; value = (1 - beta_1) * z + beta_1 * x.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: weight of x in the value; greater than 0.
        beta_2: decay rate of the running mean of squared gradients.
        epsilon: added to the denominator for numerical stability.
        warmup_steps: number of steps over which the learning rate increases linearly
            to its full value; 0 for none.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> ScheduleFreeAdamW(learning_rate=0.1).apply([[5.0]], [weight])
        >>> weight.numpy().round(4)
        array([0.9], dtype=float32)

    Reference: Defazio et al. 2024, https://arxiv.org/abs/2405.15682
    """

    warmup_steps = Hyperparameter(at_least(0))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.warmup_steps = warmup_steps

    def slots(self, variable: Variable) -> Slots:
        """Return z, under the name of Keras's files, and the second moment."""
        return {"momentum": variable.numpy(), "velocity": zeros(variable)}

    def prepare(self, step: Array, learning_rate: Array) -> tuple[Array, Array, Array]:
        """Return the learning rate, the bias correction and the weight of z in x."""
        warmup = jnp.minimum(step / jnp.maximum(self.warmup_steps, 1), 1.0)
        learning_rate = learning_rate * warmup
        return learning_rate, self._bias_corrections(step)[1], 1.0 / step

    @elementwise
    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: tuple[Array, Array, Array],
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        rate, correction, weight = learning_rate
        before, v = slots["momentum"], slots["velocity"]
        v = v + (jnp.square(gradient) - v) * self.gain_2
        root = jnp.sqrt(v / correction)
        z = before - rate * gradient / (root + self.epsilon)
        x = (value - self.gain_1 * before) / self.beta_1
        x = (1.0 - weight) * x + weight * z
        value = self.gain_1 * z + self.beta_1 * x
        return value, {"momentum": z, "velocity": v}
