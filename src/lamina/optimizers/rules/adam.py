"""Adam and its variants: AdamW, Adamax, Nadam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least, boolean, fraction
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import (
    CommonArguments,
    ComplementHyperparameter,
    LearningRate,
    SharedArguments,
)
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise

_CHECKS = {
    **Optimizer.arguments,
    "beta_1": fraction,
    "beta_2": fraction,
    "epsilon": at_least(0),
}


class Adam(Optimizer):
    """Adam optimizer: updates scaled by running first and second moments.

    m += (1 - beta_1) * (gradient - m); v += (1 - beta_2) * (gradient**2 - v);
    value -= learning_rate * m' / (sqrt(v') + epsilon), where m' and v' are m and v
    divided by 1 - beta**step to correct their bias towards 0.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: decay rate of the running mean of gradients.
        beta_2: decay rate of the running mean of squared gradients.
        epsilon: added to the denominator for numerical stability ("epsilon hat" in
            the paper: it is added to the root of v before the bias correction).
        amsgrad: whether to divide by the running maximum of v (Reddi et al. 2018,
            https://arxiv.org/abs/1904.09237).
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> Adam(learning_rate=0.1).apply([[5.0]], [weight])
        >>> weight.numpy().round(4)
        array([0.9], dtype=float32)

    Reference: Kingma and Ba 2014, https://arxiv.org/abs/1412.6980
    """

    arguments: ClassVar[dict[str, Check]] = {**_CHECKS, "amsgrad": boolean}
    beta_1, beta_2 = (
        ComplementHyperparameter("gain_1"),
        ComplementHyperparameter("gain_2"),
    )
    gain_1, gain_2, epsilon = Hyperparameter(), Hyperparameter(), Hyperparameter()
    slots_apart = ("velocity_hat",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def slots(self, variable: Variable) -> Slots:
        """Return the first and second moments, and the maximum with `amsgrad`."""
        names = ["momentum", "velocity", *(["velocity_hat"] if self.amsgrad else [])]
        return {name: zeros(variable) for name in names}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> jax.Array:
        """Return the learning rate with the bias corrections of both moments."""
        first = 1.0 - jnp.power(self.beta_1, step)
        second = 1.0 - jnp.power(self.beta_2, step)
        return learning_rate * jnp.sqrt(second) / first

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
        m, v = slots["momentum"], slots["velocity"]
        m = m + (gradient - m) * self.gain_1
        v = v + (jnp.square(gradient) - v) * self.gain_2
        new = {"momentum": m, "velocity": v}
        if "velocity_hat" in slots:
            v = jnp.maximum(slots["velocity_hat"], v)
            new["velocity_hat"] = v
        return value - m * learning_rate / (jnp.sqrt(v) + self.epsilon), new


class AdamW(Adam):
    """AdamW optimizer: Adam with decoupled weight decay.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        weight_decay: decay rate; each step subtracts
            learning_rate * weight_decay * weight from each weight.
        beta_1: as for `Adam`.
        beta_2: as for `Adam`.
        epsilon: as for `Adam`.
        amsgrad: as for `Adam`.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> AdamW(learning_rate=0.1, weight_decay=0.5).apply([[5.0]], [weight])
        >>> weight.numpy().round(4)
        array([0.85], dtype=float32)

    Reference: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Adam.arguments,
        "weight_decay": at_least(0),
    }

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Unpack[CommonArguments],
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay=weight_decay,
            **kwargs,
        )


