"""Callbacks that change the learning rate: on a schedule, or on a plateau."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from lamina.core.check import Check, at_least, fraction
from lamina.errors import ArgumentTypeError, StateError
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.typing import Logs


def rate_of(model: Any) -> float:
    """Return the learning rate of a model's optimizer.

    Raises:
        StateError: the optimizer has none.
    """
    rate = getattr(model.optimizer, "learning_rate", None)
    if rate is None:
        raise StateError(f"The optimizer {model.optimizer!r} has no `learning_rate`.")
    return float(rate)


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
        args = (epoch, rate_of(self.model)) if self._takes_rate else (epoch,)
        result = self.schedule(*args)
        try:
            rate = float(result)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "LearningRateScheduler: `schedule` must return a number. For epoch "
                f"{epoch} it returned {result!r}."
            ) from None
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: setting the learning rate to {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the learning rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = rate_of(self.model)


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

    def in_cooldown(self) -> bool:
        """Return whether epochs after the last reduction do not count yet."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Reduce the learning rate if the metric has not improved for too long."""
        rate = rate_of(self.model)
        if logs is not None:
            logs["learning_rate"] = rate
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
            # The learning rate is a float32, so the bound is rounded to one too.
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                self._reduce(epoch, max(rate * self.factor, self.min_lr))

    def _reduce(self, epoch: int, rate: float) -> None:
        self.model.optimizer.learning_rate = rate
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: reducing the learning rate to {rate:g}")
