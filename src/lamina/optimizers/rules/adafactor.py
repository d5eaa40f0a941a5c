"""Adafactor."""

from __future__ import annotations

from typing import ClassVar, Unpack

import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, at_least, boolean, positive_number
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import LearningRate, SharedArguments, not_positive
from lamina.optimizers.base import Optimizer, takes_shared_arguments
from lamina.optimizers.state import Slots, zeros
from lamina.typing import Array


def _root_mean_square(array: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(array)))


class Adafactor(Optimizer):
    """Adafactor optimizer.

    Like Adam without momentum. The second moment of a matrix is factored into running
    means of gradient**2 over its rows and columns. The update is clipped by its root
    mean square and scaled by that of the variable.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        beta_2_decay: exponent of the decay rate of the running means, which is
            1 - step**beta_2_decay.
        epsilon_1: added to the squared gradients.
        epsilon_2: lower bound of the root mean square of a variable.
        clip_threshold: largest root mean square of an update.
        relative_step: whether to limit the learning rate to 1 / sqrt(step).
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
        "relative_step": boolean,
    }
    beta_2_decay = Hyperparameter(not_positive)
    epsilon_1, epsilon_2 = Hyperparameter(at_least(0)), Hyperparameter(at_least(0))
    clip_threshold = Hyperparameter(positive_number)

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
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
        """Return the factored second moment and the full one."""
        # Keras's files store unused integers for vectors and scalars, and the full
        # second moment of matrices, although rows and columns determine it.
        rows, columns = np.int32(0), np.int32(0)
        if variable.ndim >= 2:
            rows = np.zeros(variable.shape[:-1], variable.dtype)
            columns = np.zeros(
                (*variable.shape[:-2], variable.shape[-1]), variable.dtype
            )
        return {"rows": rows, "columns": columns, "velocity": zeros(variable)}

    def prepare(self, step: Array, learning_rate: Array) -> tuple[Array, Array]:
        """Return the learning rate and the decay rate of the running means."""
        if self.relative_step:
            learning_rate = jnp.minimum(learning_rate, 1.0 / jnp.sqrt(step))
        return learning_rate, 1.0 - jnp.power(step, self.beta_2_decay)

    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: tuple[Array, Array],
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        rate, decay = learning_rate
        new = dict(slots)
        squares = jnp.square(gradient) + self.epsilon_1

        def running_mean(mean: Array, new: Array) -> Array:
            return decay * mean + (1.0 - decay) * new

        if value.ndim >= 2:
            rows = running_mean(slots["rows"], jnp.mean(squares, axis=-1))
            columns = running_mean(slots["columns"], jnp.mean(squares, axis=-2))
            row_factor = rows / jnp.mean(rows, axis=-1, keepdims=True)
            velocity = row_factor[..., None] * columns[..., None, :]
            new |= {"rows": rows, "columns": columns}
        else:
            velocity = running_mean(slots["velocity"], squares)
        delta = gradient / jnp.sqrt(velocity)
        delta /= jnp.maximum(1.0, _root_mean_square(delta) / self.clip_threshold)
        scale = jnp.maximum(self.epsilon_2, _root_mean_square(value))
        value = value - scale * rate * delta
        return value, new | {"velocity": velocity}
