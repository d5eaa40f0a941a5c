"""Learning rate schedules: float32 functions of the number of processed batches."""

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
from lamina.core.module import Hyperparameter, Module, with_default_name
from lamina.errors import ArgumentError, MissingMethodError
from lamina.typing import ArrayLike

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
    """Base class of learning rate schedules: override `__call__`.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** jnp.asarray(step, "float32")
        >>> float(Halving()(1))
        0.05000000074505806
    """

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step, which may be traced."""
        raise MissingMethodError(
            f"{type(self).__name__} must define `__call__(self, step)`."
        )


def _float(step: ArrayLike) -> jax.Array:
    return jnp.asarray(step, jnp.float32)


class _FactorDecay(LearningRateSchedule):
    """Base class of the schedules that decay by a factor without end."""

    arguments: ClassVar[dict[str, Check]] = {"staircase": boolean}
    initial_learning_rate = Hyperparameter(at_least(0))
    decay_steps = Hyperparameter(positive_number)
    decay_rate = Hyperparameter(at_least(0))

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" not in vars(cls):
            cls.__init__ = with_default_name(cls.__init__, cls.__name__)

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

    def _decay_count(self, step: ArrayLike) -> jax.Array:
        count = _float(step) / self.decay_steps
        return jnp.floor(count) if self.staircase else count


class ExponentialDecay(_FactorDecay):
    """Exponential decay schedule: initial * rate ** (step / steps).

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: number of steps after which the factor is applied once.
        decay_rate: the factor.
        staircase: whether to decay at discrete intervals of `decay_steps` steps.
        name: name of the schedule in its config.

    Example:
        >>> float(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(20))
        0.125
    """

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step."""
        factor = jnp.power(self.decay_rate, self._decay_count(step))
        return self.initial_learning_rate * factor


