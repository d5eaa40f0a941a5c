"""LAMB."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, at_least, fraction
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import ComplementHyperparameter, SharedArguments
from lamina.optimizers.base import Optimizer, Slots, zeros

__all__ = ["Lamb"]


class _Rates(NamedTuple):
    rate: jax.Array
    first: jax.Array
    second: jax.Array


class Lamb(Optimizer):
    """Adam whose move has, for each variable, the size of the variable itself.

    move = m' / (sqrt(v') + epsilon) with m' and v' as in `Adam`;
    value -= rate * norm(value) / norm(move) * move. Meant for large batches.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: share of the running mean of gradients that is kept.
        beta_2: share of the running mean of squares that is kept.
        epsilon: keeps the divisor away from 0.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([3.0, 4.0])
        >>> Lamb(learning_rate=0.1).apply([[5.0, 5.0]], [weight])
        >>> weight.numpy().round(4)
        array([2.6464, 3.6464], dtype=float32)

    Reference: You et al. 2019, https://arxiv.org/abs/1904.00962
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "beta_1": fraction,
        "beta_2": fraction,
        "epsilon": at_least(0),
    }
    beta_1, beta_2 = (
        ComplementHyperparameter("gain_1"),
        ComplementHyperparameter("gain_2"),
    )
    gain_1, gain_2, epsilon = Hyperparameter(), Hyperparameter(), Hyperparameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> Slots:
        """Running means of the gradient and its square."""
        return {"momentum": zeros(variable), "velocity": zeros(variable)}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> _Rates:
        """The learning rate, and the corrections of m and v for the start at 0."""
        first = 1.0 - jnp.power(self.beta_1, step)
        second = 1.0 - jnp.power(self.beta_2, step)
        return _Rates(learning_rate, first, second)

    def update(
        self,
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """A variable's new value and slots."""
        m, v, rates = slots["momentum"], slots["velocity"], learning_rate
        m = m + (gradient - m) * self.gain_1
        v = v + (jnp.square(gradient) - v) * self.gain_2
        move = (m / rates.first) / (jnp.sqrt(v / rates.second) + self.epsilon)
        size = jnp.sqrt(jnp.sum(jnp.square(value)))
        length = jnp.sqrt(jnp.sum(jnp.square(move)))
        ratio = jnp.where((size > 0) & (length > 0), size / length, 1.0)
        return value - ratio * rates.rate * move, {"momentum": m, "velocity": v}
