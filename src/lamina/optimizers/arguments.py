"""Names, types and checks of the arguments that optimizers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypedDict

import jax
import numpy as np

from lamina.core.check import (
    Check,
    at_least,
    boolean,
    is_int,
    is_number,
    optional,
    positive_int,
)
from lamina.core.module import Hyperparameter, Module, unknown_keyword_error
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError, StateError
from lamina.typing import ArrayLike

LearningRate: TypeAlias = ArrayLike | Variable | Callable[..., Any]
"""A number, a schedule, or a function of nothing or of the step."""


class CommonArguments(TypedDict, total=False):
    """Keyword arguments of every optimizer; see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class SharedArguments(CommonArguments, total=False):
    """Keyword arguments of optimizers whose weight decay is off by default."""

    weight_decay: float | None


def _is_learning_rate(value: object) -> bool:
    if callable(value):
        return not isinstance(value, type)
    if isinstance(value, (Variable, jax.Array, np.ndarray)):
        return value.shape == ()
    return at_least(0).accepts(value)


CHECKS = {
    "learning_rate": Check(
        "a number of at least 0, a schedule, or a function of the step",
        _is_learning_rate,
        ("0.1", -0.1, None, float("nan")),
    ),
    "use_ema": boolean,
    "ema_overwrite_frequency": optional(positive_int),
    "gradient_accumulation_steps": optional(
        Check("an integer of at least 2", lambda v: is_int(v) and v > 1, (1, 2.5))
    ),
}

_OLD_NAMES = {
    "lr": "Write `learning_rate`.",
    "decay": "Pass a schedule as the learning rate: "
    "`learning_rate=schedules.InverseTimeDecay(learning_rate, 1, decay)`.",
}


not_positive = Check(
    "a number of at most 0", lambda v: is_number(v) and v <= 0, (0.5, "a")
)


def unknown_arguments_error(cls: type, names: Iterable[str]) -> ArgumentTypeError:
    """Return the error for keywords that an optimizer does not accept."""
    error = unknown_keyword_error(cls, names)
    hints = [_OLD_NAMES[name] for name in names if name in _OLD_NAMES]
    return ArgumentTypeError(" ".join([str(error), *hints]))


def check_combinations(optimizer: Any) -> None:
    """Raise if one argument makes another ineffective."""
    owner = type(optimizer).__name__
    names = "clipnorm", "clipvalue", "global_clipnorm"
    given = [f"{n}={v}" for n in names if (v := getattr(optimizer, n)) is not None]
    if len(given) > 1:
        raise ArgumentError(
            f"{owner}: only one of `clipnorm`, `clipvalue` and `global_clipnorm` may "
            f"be set. Received: {', '.join(given)}."
        )
    if optimizer.ema_overwrite_frequency is not None and not optimizer.use_ema:
        raise ArgumentError(
            f"{owner}: `ema_overwrite_frequency` has no effect without `use_ema=True`. "
            f"Received: ema_overwrite_frequency={optimizer.ema_overwrite_frequency}."
        )


class SlotHyperparameter(Hyperparameter):
    """A hyperparameter whose slot exists only if it is nonzero at build time."""

    def __set__(self, instance: Module, value: Any) -> None:
        before = instance.__dict__.get(self.name)
        if getattr(instance, "built", False) and (before == 0) != (value == 0):
            raise StateError(
                f"{type(instance).__name__}: `{self.name}` cannot change from {before} "
                f"to {value} once the optimizer is built, because a slot exists only "
                "for a nonzero value. Create a new optimizer."
            )
        super().__set__(instance, value)


class ComplementHyperparameter(Hyperparameter):
    """A `Hyperparameter` that stores 1 minus its value in another attribute.

    Compiled programs take hyperparameters as float32, in which 1 - 0.999 is wrong in
    the fifth digit.

    Args:
        other: the attribute, a `Hyperparameter`, that stores 1 minus the value.
        check: the constraint on the constructor's argument of the same name.
    """

    def __init__(self, other: str, check: Check) -> None:
        super().__init__(check)
        self.other = other

    def __set__(self, instance: Module, value: Any) -> None:
        super().__set__(instance, value)
        setattr(instance, self.other, 1 - value)
