"""LAMB."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, at_least, fraction
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import (
    ComplementHyperparameter,
    LearningRate,
    SharedArguments,
)
from lamina.optimizers.base import Optimizer, Slots, zeros


class _Rates(NamedTuple):
    learning_rate: jax.Array
    correction_1: jax.Array
    correction_2: jax.Array


class Lamb(Optimizer):
    """LAMB optimizer: Adam with updates scaled to the norm of each variable.

    delta = m' / (sqrt(v') + epsilon) with m' and v' as in `Adam`;
    value -= learning_rate * norm(value) / norm(delta) * delta.

    It was designed for large batches.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: decay rate of the running mean of gradients.
        beta_2: decay rate of the running mean of squared gradients.
        epsilon: added to the denominator for numerical stability.
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
        learning_rate: LearningRate = 0.001,
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
        """Return the first and second moments."""
        return {"momentum": zeros(variable), "velocity": zeros(variable)}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> _Rates:
        """Return the learning rate and the bias corrections of both moments."""
        correction_1 = 1.0 - jnp.power(self.beta_1, step)
        correction_2 = 1.0 - jnp.power(self.beta_2, step)
        return _Rates(learning_rate, correction_1, correction_2)

    def update(
        self,
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """Return a variable's new value and slots."""
        m, v, rates = slots["momentum"], slots["velocity"], learning_rate
        m = m + (gradient - m) * self.gain_1
        v = v + (jnp.square(gradient) - v) * self.gain_2
        root = jnp.sqrt(v / rates.correction_2)
        delta = (m / rates.correction_1) / (root + self.epsilon)
        value_norm = jnp.sqrt(jnp.sum(jnp.square(value)))
        delta_norm = jnp.sqrt(jnp.sum(jnp.square(delta)))
        has_norms = (value_norm > 0) & (delta_norm > 0)
        trust_ratio = jnp.where(has_norms, value_norm / delta_norm, 1.0)
        value = value - trust_ratio * rates.learning_rate * delta
        return value, {"momentum": m, "velocity": v}
