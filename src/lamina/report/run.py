"""`Run`: the data of one run of training, as a report embeds it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from lamina.training.callbacks.monitoring.monitor import better_direction

# Points of a curve that a page holds.
_MOST_POINTS = 1000


@dataclass
class Run:
    """Data of one run: everything that a report shows, as JSON data.

    Args:
        name: name of the model, or of the folder of the run.
        record: versions, device, data, arguments, seed and command.
        epochs: the epochs, counted from 1.
        logs: the metrics of each epoch.
        rates: the learning rate of each epoch, by name.
        seconds: time of each epoch in seconds, by kind: "total", "validation",
            "compile" and "report".
        layers: a row for each layer.
        snapshots: quantiles of weights, updates and activations by layer.
        evaluation: predictions compared with targets, one for each output.
        findings: what the checks found: code, severity, message and fix.
        memory: peak bytes, by kind.
    """

    name: str
    record: dict[str, Any] = field(default_factory=dict[str, Any])
    epochs: list[int] = field(default_factory=list[int])
    logs: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    rates: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    layers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    snapshots: dict[str, Any] = field(default_factory=dict[str, Any])
    evaluation: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    findings: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    memory: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the run that `data` described; unknown entries are ignored."""
        known = {k: v for k, v in data.items() if k in cls.__dataclass_fields__}
        return cls(**known)

    def summary(self) -> dict[str, Any]:
        """Return what other pages show of the run, as JSON data."""
        results = [
            {k: r[k] for k in ("name", "task", "source", "rows", "scores")}
            for r in self.evaluation
        ]
        rest = {"snapshots": {}, "evaluation": results}
        return {**vars(self), **self.curves(), **rest}

    def curves(self) -> dict[str, Any]:
        """Return curves with a bounded number of points, and the sums of times."""
        keep = thinned(len(self.epochs))

        def some(values: Sequence[Any]) -> list[Any]:
            return [rounded(values[i]) for i in keep if i < len(values)]

        return {
            "epochs": [self.epochs[i] for i in keep],
            "logs": {name: some(values) for name, values in self.logs.items()},
            "rates": {name: some(values) for name, values in self.rates.items()},
            "seconds": {
                name: [rounded(self.total_seconds(name))] for name in self.seconds
            },
        }

    def scalars(self) -> dict[str, list[float]]:
        """Return the metrics that are numbers, NaN where one is missing."""
        return {
            name: [math.nan if v is None else v for v in values]
            if None in values
            else values
            for name, values in self.logs.items()
            # A metric has the same form in every epoch.
            if values and isinstance(values[-1], (int, float))
        }

    def best(self) -> tuple[str, int, float] | None:
        """Return the metric that decides, the index of its best epoch, and its value.

        It is the loss of validation, or of training without validation.
        """
        found = self.scalars()
        for name in ("val_loss", "loss"):
            best = best_index(found.get(name, ()), "min")
            if best is not None:
                return name, best, found[name][best]
        return None

    def total_seconds(self, kind: str = "total") -> float:
        """Return the sum of a time over epochs."""
        return float(sum(filter(None, self.seconds.get(kind, ()))))


def direction(metric: str) -> str:
    """Return whether a metric should be low or high, "min" or "max", or ""."""
    if metric.removeprefix("val_").endswith("loss"):
        return "min"
    return better_direction(metric) or ""


def best_index(values: Sequence[float], better: str) -> int | None:
    """Return the index of the best finite value.

    Args:
        values: of a metric.
        better: "min" or "max"; any other word has no best value.
    """
    sign = {"min": 1.0, "max": -1.0}.get(better)
    array = np.asarray(values, float)
    known = np.isfinite(array)
    if sign is None or not known.any():
        return None
    return int(np.argmin(np.where(known, sign * array, np.inf)))


def thinned(count: int, most: int = _MOST_POINTS) -> list[int]:
    """Return at most `most` evenly spread indices, with the first and the last."""
    if count <= most:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, most).astype(int)).tolist()


def rounded(value: object) -> Any:
    """Round a number to six digits; leave other values."""
    if isinstance(value, np.ndarray):
        return rounded(value.tolist())
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
