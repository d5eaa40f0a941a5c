"""Muon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import jax.numpy as jnp

from lamina.core.check import (
    Check,
    at_least,
    between,
    boolean,
    fraction,
    integer,
    optional,
    patterns,
)
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.optimizers.arguments import (
    CommonArguments,
    ComplementHyperparameter,
    LearningRate,
)
from lamina.optimizers.base import Optimizer, takes_shared_arguments
from lamina.optimizers.state import Slots, zeros
from lamina.typing import Array, ArrayLike


class Muon(Optimizer):
    """Muon optimizer: orthogonalized momentum for matrices, AdamW for the rest.

    m = momentum * m + gradient; value -= learning_rate * U, where U is the orthogonal
    matrix nearest to m, approximated by a few Newton-Schulz steps and scaled to the
    size of Adam's updates. Embeddings and variables that are not matrices are trained
    by `AdamW`.

    Args:
        learning_rate: a number, a schedule, or a function of the step.
        adam_beta_1: `beta_1` of AdamW.
        adam_beta_2: `beta_2` of AdamW.
        adam_weight_decay: weight decay of the variables trained by AdamW.
        epsilon: `epsilon` of AdamW.
        weight_decay: weight decay of the matrices.
        exclude_layers: regular expressions; variables whose path matches one are
            trained by AdamW.
        exclude_embeddings: whether to train embeddings by AdamW.
        muon_a: first coefficient of the Newton-Schulz polynomial.
        muon_b: second coefficient.
        muon_c: third coefficient.
        adam_lr_ratio: AdamW's learning rate, as a multiple of the learning rate.
        momentum: decay rate of the running sum of gradients.
        ns_steps: number of Newton-Schulz steps.
        nesterov: whether to use Nesterov momentum.
        rms_rate: scale of an update, times the root of its longer side; `None` leaves
            it orthogonal.
        kwargs: as for `Optimizer`.

    Example:
        >>> weight = Variable([[1.0, 0.0], [0.0, 1.0]])
        >>> optimizer = Muon(learning_rate=0.1, weight_decay=0.0)
        >>> optimizer.apply([[[3.0, 0.0], [0.0, 3.0]]], [weight])
        >>> [bool(0.96 < n < 0.99) for n in (weight.value[0, 0], weight.value[1, 1])]
        [True, True]

    Reference: Jordan 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025,
    https://arxiv.org/abs/2502.16982
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "exclude_embeddings": boolean,
        "exclude_layers": optional(patterns),
        "ns_steps": integer(1, 100),
        "nesterov": boolean,
    }
    adam_beta_1 = ComplementHyperparameter("gain_1", fraction)
    adam_beta_2 = ComplementHyperparameter("gain_2", fraction)
    gain_1, gain_2 = Hyperparameter(), Hyperparameter()
    adam_weight_decay = Hyperparameter(optional(at_least(0)))
    epsilon, adam_lr_ratio = Hyperparameter(at_least(0)), Hyperparameter(at_least(0))
    muon_a, muon_b, muon_c = Hyperparameter(), Hyperparameter(), Hyperparameter()
    momentum = Hyperparameter(between(0, 1))
    rms_rate = Hyperparameter(optional(at_least(0)))

    @takes_shared_arguments
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def _uses_adam(self, variable: Variable) -> bool:
        if variable.ndim != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(name, variable.path) for name in self.exclude_layers)

    def slots(self, variable: Variable) -> Slots:
        """Return the momentum, and for AdamW the second moment."""
        names = ["momentum", *(["velocity"] if self._uses_adam(variable) else [])]
        return {name: zeros(variable) for name in names}

    def decay_of(self, variable: Variable) -> Any:
        """Return the weight decay of a variable, or `None`."""
        if variable in self._undecayed:
            return None
        adam = self._uses_adam(variable)
        return self.adam_weight_decay if adam else self.weight_decay

    def prepare(self, step: Array, learning_rate: Array) -> tuple[Array, Array]:
        """Return the learning rates of Muon and of AdamW."""
        first = 1.0 - jnp.power(self.adam_beta_1, step)
        second = 1.0 - jnp.power(self.adam_beta_2, step)
        adam_rate = learning_rate * self.adam_lr_ratio * jnp.sqrt(second) / first
        return learning_rate, adam_rate

    def update(
        self,
        gradient: Array,
        value: Array,
        slots: Slots,
        step: Array,
        learning_rate: tuple[Array, Array],
    ) -> tuple[Array, Slots]:
        """Return a variable's new value and slots."""
        rate, adam_rate = learning_rate
        m = slots["momentum"]
        if "velocity" in slots:
            m = m + (gradient - m) * self.gain_1
            v = slots["velocity"]
            v = v + (jnp.square(gradient) - v) * self.gain_2
            delta = m * adam_rate / (jnp.sqrt(v) + self.epsilon)
            return value - delta, {"momentum": m, "velocity": v}
        m = m + (gradient + m * (self.momentum - 1.0))
        ahead = gradient + self.momentum * m if self.nesterov else m
        delta = self.zeropower_via_newtonschulz5(ahead, self.ns_steps)
        return value - rate * self.lr_adjust(delta), {"momentum": m}

    def lr_adjust(self, x: Array) -> Array:
        """Scale an update by `rms_rate` times the root of its longer side.

        Args:
            x: the update of a matrix.
        """
        if self.rms_rate is None:
            return x
        return x * (max(x.shape) ** 0.5 * self.rms_rate)

    def zeropower_via_newtonschulz5(self, x: ArrayLike, steps: int) -> Array:
        """Approximate the orthogonal matrix nearest to a matrix.

        Args:
            x: the matrix, or a stack of shape (..., rows, columns).
            steps: number of Newton-Schulz steps.
        """
        y = jnp.asarray(x)
        tall = y.shape[-2] > y.shape[-1]
        y = self.transpose_last_axis(y) if tall else y
        norm = jnp.sqrt(jnp.sum(jnp.square(y), axis=(-2, -1), keepdims=True))
        y = y / (norm + 1e-7)
        for _ in range(steps):
            square = y @ self.transpose_last_axis(y)
            polynomial = self.muon_b * square + self.muon_c * square @ square
            y = self.muon_a * y + polynomial @ y
        return self.transpose_last_axis(y) if tall else y

    def transpose_last_axis(self, X: Array) -> Array:  # noqa: N803 Keras's name
        """Transpose a matrix, or each matrix of a stack.

        Args:
            X: array of shape (..., rows, columns).
        """
        return jnp.swapaxes(X, -2, -1)
