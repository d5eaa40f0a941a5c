"""Stochastic gradient descent, and Lion, which uses the sign of the update."""

from __future__ import annotations

from typing import ClassVar, Unpack

import jax.numpy as jnp

from lamina.core.check import Check, between, boolean, is_number
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import (
    LearningRate,
    SharedArguments,
    SlotHyperparameter,
)
from lamina.optimizers.base import Optimizer, takes_shared_arguments
from lamina.optimizers.gradients import elementwise
from lamina.optimizers.state import Slots, zeros
from lamina.typing import Array


class SGD(Optimizer):
    """Gradient descent optimizer, with optional momentum.

    velocity = momentum * velocity - learning_rate * gradient; value += velocity, or
    with `nesterov` value += momentum * velocity - learning_rate * gradient.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        momentum: decay rate of the velocity.
        nesterov: whether to use Nesterov momentum.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> SGD(learning_rate=0.5).apply([[0.5]], [weight])
        >>> weight.numpy()
        array([0.75], dtype=float32)

    Reference: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "nesterov": boolean,
    }
    momentum = SlotHyperparameter(between(0, 1))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    def slots(self, variable: Variable) -> Slots:
        """Return the velocity, unless the momentum is 0."""
        return {"momentum": zeros(variable)} if self.momentum != 0 else {}

    @elementwise
    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: Array,
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        delta = gradient * learning_rate
        if "momentum" not in slots:
            return value - delta, slots
        velocity = slots["momentum"] * self.momentum - delta
        ahead = velocity * self.momentum - delta if self.nesterov else velocity
        return value + ahead, {"momentum": velocity}


class Lion(Optimizer):
    """Lion optimizer: updates with the sign of an interpolated momentum.

    value -= learning_rate * sign(beta_1 * m + (1 - beta_1) * gradient);
    m = beta_2 * m + (1 - beta_2) * gradient

    The learning rate should be 3 to 10 times smaller than Adam's, and the weight
    decay as many times larger.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: weight of the running mean in the update; greater than 0.
        beta_2: decay rate of the running mean.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0, 2.0])
        >>> Lion(learning_rate=0.25).apply([[5.0, -0.01]], [weight])
        >>> weight.numpy()
        array([0.75, 2.25], dtype=float32)

    Reference: Chen et al. 2023, https://arxiv.org/abs/2302.06675
    """

    beta_1 = Hyperparameter(
        Check(
            "a number greater than 0 and not above 1",
            lambda v: is_number(v) and 0 < v <= 1,
            (0, 1.5, "a"),
        )
    )
    beta_2 = Hyperparameter(between(0, 1))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self, variable: Variable) -> Slots:
        """Return the running mean of the gradient."""
        return {"momentum": zeros(variable)}

    @elementwise
    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: Array,
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        m = slots["momentum"]
        direction = jnp.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1))
        m = m * self.beta_2 + gradient * (1.0 - self.beta_2)
        return value - learning_rate * direction, {"momentum": m}
