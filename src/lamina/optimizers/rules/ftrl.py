"""Follow the regularized leader."""

from __future__ import annotations

from typing import ClassVar, Unpack

import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import LearningRate, SharedArguments, not_positive
from lamina.optimizers.base import Optimizer, takes_shared_arguments
from lamina.optimizers.gradients import elementwise
from lamina.optimizers.state import Slots, zeros
from lamina.typing import Array


class Ftrl(Optimizer):
    """FTRL optimizer: "follow the regularized leader", for sparse linear models.

    g = gradient + 2 * l2_shrinkage * value; n' = n + gradient**2;
    z += g - (n'**-power - n**-power) / lr * value;
    value = (clip(z, -l1, l1) - z) / (n'**-power / lr + 2 * l2 + beta / lr)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        learning_rate_power: exponent with which the learning rate falls with n; at
            most 0, and 0 for a constant rate.
        initial_accumulator_value: initial value of n.
        l1_regularization_strength: strength of the L1 penalty; sets small weights
            to 0.
        l2_regularization_strength: strength of the L2 penalty.
        l2_shrinkage_regularization_strength: strength of an L2 penalty that is added
            to the gradient.
        beta: the beta of the paper.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([0.0])
        >>> Ftrl(learning_rate=0.1).apply([[2.0]], [weight])
        >>> weight.numpy().round(4)
        array([-0.0988], dtype=float32)

    Reference: McMahan et al. 2013, https://research.google.com/pubs/archive/41159.pdf
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "initial_accumulator_value": at_least(0),
    }
    learning_rate_power = Hyperparameter(not_positive)
    l1_regularization_strength = Hyperparameter(at_least(0))
    l2_regularization_strength = Hyperparameter(at_least(0))
    l2_shrinkage_regularization_strength = Hyperparameter(at_least(0))
    beta = Hyperparameter(at_least(0))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def slots(self, variable: Variable) -> Slots:
        """Return the sum of squared gradients n, and z."""
        first = self.initial_accumulator_value
        accumulator = np.full(variable.shape, first, variable.dtype)
        return {"accumulator": accumulator, "linear": zeros(variable)}

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
        power, before = -self.learning_rate_power, slots["accumulator"]
        penalized = gradient + 2.0 * self.l2_shrinkage_regularization_strength * value
        accumulator = before + jnp.square(gradient)
        scale = jnp.power(accumulator, power)
        sigma = (scale - jnp.power(before, power)) / learning_rate
        linear = slots["linear"] + (penalized - sigma * value)
        l1 = self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * learning_rate)
        value = (jnp.clip(linear, -l1, l1) - linear) / (
            scale / learning_rate + 2.0 * l2
        )
        return value, {"accumulator": accumulator, "linear": linear}
