"""`MetricHistory`: the values of metrics over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.progress.snapshot import Metric
from lamina.training.callbacks.monitoring.monitor import better_direction
from lamina.typing import ArrayLike, Logs

_CURVES = ("loss", "val_loss")


class MetricHistory:
    """Values of metrics in finished epochs, and what changed since."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self._first_epoch: list[float] = []  # losses while it runs

    def moving(self, logs: Logs) -> list[Metric]:
        """Return the metrics of an epoch that runs, and those of the last validation.

        Args:
            logs: the metrics so far.
        """
        metrics: list[Metric] = []
        for name, logged in logs.items():
            value, earlier = _mean(logged), self._values.get(name, [])
            curve = [*earlier, value]
            if name == "loss" and not earlier:
                self._first_epoch.append(value)
                curve = self._first_epoch
            metrics.append(_metric(name, value, earlier, curve))
        for name, values in self._values.items():
            if name not in logs:
                old = _metric(name, values[-1], values[:-1], values)
                metrics.append(old._replace(is_old=True))
        return metrics

    def finished(self, logs: Logs) -> list[Metric]:
        """Return the metrics of a finished epoch, and store them."""
        metrics: list[Metric] = []
        for name, logged in logs.items():
            value, values = _mean(logged), self._values.setdefault(name, [])
            metrics.append(_metric(name, value, values[-1:], values))
            values.append(value)
        return metrics


def _metric(
    name: str, value: float, earlier: Sequence[float], curve: Sequence[float]
) -> Metric:
    curve = curve if name in _CURVES else ()
    if not earlier:
        return Metric(name, value, curve=curve)
    change, direction = value - earlier[-1], better_direction(name)
    is_better = None if direction is None else (change > 0) == (direction == "max")
    return Metric(name, value, change, is_better, curve)


def _mean(value: ArrayLike) -> float:
    return float(np.mean(np.asarray(value)))
