"""Adafactor."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least, boolean, is_number, positive_number
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import SharedArguments
from lamina.optimizers.base import Optimizer, Slots, zeros

__all__ = ["Adafactor"]


class _Rates(NamedTuple):
    rate: jax.Array
    kept: jax.Array


def _root_mean_square(array: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(array)))


class Adafactor(Optimizer):
    """Adam without momentum, and with the mean squares of a matrix as a product.

    Of gradient**2 only running means over rows and over columns are needed. The move
    is clipped by its root mean square and scaled by that of the variable.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_2_decay: the share of the running means that is kept is
            1 - step**beta_2_decay.
        epsilon_1: added to the squares.
        epsilon_2: least root mean square of a variable that counts.
        clip_threshold: largest root mean square of a move.
        relative_step: whether the rate is at most 1 / sqrt(step).
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable(np.ones((2, 2)))
        >>> Adafactor(learning_rate=0.5).apply([np.ones((2, 2))], [weight])
        >>> weight.numpy().round(4)
        array([[0.5, 0.5],
               [0.5, 0.5]], dtype=float32)

    Reference: Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "beta_2_decay": Check(
            "a number of at most 0", lambda v: is_number(v) and v <= 0, (0.5, "a")
        ),
        "epsilon_1": at_least(0),
        "epsilon_2": at_least(0),
        "clip_threshold": positive_number,
        "relative_step": boolean,
    }
    beta_2_decay, epsilon_1, epsilon_2 = (
        Hyperparameter(),
        Hyperparameter(),
        Hyperparameter(),
    )
    clip_threshold = Hyperparameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def slots(self, variable: Variable) -> Slots:
        """Running means over rows and columns, and the mean squares they make."""
        # Keras's files have unused integers where there are no rows and columns, and
        # the whole of the mean squares, although rows and columns determine it.
        rows, columns = np.int32(0), np.int32(0)
        if variable.ndim >= 2:
            rows = np.zeros(variable.shape[:-1], variable.dtype)
            columns = np.zeros(
                (*variable.shape[:-2], variable.shape[-1]), variable.dtype
            )
        return {"rows": rows, "columns": columns, "velocity": zeros(variable)}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> _Rates:
        """The learning rate, and the share of the running means that is kept."""
        if self.relative_step:
            learning_rate = jnp.minimum(learning_rate, 1.0 / jnp.sqrt(step))
        return _Rates(learning_rate, 1.0 - jnp.power(step, self.beta_2_decay))

    def update(
        self,
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """A variable's new value and slots."""
        kept, new = learning_rate.kept, dict(slots)
        squares = jnp.square(gradient) + self.epsilon_1

        def mean(before: jax.Array, now: jax.Array) -> jax.Array:
            return kept * before + (1.0 - kept) * now

        if value.ndim >= 2:
            rows = mean(slots["rows"], jnp.mean(squares, axis=-1))
            columns = mean(slots["columns"], jnp.mean(squares, axis=-2))
            shares = rows / jnp.mean(rows, axis=-1, keepdims=True)
            velocity = shares[..., None] * columns[..., None, :]
            new |= {"rows": rows, "columns": columns}
        else:
            velocity = mean(slots["velocity"], squares)
        move = gradient / jnp.sqrt(velocity)
        move /= jnp.maximum(1.0, _root_mean_square(move) / self.clip_threshold)
        scale = jnp.maximum(self.epsilon_2, _root_mean_square(value))
        return value - scale * learning_rate.rate * move, new | {"velocity": velocity}
