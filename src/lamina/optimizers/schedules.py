"""Learning rates that change with the step.

A schedule is called with the number of batches seen so far, inside the compiled
program, and computes in float32 whatever the type of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from lamina.core import registry
from lamina.core.check import (
    Check,
    at_least,
    between,
    boolean,
    is_number,
    optional,
    positive_number,
)
from lamina.core.module import Hyperparameter, Module
from lamina.errors import ArgumentError, StateError

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__


schedule_registry = registry.Registry("schedule", "keras.optimizers.schedules")

_numbers = Check(
    "a list of numbers",
    lambda v: isinstance(v, (list, tuple)) and all(is_number(n) for n in v),
    (3, "ab", [None]),
)


class LearningRateSchedule(Module):
    """Base of schedules: override `__call__`, a function of the step.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** jnp.asarray(step, "float32")
        >>> float(Halving()(1))
        0.05000000074505806
    """

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step, which may be traced."""
        raise StateError(
            f"{type(self).__name__} has no `__call__(self, step)` that computes the "
            "learning rate of a step: define one."
        )


def _float(step: Any) -> jax.Array:
    return jnp.asarray(step, jnp.float32)


class _FactorDecay(LearningRateSchedule):
    """What the two schedules without an end have in common."""

    arguments: ClassVar[dict[str, Check]] = {
        "initial_learning_rate": at_least(0),
        "decay_steps": positive_number,
        "decay_rate": at_least(0),
        "staircase": boolean,
    }
    initial_learning_rate, decay_steps, decay_rate = (
        Hyperparameter(),
        Hyperparameter(),
        Hyperparameter(),
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name or type(self).__name__

    def _times(self, step: Any) -> jax.Array:
        times = _float(step) / self.decay_steps
        return jnp.floor(times) if self.staircase else times

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "name": self.name}


class ExponentialDecay(_FactorDecay):
    """Multiply by a factor every so many steps: initial * rate ** (step / steps).

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: after how many steps the factor applies once.
        decay_rate: the factor.
        staircase: whether to apply it at once every `decay_steps` steps instead of
            gradually.
        name: kept for configs.

    Example:
        >>> float(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(20))
        0.125
    """

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step."""
        factor = jnp.power(self.decay_rate, self._times(step))
        return self.initial_learning_rate * factor


class InverseTimeDecay(_FactorDecay):
    """Divide by a number that grows: initial / (1 + rate * step / steps).

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: after how many steps the divisor has grown by `decay_rate`.
        decay_rate: how much the divisor grows.
        staircase: whether it grows at once every `decay_steps` steps instead of
            gradually.
        name: kept for configs.

    Example:
        >>> float(InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)(10))
        0.25
    """

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step."""
        divisor = 1.0 + self.decay_rate * self._times(step)
        return self.initial_learning_rate / divisor


