"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import jax

from lamina.core.check import Check, between, boolean
from lamina.core.variable import Variable
from lamina.optimizers.arguments import (
    LearningRate,
    SharedArguments,
    SlotHyperparameter,
)
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise


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
        "momentum": between(0, 1),
        "nesterov": boolean,
    }
    momentum = SlotHyperparameter()

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
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """Return a variable's new value and slots."""
        delta = gradient * learning_rate
        if "momentum" not in slots:
            return value - delta, slots
        velocity = slots["momentum"] * self.momentum - delta
        ahead = velocity * self.momentum - delta if self.nesterov else velocity
        return value + ahead, {"momentum": velocity}
