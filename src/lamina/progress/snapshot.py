"""`Snapshot`: the state of a loop as a display shows it, and its plain line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_BAR_WIDTH = 20


class Metric(NamedTuple):
    """Value of a metric with its course.

    Args:
        name: the metric's name.
        value: the value.
        change: difference to the last epoch, if there is one.
        is_better: whether this change is an improvement, `None` if that is not known.
        curve: values of all epochs, if they are drawn.
        is_old: whether the value is of the last epoch.
    """

    name: str
    value: float
    change: float | None = None
    is_better: bool | None = None
    curve: Sequence[float] = ()
    is_old: bool = False


class Snapshot(NamedTuple):
    """State of a loop.

    Args:
        title: the name of the loop: "Epoch 3/20", "Evaluate".
        done: number of units done.
        total: total number of units, if known.
        seconds: time since the begin.
        each: seconds per unit.
        unit: the unit's name.
        left: seconds up to the end of all epochs, if known.
        state: text instead of the speed: "compiling 1.2s".
        metrics: the metrics.
        notes: texts after the metrics.
        is_epoch: whether the loop is one epoch of several.
    """

    title: str
    done: int = 0
    total: int | None = None
    seconds: float = 0.0
    each: float = 0.0
    unit: str = "step"
    left: float | None = None
    state: str = ""
    metrics: Sequence[Metric] = ()
    notes: Sequence[str] = ()
    is_epoch: bool = False


def plain_line(snapshot: Snapshot, has_bar: bool) -> str:
    """Return the line that Keras prints at the end of an epoch.

    Args:
        snapshot: the state at the end.
        has_bar: whether it has the bar of `verbose=1`; else it is that of `verbose=2`.
    """
    each = _per_step(snapshot.each, snapshot.unit)
    seconds = f"{snapshot.seconds:.0f}s"
    count = f"{snapshot.done}/{snapshot.total or snapshot.done}"
    bar = f" {'━' * _BAR_WIDTH} {seconds} {each}"
    parts = [f"{count}{bar}"] if has_bar else [count, seconds, each]
    parts += [f"{m.name}: {_number(m.value)}" for m in snapshot.metrics]
    return " - ".join([*parts, *snapshot.notes])


def _per_step(each: float, unit: str) -> str:
    if each >= 1 or each == 0:
        return f"{each:.0f}s/{unit}"
    if each >= 1e-3:
        return f"{each * 1e3:.0f}ms/{unit}"
    return f"{each * 1e6:.0f}us/{unit}"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"
