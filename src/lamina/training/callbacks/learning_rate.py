"""Callbacks that change the learning rate: on a schedule, or on a plateau."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from lamina.core.check import Check, at_least, fraction
from lamina.errors import ArgumentTypeError, LikelyMistakeWarning, StateError
from lamina.optimizers.state import schedule_of
from lamina.tracebacks import warn
from lamina.training.callbacks.base import Callback, show
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.typing import Logs


def optimizers_by_rate(model: Any) -> dict[str, Any]:
    """Return a model's optimizers by the name of their learning rate in the logs."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not hasattr(optimizer, "optimizers"):
        return {"learning_rate": optimizer}
    return {f"learning_rate_{item.name}": item for item in optimizer.optimizers}


def rate_of(optimizer: object) -> float:
    """Return the learning rate of an optimizer.

    Raises:
        StateError: the optimizer has none.
    """
    rate = getattr(optimizer, "learning_rate", None)
    if rate is None:
        raise StateError(
            f"The optimizer {optimizer!r} has no `learning_rate`. Compile the model "
            "with an optimizer of lamina, or remove the callback that reads the rate."
        )
    return float(rate)


def rates_of(model: object) -> dict[str, float]:
    """Return the learning rates of a model's optimizers by name in the logs."""
    return {name: rate_of(item) for name, item in optimizers_by_rate(model).items()}


class LearningRateScheduler(Callback):
    """Callback that sets the learning rate at the start of each epoch.

    Args:
        schedule: a function that returns the learning rate. It takes the epoch, counted
            from 0, and the current learning rate, or the epoch alone.
        verbose: 1 to print the learning rate.

    Raises:
        ArgumentTypeError: `schedule` takes other arguments, or does not return a
            number.

    Example:
        >>> slower = LearningRateScheduler(lambda epoch, rate: rate * 0.9)
        >>> slower.schedule(0, 0.1)
        0.09000000000000001
    """

    arguments = {"schedule": Check("a function", callable, (0.1, None))}

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes_rate(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate."""
        for name, optimizer in optimizers_by_rate(self.model).items():
            rate = self._next_rate(epoch, optimizer)
            optimizer.learning_rate = rate
            if self.verbose:
                show(f"Epoch {epoch + 1}: setting {_described(name)} to {rate:g}")

    def _next_rate(self, epoch: int, optimizer: object) -> float:
        args = (epoch, rate_of(optimizer)) if self._takes_rate else (epoch,)
        result = self.schedule(*args)
        try:
            return float(result)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "LearningRateScheduler: `schedule` must return a number. For epoch "
                f"{epoch} it returned {result!r}."
            ) from None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the learning rate to the logs."""
        if logs is not None:
            logs.update(rates_of(self.model))


def _described(name: str) -> str:
    """Return words for a learning rate, from its name in the logs."""
    owner = name.removeprefix("learning_rate").removeprefix("_")
    return f"the learning rate of {owner}" if owner else "the learning rate"


def _takes_rate(schedule: Callable[..., Any]) -> bool:
    """Return whether a schedule takes the current rate as well as the epoch."""
    try:
        parameters = inspect.signature(schedule)
    except (TypeError, ValueError):  # a function written in C
        return True
    for count in (2, 1):
        with suppress(TypeError):
            parameters.bind(*range(count))
            return count == 2
    raise ArgumentTypeError(
        "LearningRateScheduler: `schedule` must take `(epoch, learning_rate)` or "
        f"`(epoch)`. Received: {schedule!r}, which takes {parameters}."
    )


class ReduceLROnPlateau(MonitorCallback):
    """Callback that reduces the learning rate when a metric stops improving.

    new rate = max(rate * factor, min_lr)

    Args:
        monitor: the metric's name in the logs.
        factor: factor below 1 by which the learning rate is multiplied.
        patience: number of epochs without improvement before a reduction.
        verbose: 1 to print a line at each reduction.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the metric.
        min_delta: smallest change that counts as an improvement.
        cooldown: number of epochs after a reduction that do not count.
        min_lr: lower bound of the learning rate.

    Example:
        >>> slower = ReduceLROnPlateau("loss", factor=0.5, patience=3)
        >>> slower.in_cooldown()
        False
    """

    arguments = {
        **MonitorCallback.arguments,
        "factor": fraction,
        "cooldown": at_least(0),
        "min_lr": at_least(0),
    }
    state_names = ("best", "wait", "cooldown_counter")
    former = {"epsilon": "It is called `min_delta` now."}

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self._reset()

    def _reset(self) -> None:
        """Reset the state before training."""
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the state, and warn if a schedule sets the learning rate."""
        super().on_train_begin(logs)
        for optimizer in optimizers_by_rate(self.model).values():
            schedule = schedule_of(optimizer)
            if schedule is not None:
                warn(
                    "ReduceLROnPlateau cannot reduce the learning rate of "
                    f"{type(optimizer).__name__}, which follows {schedule!r}. Create "
                    "the optimizer with a number as `learning_rate`, or remove the "
                    "callback.",
                    LikelyMistakeWarning,
                )

    def in_cooldown(self) -> bool:
        """Return whether epochs after the last reduction do not count yet."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Reduce the learning rate if the metric has not improved for too long."""
        if logs is not None:
            logs.update(rates_of(self.model))
        current = self.value_of(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        for name, optimizer in optimizers_by_rate(self.model).items():
            before = rate_of(optimizer)
            # The learning rate is a float32, so the bound is rounded to one too.
            if before <= np.float32(self.min_lr):
                continue
            rate = max(before * self.factor, self.min_lr)
            optimizer.learning_rate = rate
            self.cooldown_counter, self.wait = self.cooldown, 0
            if self.verbose:
                show(f"Epoch {epoch + 1}: reducing {_described(name)} to {rate:g}")