class PiecewiseConstantDecay(LearningRateSchedule):
    """One value up to and including each boundary, and one after the last.

    Args:
        boundaries: increasing steps.
        values: learning rates, one more than boundaries.
        name: kept for configs.

    Example:
        >>> schedule = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.25])
        >>> [float(schedule(step)) for step in (100, 101, 201)]
        [1.0, 0.5, 0.25]
    """

    arguments: ClassVar[dict[str, Check]] = {"boundaries": _numbers, "values": _numbers}

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                "PiecewiseConstantDecay: there must be one more of `values` than of "
                f"`boundaries`. Received: boundaries={boundaries}, values={values}."
            )
        if list(boundaries) != sorted(boundaries):
            raise ArgumentError(
                "PiecewiseConstantDecay: `boundaries` must increase. "
                f"Received: boundaries={boundaries}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step."""
        passed = _float(step) > jnp.asarray(self.boundaries, jnp.float32)
        return jnp.asarray(self.values, jnp.float32)[jnp.sum(passed)]


class PolynomialDecay(LearningRateSchedule):
    """Go down to an end value along (1 - step / steps) ** power.

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: when the end value is reached.
        end_learning_rate: the end value, kept from then on.
        power: 1 for a straight line.
        cycle: whether to stretch `decay_steps` to its next multiple whenever the end
            is reached, which makes the rate rise again.
        name: kept for configs.

    Example:
        >>> float(PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)(1))
        0.75
    """

    arguments: ClassVar[dict[str, Check]] = {
        "initial_learning_rate": at_least(0),
        "decay_steps": positive_number,
        "end_learning_rate": at_least(0),
        "power": at_least(0),
        "cycle": boolean,
    }
    initial_learning_rate, end_learning_rate = Hyperparameter(), Hyperparameter()
    decay_steps, power = Hyperparameter(), Hyperparameter()

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step."""
        step = _float(step)
        if self.cycle:
            cycles = jnp.maximum(jnp.ceil(step / self.decay_steps), 1.0)
            share = step / (self.decay_steps * cycles)
        else:
            share = jnp.minimum(step, self.decay_steps) / self.decay_steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * jnp.power(1.0 - share, self.power) + self.end_learning_rate


def _cosine(share: jax.Array) -> jax.Array:
    """Half a cosine wave, from 1 down to 0 as `share` goes from 0 to 1."""
    return 0.5 * (1.0 + jnp.cos(math.pi * share))


class CosineDecay(LearningRateSchedule):
    """Go down along half a cosine wave, after a linear warm-up if wanted.

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: how many steps the wave takes.
        alpha: the end value, as a share of the value that the wave starts from.
        name: kept for configs.
        warmup_target: where the warm-up leads; `None` for no warm-up.
        warmup_steps: how many steps the warm-up takes.

    Example:
        >>> schedule = CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=10)
        >>> [float(schedule(step)) for step in (5, 10, 110)]
        [0.5, 1.0, 0.0]

    Reference: Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983; warm-up:
    Goyal et al. 2017, https://arxiv.org/abs/1706.02677
    """

    arguments: ClassVar[dict[str, Check]] = {
        "initial_learning_rate": at_least(0),
        "decay_steps": positive_number,
        "alpha": between(0, 1),
        "warmup_target": optional(at_least(0)),
        "warmup_steps": at_least(0),
    }
    initial_learning_rate, decay_steps, alpha = (
        Hyperparameter(),
        Hyperparameter(),
        Hyperparameter(),
    )
    warmup_target, warmup_steps = Hyperparameter(), Hyperparameter()

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        if warmup_steps and warmup_target is None:
            raise ArgumentError(
                "CosineDecay: `warmup_steps` has no effect without `warmup_target`, "
                "the learning rate that the warm-up leads to. "
                f"Received: warmup_steps={warmup_steps}, warmup_target=None."
            )
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step."""
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        share = step / jnp.maximum(self.warmup_steps, 1.0)
        rise = self.warmup_target - self.initial_learning_rate
        return jnp.where(
            step < self.warmup_steps,
            rise * share + self.initial_learning_rate,
            self._decayed(self.warmup_target, step - self.warmup_steps),
        )

    def _decayed(self, start: Any, step: jax.Array) -> jax.Array:
        share = jnp.minimum(step, self.decay_steps) / self.decay_steps
        return start * ((1.0 - self.alpha) * _cosine(share) + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Go down along half a cosine wave, then start over with a longer one.

    Args:
        initial_learning_rate: the value at step 0.
        first_decay_steps: how many steps the first wave takes.
        t_mul: how many times longer each wave is than the one before.
        m_mul: how many times higher each wave starts than the one before.
        alpha: the end value, as a share of `initial_learning_rate`.
        name: kept for configs.

    Example:
        >>> schedule = CosineDecayRestarts(1.0, 10)
        >>> [round(float(schedule(step)), 3) for step in (5, 10, 20)]
        [0.5, 1.0, 0.5]

    Reference: Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983
    """

    arguments: ClassVar[dict[str, Check]] = {
        "initial_learning_rate": at_least(0),
        "first_decay_steps": positive_number,
        "t_mul": at_least(1),
        "m_mul": at_least(0),
        "alpha": between(0, 1),
    }
    initial_learning_rate, first_decay_steps = Hyperparameter(), Hyperparameter()
    t_mul, m_mul, alpha = Hyperparameter(), Hyperparameter(), Hyperparameter()

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """The learning rate of a step."""
        waves, share = self._place(_float(step) / self.first_decay_steps)
        height = jnp.power(self.m_mul, waves) * _cosine(share)
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)

    def _place(self, time: jax.Array) -> tuple[jax.Array, jax.Array]:
        """How many waves are over, and the share of the current one."""
        # Waves of lengths 1, t, t**2, ... end at (t**n - 1) / (t - 1), which has no
        # value for t = 1. The number may be traced, so both forms are computed.
        equal = jnp.floor(time)
        same = jnp.asarray(self.t_mul, jnp.float32) == 1.0
        growth = jnp.where(same, 2.0, self.t_mul)
        waves = jnp.floor(jnp.log(1.0 + time * (growth - 1.0)) / jnp.log(growth))
        length = jnp.power(growth, waves)
        share = (time - (length - 1.0) / (growth - 1.0)) / length
        return jnp.where(same, equal, waves), jnp.where(same, time - equal, share)


schedule_registry.add(
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """A schedule's config, as files hold it.

    Args:
        learning_rate_schedule: any schedule.
    """
    return registry.serialize(learning_rate_schedule)


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> LearningRateSchedule:
    """The schedule that a config describes.

    Args:
        config: what `serialize` returned.
        custom_objects: classes by the name the config uses.

    Example:
        >>> deserialize(serialize(CosineDecay(0.1, decay_steps=50))).decay_steps
        50
    """
    return registry.deserialize(config, custom_objects)
