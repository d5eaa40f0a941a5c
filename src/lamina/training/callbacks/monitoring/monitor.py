"""`MonitorCallback`: base of callbacks that monitor a metric."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Collection

import numpy as np

from lamina.core.check import Check, at_least, number, one_of
from lamina.errors import ArgumentError, did_you_mean
from lamina.training.callbacks.base import Callback
from lamina.typing import Logs

# Names of metrics end in one of these if higher or lower values are better.
_HIGHER = re.compile(
    "(acc|accuracy|auc|correlation|iou|precision|recall|score|sensitivity|similarity"
    "|specificity)$"
)
_LOWER = re.compile(
    "(crossentropy|divergence|error|hinge|loss|mae|mape|mse|msle|poisson|rmse)$"
)


def better_direction(metric: str) -> str | None:
    """Return "max" if higher values of a metric are better, "min" if lower ones are.

    Args:
        metric: the metric's name; `None` is returned if it shows neither.
    """
    if _HIGHER.search(metric.lower()):
        return "max"
    return "min" if _LOWER.search(metric.lower()) else None


class MonitorCallback(Callback):
    """Base of callbacks that monitor whether a metric improves.

    Args:
        monitor: the metric's name in the logs.
        mode: `"min"` if lower is better, `"max"` if higher is; `"auto"` infers it from
            the metric.
        baseline: initial best value.
        min_delta: smallest change that counts as an improvement.
    """

    arguments = {
        "monitor": Check("a metric's name", lambda v: isinstance(v, str), (3, None)),
        "mode": one_of("auto", "min", "max"),
        "min_delta": number,
        "patience": at_least(0),
    }

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        self.monitor, self.mode = monitor, mode.lower()
        self.best: float | None = baseline
        self.min_delta = abs(min_delta)
        self._higher: bool | None = None
        # True once a warning has reported that the metric is missing.
        self.is_explained = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the state, and determine which direction is better.

        Raises:
            ArgumentError: `mode` is `"auto"`, and the metric's name does not show it.
        """
        self._reset()
        if self.is_watching():
            self._higher = self._is_higher_better()

    def _reset(self) -> None:
        """Reset the state before training."""

    def is_watching(self) -> bool:
        """Return whether the metric has any effect."""
        return True

    def _is_higher_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        # Users may rename a metric, so its class comes before its name.
        metrics = getattr(self.model, "metrics", ())
        named = (m for m in metrics if f"_{name}".endswith(f"_{m.name}"))
        for text in (*(type(m).__name__ for m in named), name):
            direction = better_direction(text)
            if direction is not None:
                return direction == "max"
        known = [prefix + m.name for m in metrics for prefix in ("", "val_")]
        raise ArgumentError(
            f"{type(self).__name__}: the name {self.monitor!r} does not tell whether "
            "higher or lower is better. Pass mode='max' or mode='min'."
            f"{did_you_mean(self.monitor, known)}"
        )

    def value_of(self, logs: Logs | None) -> float | None:
        """Return the monitored value; warn once and return `None` if it is missing."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is not None and np.ndim(value) == 0:
            return float(value)
        if not self.is_explained:
            self.is_explained = True
            several = f"{self._start()} has several values: {value}. Monitor one."
            problem = self.missing(logs) if value is None else several
            warnings.warn(problem, stacklevel=2)
        return None

    def _start(self) -> str:
        return f"{type(self).__name__} monitors {self.monitor!r}, which"

    def missing(self, known: Collection[str], mend: str = "") -> str:
        """Return a message that the metric is not one of the known ones.

        Args:
            known: names in the logs.
            mend: what to do, if no known name is nearly the same.
        """
        for old, new in (("accuracy", "acc"), ("acc", "accuracy")):
            if (other := self.monitor.replace(old, new)) in known:
                mend = f" Did you mean {other!r}?"
        mend = mend or did_you_mean(self.monitor, known)
        if not mend and self.monitor.startswith("val_"):
            mend = " Pass `validation_data` or `validation_split` to `fit`."
        names = ", ".join(known)
        return f"{self._start()} is not available. The metrics are: {names}.{mend}"

    def is_better(self, value: float, than: float | None) -> bool:
        """Return whether a value is better than another by more than `min_delta`."""
        if than is None or math.isnan(than):
            return not math.isnan(value)
        # In float32, as logs are, so that a change of exactly `min_delta` is none.
        if self._higher:
            return bool(np.float32(value - self.min_delta) > np.float32(than))
        return bool(np.float32(value + self.min_delta) < np.float32(than))
