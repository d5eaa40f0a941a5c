"""Follow the regularized leader."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least, is_number
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import SharedArguments
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise

__all__ = ["Ftrl"]


class Ftrl(Optimizer):
    """Follow the regularized leader: for shallow models with many rare features.

    g = gradient + 2 * l2_shrinkage * value; n' = n + gradient**2;
    z += g - (n'**-power - n**-power) / rate * value;
    value = (clip(z, -l1, l1) - z) / (n'**-power / rate + 2 * l2 + beta / rate)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        learning_rate_power: how fast the rate falls with n; 0 keeps it, at most 0.
        initial_accumulator_value: where n starts.
        l1_regularization_strength: l1; sets small weights to 0.
        l2_regularization_strength: l2.
        l2_shrinkage_regularization_strength: l2_shrinkage, a penalty on the weights
            that enters through the gradient.
        beta: as in the paper.
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
        "learning_rate_power": Check(
            "a number of at most 0", lambda v: is_number(v) and v <= 0, (0.5, "a")
        ),
        "initial_accumulator_value": at_least(0),
        "l1_regularization_strength": at_least(0),
        "l2_regularization_strength": at_least(0),
        "l2_shrinkage_regularization_strength": at_least(0),
        "beta": at_least(0),
    }
    learning_rate_power, beta = Hyperparameter(), Hyperparameter()
    l1_regularization_strength, l2_regularization_strength = (
        Hyperparameter(),
        Hyperparameter(),
    )
    l2_shrinkage_regularization_strength = Hyperparameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
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
        """The sum of squares n, and z."""
        first = self.initial_accumulator_value
        total = np.full(variable.shape, first, variable.dtype)
        return {"accumulator": total, "linear": zeros(variable)}

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
        power, total = -self.learning_rate_power, slots["accumulator"]
        shrunk = gradient + 2.0 * self.l2_shrinkage_regularization_strength * value
        new_total = total + jnp.square(gradient)
        grown = jnp.power(new_total, power)
        change = (grown - jnp.power(total, power)) / learning_rate
        linear = slots["linear"] + (shrunk - change * value)
        l1 = self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * learning_rate)
        value = (jnp.clip(linear, -l1, l1) - linear) / (
            grown / learning_rate + 2.0 * l2
        )
        return value, {"accumulator": new_total, "linear": linear}
