"""RMSprop."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, at_least, between, boolean
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import SharedArguments, SlotHyperparameter
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Divide each gradient by a running root mean square of its past.

    v = rho * v + (1 - rho) * gradient**2; value -= rate * gradient / sqrt(v + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        rho: share of the running mean that is kept.
        momentum: share of the last move that is added to the next.
        epsilon: keeps the root away from 0.
        centered: whether to take the running mean's square off v, which leaves the
            gradient's variance.
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
        learning_rate: Any = 0.001,
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
        """Running means of the square and of the gradient, and the last move."""
        wanted = {
            "velocity": True,
            "momentum": self.momentum != 0,
            "average_gradient": self.centered,
        }
        return {name: zeros(variable) for name, want in wanted.items() if want}

    @elementwise
    def update(
        self,
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """A variable's new value and slots."""
        kept, fresh = self.rho, 1.0 - self.rho
        velocity = kept * slots["velocity"] + fresh * jnp.square(gradient)
        new = {"velocity": velocity}
        spread = velocity
        if "average_gradient" in slots:
            mean = kept * slots["average_gradient"] + fresh * gradient
            new["average_gradient"] = mean
            spread = velocity - jnp.square(mean)
        move = learning_rate * gradient / jnp.sqrt(spread + self.epsilon)
        if "momentum" in slots:
            move = self.momentum * slots["momentum"] + move
            new["momentum"] = move
        return value - move, new
