"""RMSprop."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, at_least, between, boolean
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import (
    LearningRate,
    SharedArguments,
    SlotHyperparameter,
)
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise


class RMSprop(Optimizer):
    """RMSprop optimizer: gradients divided by their running root mean square.

    v = rho * v + (1 - rho) * gradient**2;
    value -= learning_rate * gradient / sqrt(v + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        rho: decay rate of the running mean of squared gradients.
        momentum: fraction of the previous update that is added to the next.
        epsilon: added under the square root for numerical stability.
        centered: whether to divide by the estimated standard deviation of the
            gradient instead of its root mean square.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([10.0])
        >>> RMSprop(learning_rate=0.1).apply([[10.0]], [weight])
        >>> weight.numpy().round(4)
        array([9.6838], dtype=float32)

    Reference: Hinton 2012,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "rho": between(0, 1),
        "momentum": between(0, 1),
        "epsilon": at_least(0),
        "centered": boolean,
    }
    rho, momentum, epsilon = Hyperparameter(), SlotHyperparameter(), Hyperparameter()
    slots_apart = ("momentum", "average_gradient")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def slots(self, variable: Variable) -> Slots:
        """Return the running means and the previous update, as far as needed."""
        is_needed = {
            "velocity": True,
            "momentum": self.momentum != 0,
            "average_gradient": self.centered,
        }
        return {name: zeros(variable) for name in is_needed if is_needed[name]}

    @elementwise
    def update(
        self,
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """Return a variable's new value and slots."""
        rho = self.rho
        velocity = rho * slots["velocity"] + (1.0 - rho) * jnp.square(gradient)
        new = {"velocity": velocity}
        denominator = velocity
        if "average_gradient" in slots:
            mean = rho * slots["average_gradient"] + (1.0 - rho) * gradient
            new["average_gradient"] = mean
            denominator = velocity - jnp.square(mean)
        delta = learning_rate * gradient / jnp.sqrt(denominator + self.epsilon)
        if "momentum" in slots:
            delta = self.momentum * slots["momentum"] + delta
            new["momentum"] = delta
        return value - delta, new
