"""Adam and its variants: AdamW, Adamax, Nadam, Lamb."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Unpack

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
from lamina.optimizers.base import Optimizer, takes_shared_arguments
from lamina.optimizers.gradients import elementwise
from lamina.optimizers.state import Slots, zeros
from lamina.typing import Array


class MomentOptimizer(Optimizer):
    """Base class of the rules with running means of gradients and of their squares."""

    beta_1 = ComplementHyperparameter("gain_1", fraction)
    beta_2 = ComplementHyperparameter("gain_2", fraction)
    gain_1, gain_2 = Hyperparameter(), Hyperparameter()
    epsilon = Hyperparameter(at_least(0))

    @takes_shared_arguments
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

    def _bias_corrections(self, step: Array) -> tuple[Array, Array]:
        """Return the divisors that correct the moments' bias towards 0."""
        return 1.0 - jnp.power(self.beta_1, step), 1.0 - jnp.power(self.beta_2, step)


class Adam(MomentOptimizer):
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

    arguments: ClassVar[dict[str, Check]] = {
        **MomentOptimizer.arguments,
        "amsgrad": boolean,
    }
    slots_apart = ("velocity_hat",)

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad

    def slots(self, variable: Variable) -> Slots:
        """Return the first and second moments, and the maximum with `amsgrad`."""
        maximum = {"velocity_hat": zeros(variable)} if self.amsgrad else {}
        return {**super().slots(variable), **maximum}

    def prepare(self, step: Array, learning_rate: Array) -> Array:
        """Return the learning rate with the bias corrections of both moments."""
        first, second = self._bias_corrections(step)
        return learning_rate * jnp.sqrt(second) / first

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
        m, v = slots["momentum"], slots["velocity"]
        # Scalars come first: XLA then makes more equal kernels, which it compiles once.
        m = m + self.gain_1 * (gradient - m)
        v = v + self.gain_2 * (jnp.square(gradient) - v)
        new = {"momentum": m, "velocity": v}
        if "velocity_hat" in slots:
            v = jnp.maximum(slots["velocity_hat"], v)
            new["velocity_hat"] = v
        return value - learning_rate * m / (self.epsilon + jnp.sqrt(v)), new


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

    @takes_shared_arguments
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


class Adamax(MomentOptimizer):
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

    def slots(self, variable: Variable) -> Slots:
        """Return the first moment and the infinity norm."""
        return {"momentum": zeros(variable), "norm": zeros(variable)}

    def prepare(self, step: Array, learning_rate: Array) -> Array:
        """Return the learning rate with the bias correction of the first moment."""
        return learning_rate / self._bias_corrections(step)[0]

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
        m = m + (gradient - m) * self.gain_1
        u = jnp.maximum(self.beta_2 * slots["norm"], jnp.abs(gradient))
        value = value - learning_rate * m / (u + self.epsilon)
        return value, {"momentum": m, "norm": u}


class Nadam(MomentOptimizer):
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

    # Exponent factor of mu(t). Models saved before Keras 3 were trained with 0.004.
    momentum_decay: float = 1.0

    def build(self, variables: Iterable[Variable]) -> None:
        """Create two slots for each variable, and the product of momenta."""
        first = not self.built
        super().build(variables)
        if first:
            self._product = self._make_variable(np.float32(1.0), "product")

    def prepare(self, step: Array, learning_rate: Array) -> tuple[Array, ...]:
        """Return the terms of the formula that all variables share."""
        beta_1 = jnp.asarray(self.beta_1, jnp.float32)
        beta_2 = jnp.asarray(self.beta_2, jnp.float32)
        decay = self.momentum_decay
        now = beta_1 * (1.0 - 0.5 * jnp.power(0.96, step * decay))
        after = beta_1 * (1.0 - 0.5 * jnp.power(0.96, (step + 1.0) * decay))
        product = self._product.value * now
        self._product.assign(product)
        momentum_rate = learning_rate * after / (1.0 - product * after)
        gradient_rate = learning_rate * (1.0 - now) / (1.0 - product)
        correction = 1.0 - jnp.power(beta_2, step)
        return momentum_rate, gradient_rate, 1.0 - beta_1, 1.0 - beta_2, correction

    @elementwise
    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: tuple[Array, ...],
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        momentum_rate, gradient_rate, gain_1, gain_2, correction = learning_rate
        m, v = slots["momentum"], slots["velocity"]
        m = m + (gradient - m) * gain_1
        v = v + (jnp.square(gradient) - v) * gain_2
        delta = momentum_rate * m + gradient_rate * gradient
        value = value - delta / (jnp.sqrt(v / correction) + self.epsilon)
        return value, {"momentum": m, "velocity": v}


class Lamb(MomentOptimizer):
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

    def prepare(self, step: Array, learning_rate: Array) -> tuple[Array, Array, Array]:
        """Return the learning rate and the bias corrections of both moments."""
        return learning_rate, *self._bias_corrections(step)

    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: tuple[Array, Array, Array],
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        rate, correction_1, correction_2 = learning_rate
        m, v = slots["momentum"], slots["velocity"]
        m = m + (gradient - m) * self.gain_1
        v = v + (jnp.square(gradient) - v) * self.gain_2
        root = jnp.sqrt(v / correction_2)
        delta = (m / correction_1) / (root + self.epsilon)
        value_norm = jnp.sqrt(jnp.sum(jnp.square(value)))
        delta_norm = jnp.sqrt(jnp.sum(jnp.square(delta)))
        has_norms = (value_norm > 0) & (delta_norm > 0)
        trust_ratio = jnp.where(has_norms, value_norm / delta_norm, 1.0)
        value = value - trust_ratio * rate * delta
        return value, {"momentum": m, "velocity": v}
