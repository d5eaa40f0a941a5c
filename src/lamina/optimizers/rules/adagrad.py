"""Adagrad and its successors: Adadelta and RMSprop."""

from __future__ import annotations

from typing import ClassVar, Unpack

import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least, between, boolean
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


class Adagrad(Optimizer):
    """Adagrad optimizer: gradients divided by the root of their summed squares.

    s += gradient**2; value -= learning_rate * gradient / sqrt(s + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        initial_accumulator_value: initial value of the sum.
        epsilon: added under the square root for numerical stability.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> Adagrad(0.1, initial_accumulator_value=0.0).apply([[5.0]], [weight])
        >>> weight.numpy().round(4)
        array([0.9], dtype=float32)

    Reference: Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "initial_accumulator_value": at_least(0),
    }
    epsilon = Hyperparameter(at_least(0))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> Slots:
        """Return the initial sum of squared gradients."""
        first = self.initial_accumulator_value
        return {"accumulator": np.full(variable.shape, first, variable.dtype)}

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
        accumulator = slots["accumulator"] + jnp.square(gradient)
        value = value - learning_rate * gradient / jnp.sqrt(accumulator + self.epsilon)
        return value, {"accumulator": accumulator}


class Adadelta(Optimizer):
    """Adadelta optimizer: gradients scaled to the size of previous updates.

    s = rho * s + (1 - rho) * gradient**2;
    delta = gradient * sqrt(d + epsilon) / sqrt(s + epsilon);
    d = rho * d + (1 - rho) * delta**2; value -= learning_rate * delta

    Args:
        learning_rate: a number, a schedule, or a function of the step; the paper
            uses 1.0.
        rho: decay rate of the running means.
        epsilon: added under the square roots; it sets the size of the first updates.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> Adadelta(learning_rate=1.0, epsilon=0.01).apply([[5.0]], [weight])
        >>> weight.numpy().round(3)
        array([0.555], dtype=float32)

    Reference: Zeiler 2012, https://arxiv.org/abs/1212.5701
    """

    rho, epsilon = Hyperparameter(between(0, 1)), Hyperparameter(at_least(0))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> Slots:
        """Return the running means of squared gradients and squared updates."""
        return {
            "accumulated_grad": zeros(variable),
            "accumulated_delta_var": zeros(variable),
        }

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
        rho, squared_deltas = self.rho, slots["accumulated_delta_var"]
        squares = rho * slots["accumulated_grad"] + (1.0 - rho) * jnp.square(gradient)
        scale = jnp.sqrt(squared_deltas + self.epsilon)
        delta = scale * gradient / jnp.sqrt(squares + self.epsilon)
        squared_deltas = rho * squared_deltas + (1.0 - rho) * jnp.square(delta)
        new = {"accumulated_grad": squares, "accumulated_delta_var": squared_deltas}
        return value - learning_rate * delta, new


class RMSprop(Optimizer):
    """RMSprop optimizer: gradients divided by their running root mean square.

    v = rho * v + (1 - rho) * gradient**2;
    value -= learning_rate * gradient / sqrt(v + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        rho: decay rate of the running mean of squared gradients.
        momentum: fraction of the previous update that is added to the next.
        epsilon: added under the square root for numerical stability.
        centered: whether to divide by the estimated standard deviation of the
            gradient instead of its root mean square.
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
        "centered": boolean,
    }
    rho, epsilon = Hyperparameter(between(0, 1)), Hyperparameter(at_least(0))
    momentum = SlotHyperparameter(between(0, 1))
    slots_apart = ("momentum", "average_gradient")

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
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
        """Return the running means and the previous update, as far as needed."""
        is_needed = {
            "velocity": True,
            "momentum": self.momentum != 0,
            "average_gradient": self.centered,
        }
        return {name: zeros(variable) for name in is_needed if is_needed[name]}

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
        rho = self.rho
        velocity = rho * slots["velocity"] + (1.0 - rho) * jnp.square(gradient)
        new = {"velocity": velocity}
        denominator = velocity
        if "average_gradient" in slots:
            mean = rho * slots["average_gradient"] + (1.0 - rho) * gradient
            new["average_gradient"] = mean
            denominator = velocity - jnp.square(mean)
        delta = learning_rate * gradient / jnp.sqrt(denominator + self.epsilon)
        if "momentum" in slots:
            delta = self.momentum * slots["momentum"] + delta
            new["momentum"] = delta
        return value - delta, new