class Adamax(Optimizer):
    """Adamax optimizer: Adam with the infinity norm of the gradient.

    m += (1 - beta_1) * (gradient - m); u = max(beta_2 * u, abs(gradient));
    value -= learning_rate / (1 - beta_1**step) * m / (u + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: decay rate of the running mean of gradients.
        beta_2: decay rate of the infinity norm.
        epsilon: added to the denominator for numerical stability.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> Adamax(learning_rate=0.1).apply([[5.0]], [weight])
        >>> weight.numpy().round(4)
        array([0.9], dtype=float32)

    Reference: Kingma and Ba 2014, section 7.1, https://arxiv.org/abs/1412.6980
    """

    arguments: ClassVar[dict[str, Check]] = _CHECKS
    beta_1, gain_1 = ComplementHyperparameter("gain_1"), Hyperparameter()
    beta_2, epsilon = Hyperparameter(), Hyperparameter()

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
        """Return the first moment and the infinity norm."""
        return {"momentum": zeros(variable), "norm": zeros(variable)}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> jax.Array:
        """Return the learning rate with the bias correction of the first moment."""
        return learning_rate / (1.0 - jnp.power(self.beta_1, step))

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
        m = m + (gradient - m) * self.gain_1
        u = jnp.maximum(self.beta_2 * slots["norm"], jnp.abs(gradient))
        value = value - learning_rate * m / (u + self.epsilon)
        return value, {"momentum": m, "norm": u}


class _NadamRates(NamedTuple):
    momentum: jax.Array
    gradient: jax.Array
    gain_1: jax.Array
    gain_2: jax.Array
    correction: jax.Array


class Nadam(Optimizer):
    """Nadam optimizer: Adam with Nesterov momentum.

    m and v as in `Adam`. With mu(t) = beta_1 * (1 - 0.96**t / 2) and p(t) the product
    of mu(1), ..., mu(t): value -= learning_rate * (mu(t + 1) * m / (1 - p(t + 1)) +
    (1 - mu(t)) * gradient / (1 - p(t))) / (sqrt(v / (1 - beta_2**t)) + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_1: decay rate of the running mean of gradients.
        beta_2: decay rate of the running mean of squared gradients.
        epsilon: added to the denominator for numerical stability.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> Nadam(learning_rate=0.1).apply([[5.0]], [weight])
        >>> weight.numpy().round(3)
        array([0.894], dtype=float32)

    Reference: Dozat 2016, https://openreview.net/pdf?id=OM0jvwB8jIp57ZJjtNEZ
    """

    arguments: ClassVar[dict[str, Check]] = _CHECKS
    beta_1, beta_2, epsilon = Hyperparameter(), Hyperparameter(), Hyperparameter()
    # Exponent factor of mu(t). Models saved before Keras 3 were trained with 0.004.
    schedule_decay = Hyperparameter()

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
        self.schedule_decay = 1.0

    def build(self, variables: Iterable[Variable]) -> None:
        """Create two slots for each variable, and the product of momenta."""
        first = not self.built
        super().build(variables)
        if first:
            self._product = self._make_variable(np.float32(1.0), "product")

    def slots(self, variable: Variable) -> Slots:
        """Return the first and second moments."""
        return {"momentum": zeros(variable), "velocity": zeros(variable)}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> _NadamRates:
        """Return the terms of the formula that all variables share."""
        beta_1 = jnp.asarray(self.beta_1, jnp.float32)
        beta_2 = jnp.asarray(self.beta_2, jnp.float32)
        decay = self.schedule_decay
        now = beta_1 * (1.0 - 0.5 * jnp.power(0.96, step * decay))
        after = beta_1 * (1.0 - 0.5 * jnp.power(0.96, (step + 1.0) * decay))
        product = self._product.value * now
        self._product.assign(product)
        return _NadamRates(
            momentum=learning_rate * after / (1.0 - product * after),
            gradient=learning_rate * (1.0 - now) / (1.0 - product),
            gain_1=1.0 - beta_1,
            gain_2=1.0 - beta_2,
            correction=1.0 - jnp.power(beta_2, step),
        )

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
        m, v, rates = slots["momentum"], slots["velocity"], learning_rate
        m = m + (gradient - m) * rates.gain_1
        v = v + (jnp.square(gradient) - v) * rates.gain_2
        delta = rates.momentum * m + rates.gradient * gradient
        value = value - delta / (jnp.sqrt(v / rates.correction) + self.epsilon)
        return value, {"momentum": m, "velocity": v}