class InverseTimeDecay(_FactorDecay):
    """Inverse time decay schedule: initial / (1 + rate * step / steps).

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: number of steps after which the divisor has grown by `decay_rate`.
        decay_rate: growth of the divisor per `decay_steps` steps.
        staircase: whether to decay at discrete intervals of `decay_steps` steps.
        name: name of the schedule in its config.

    Example:
        >>> float(InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)(10))
        0.25
    """

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step."""
        divisor = 1.0 + self.decay_rate * self._decay_count(step)
        return self.initial_learning_rate / divisor


class PiecewiseConstantDecay(LearningRateSchedule):
    """Piecewise constant schedule.

    `values[i]` applies up to and including `boundaries[i]`, the last value afterwards.

    Args:
        boundaries: increasing steps.
        values: learning rates, one more than boundaries.
        name: name of the schedule in its config.

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
        is_sorted = list(boundaries) == sorted(boundaries)
        if len(boundaries) != len(values) - 1 or not is_sorted:
            raise ArgumentError(
                "PiecewiseConstantDecay: `boundaries` must increase, and `values` must "
                "have one element more than `boundaries`. "
                f"Received: boundaries={boundaries}, values={values}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step."""
        passed = _float(step) > jnp.asarray(self.boundaries, jnp.float32)
        return jnp.asarray(self.values, jnp.float32)[jnp.sum(passed)]


class PolynomialDecay(LearningRateSchedule):
    """Polynomial decay schedule to an end value, along (1 - step / steps) ** power.

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: number of steps after which the end value is reached.
        end_learning_rate: the constant value after `decay_steps` steps.
        power: the exponent; 1 for linear decay.
        cycle: whether to extend `decay_steps` to its next multiple whenever the end
            is reached, which makes the rate rise again.
        name: name of the schedule in its config.

    Example:
        >>> float(PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)(1))
        0.75
    """

    arguments: ClassVar[dict[str, Check]] = {"cycle": boolean}
    initial_learning_rate = Hyperparameter(at_least(0))
    end_learning_rate = Hyperparameter(at_least(0))
    decay_steps = Hyperparameter(positive_number)
    power = Hyperparameter(at_least(0))

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

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step."""
        step = _float(step)
        if self.cycle:
            cycles = jnp.maximum(jnp.ceil(step / self.decay_steps), 1.0)
            progress = step / (self.decay_steps * cycles)
        else:
            progress = jnp.minimum(step, self.decay_steps) / self.decay_steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * jnp.power(1.0 - progress, self.power) + self.end_learning_rate


def _cosine(progress: jax.Array) -> jax.Array:
    """Return half a cosine wave, from 1 to 0."""
    return 0.5 * (1.0 + jnp.cos(math.pi * progress))


class CosineDecay(LearningRateSchedule):
    """Cosine decay schedule with optional linear warm-up.

    Args:
        initial_learning_rate: the value at step 0.
        decay_steps: number of steps of the decay.
        alpha: the end value, as a fraction of the value at the start of the decay.
        name: name of the schedule in its config.
        warmup_target: the value after the warm-up; `None` for no warm-up.
        warmup_steps: number of steps of the warm-up.

    Example:
        >>> schedule = CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=10)
        >>> [float(schedule(step)) for step in (5, 10, 110)]
        [0.5, 1.0, 0.0]

    Reference: Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983; warm-up:
    Goyal et al. 2017, https://arxiv.org/abs/1706.02677
    """

    initial_learning_rate = Hyperparameter(at_least(0))
    decay_steps = Hyperparameter(positive_number)
    alpha = Hyperparameter(between(0, 1))
    warmup_target = Hyperparameter(optional(at_least(0)))
    warmup_steps = Hyperparameter(at_least(0))

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
                "CosineDecay: `warmup_steps` has no effect without `warmup_target`. "
                f"Received: warmup_steps={warmup_steps}, warmup_target=None."
            )
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step."""
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        progress = step / jnp.maximum(self.warmup_steps, 1.0)
        rise = self.warmup_target - self.initial_learning_rate
        return jnp.where(
            step < self.warmup_steps,
            rise * progress + self.initial_learning_rate,
            self._decayed(self.warmup_target, step - self.warmup_steps),
        )

    def _decayed(self, start: float, step: jax.Array) -> jax.Array:
        progress = jnp.minimum(step, self.decay_steps) / self.decay_steps
        return start * ((1.0 - self.alpha) * _cosine(progress) + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay schedule with restarts (SGDR).

    Args:
        initial_learning_rate: the value at step 0.
        first_decay_steps: number of steps of the first period.
        t_mul: factor between the lengths of successive periods.
        m_mul: factor between the initial values of successive periods.
        alpha: the end value, as a fraction of `initial_learning_rate`.
        name: name of the schedule in its config.

    Example:
        >>> schedule = CosineDecayRestarts(1.0, 10)
        >>> [round(float(schedule(step)), 3) for step in (5, 10, 20)]
        [0.5, 1.0, 0.5]

    Reference: Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983
    """

    initial_learning_rate = Hyperparameter(at_least(0))
    first_decay_steps = Hyperparameter(positive_number)
    t_mul = Hyperparameter(at_least(1))
    m_mul = Hyperparameter(at_least(0))
    alpha = Hyperparameter(between(0, 1))

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

    def __call__(self, step: ArrayLike) -> jax.Array:
        """Return the learning rate of a step."""
        period, progress = self._position(_float(step) / self.first_decay_steps)
        height = jnp.power(self.m_mul, period) * _cosine(progress)
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)

    def _position(self, time: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the index of the current period, and the progress within it."""
        # Periods of lengths 1, t, t**2, ... end at (t**n - 1) / (t - 1), undefined for
        # t = 1. `t_mul` may be traced, so both cases are computed.
        equal_period = jnp.floor(time)
        is_equal = jnp.asarray(self.t_mul, jnp.float32) == 1.0
        growth = jnp.where(is_equal, 2.0, self.t_mul)
        period = jnp.floor(jnp.log(1.0 + time * (growth - 1.0)) / jnp.log(growth))
        length = jnp.power(growth, period)
        progress = (time - (length - 1.0) / (growth - 1.0)) / length
        return (
            jnp.where(is_equal, equal_period, period),
            jnp.where(is_equal, time - equal_period, progress),
        )


schedule_registry.add(CosineDecay, CosineDecayRestarts, ExponentialDecay)
schedule_registry.add(InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return the config of a schedule.

    Example:
        >>> serialize(ExponentialDecay(0.5, 100, 0.9))["config"]["decay_steps"]
        100
    """
    return registry.serialize(learning_rate_schedule)


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> LearningRateSchedule:
    """Create a schedule from its config, which may use `custom_objects` by name.

    Example:
        >>> deserialize(serialize(CosineDecay(0.1, decay_steps=50))).decay_steps
        50
    """
    return registry.deserialize(config, custom_objects)
