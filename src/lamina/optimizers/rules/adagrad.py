"""Adagrad and Adadelta."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least, between
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import SharedArguments
from lamina.optimizers.base import Optimizer, Slots, zeros
from lamina.optimizers.gradients import elementwise

__all__ = ["Adadelta", "Adagrad"]


class Adagrad(Optimizer):
    """Divide each gradient by the root of the sum of its squares so far.

    s += gradient**2; value -= rate * gradient / sqrt(s + epsilon)

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        initial_accumulator_value: where the sum starts.
        epsilon: keeps the root away from 0.
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
        "epsilon": at_least(0),
    }
    epsilon = Hyperparameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> Slots:
        """The sum of squares."""
        first = self.initial_accumulator_value
        return {"accumulator": np.full(variable.shape, first, variable.dtype)}

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
        total = slots["accumulator"] + jnp.square(gradient)
        value = value - learning_rate * gradient / jnp.sqrt(total + self.epsilon)
        return value, {"accumulator": total}


class Adadelta(Optimizer):
    """Scale each gradient so that moves are of the size of the moves before.

    s = rho * s + (1 - rho) * gradient**2;
    move = gradient * sqrt(d + epsilon) / sqrt(s + epsilon);
    d = rho * d + (1 - rho) * move**2; value -= rate * move

    Args:
        learning_rate: a number, a schedule, or a function of the step; 1.0 gives the
            method of the paper.
        rho: share of the running means that is kept.
        epsilon: keeps the roots away from 0; it sets the size of the first moves.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([1.0])
        >>> Adadelta(learning_rate=1.0, epsilon=0.01).apply([[5.0]], [weight])
        >>> weight.numpy().round(3)
        array([0.555], dtype=float32)

    Reference: Zeiler 2012, https://arxiv.org/abs/1212.5701
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "rho": between(0, 1),
        "epsilon": at_least(0),
    }
    rho, epsilon = Hyperparameter(), Hyperparameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> Slots:
        """Running means of the squares of gradients and of moves."""
        return {
            "accumulated_grad": zeros(variable),
            "accumulated_delta_var": zeros(variable),
        }

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
        moves = slots["accumulated_delta_var"]
        squares = kept * slots["accumulated_grad"] + fresh * jnp.square(gradient)
        scale = jnp.sqrt(moves + self.epsilon)
        move = scale * gradient / jnp.sqrt(squares + self.epsilon)
        moves = kept * moves + fresh * jnp.square(move)
        new = {"accumulated_grad": squares, "accumulated_delta_var": moves}
        return value - learning_rate * move, new
