"""Lion."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, between, is_number
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import LearningRate, SharedArguments
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise


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

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "beta_1": Check(
            "a number greater than 0 and not above 1",
            lambda v: is_number(v) and 0 < v <= 1,
            (0, 1.5, "a"),
        ),
        "beta_2": between(0, 1),
    }
    beta_1, beta_2 = Hyperparameter(), Hyperparameter()

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
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """Return a variable's new value and slots."""
        m = slots["momentum"]
        direction = jnp.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1))
        m = m * self.beta_2 + gradient * (1.0 - self.beta_2)
        return value - learning_rate * direction, {"momentum": m}
