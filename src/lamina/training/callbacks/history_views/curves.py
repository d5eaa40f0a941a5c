"""Learning curves, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lamina.display import new_figure
from lamina.errors import ArgumentError, did_you_mean
from lamina.training.callbacks.monitoring.monitor import better_direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values: TypeAlias = Mapping[str, Sequence[float]]

_PANELS = 3  # in a row


def plot_curves(logs: Values, metrics: Sequence[str] | None, skip: int) -> Figure:
    """Plot metrics by epoch, each with its validation in one panel.

    Args:
        logs: the values of each metric, one for each epoch.
        metrics: names of metrics to plot, without `val_`; all by default.
        skip: number of first epochs to omit.

    Raises:
        ArgumentError: a metric is not in the logs, or there are no epochs to plot.
    """
    panels = _distinct(logs) if metrics is None else [[name] for name in metrics]
    for name in metrics or ():
        if name not in logs:
            known = ", ".join(map(repr, logs))
            raise ArgumentError(
                f"History has no metric {name!r}.{did_you_mean(name, logs)} It has "
                f"{known}."
            )
    if not panels or max(map(len, logs.values())) <= skip:
        raise ArgumentError(
            f"History has no epochs to plot after the first {skip}. Train first, as in "
            "history = model.fit(x, y), or pass a smaller `skip`."
        )
    columns = min(len(panels), _PANELS)
    figure, axes = new_figure(columns, -(-len(panels) // columns), 5.5, 4)
    for panel, names in zip(axes, panels, strict=False):
        _draw(panel, names, logs, skip)
    for panel in axes[len(panels) :]:
        panel.axis("off")
    if skip:
        figure.suptitle(f"Epochs 1 to {skip} are not shown", fontsize=10)
    return figure


def _draw(panel: Any, names: Sequence[str], logs: Values, skip: int) -> None:
    """Plot a metric and its validation in one panel."""
    for key, label in ((names[0], "training"), (f"val_{names[0]}", "validation")):
        values = np.asarray(logs.get(key, ())[skip:], float)
        if len(values):
            epochs = np.arange(skip + 1, skip + 1 + len(values))
            # A line through one value would not be seen.
            panel.plot(
                epochs, values, label=label, marker="." if len(values) == 1 else ""
            )
    _mark_best(panel, names, logs, skip)
    panel.set(xlabel="epoch", ylabel=", ".join(names))
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.grid(alpha=0.3)
    panel.legend()


def _distinct(logs: Values) -> list[list[str]]:
    """Group names of metrics that have the same values in every epoch, loss first."""
    groups: list[list[str]] = []
    names = [name for name in logs if not name.startswith("val_")]
    for name in sorted(names, key=lambda name: name != "loss"):
        equal = (
            group
            for group in groups
            if _are_close(logs.get(name), logs.get(group[0]))
            and _are_close(logs.get(f"val_{name}"), logs.get(f"val_{group[0]}"))
        )
        group = next(equal, None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    return groups


def _are_close(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    if one is None or other is None:
        return one is other
    return len(one) == len(other) and np.allclose(one, other, 1e-4, equal_nan=True)


def _mark_best(panel: Axes, names: Sequence[str], logs: Values, skip: int) -> None:
    values = np.asarray(logs.get(f"val_{names[0]}", ()), float)
    better = next(filter(None, (better_direction(name) for name in names)), None)
    if better is None or not np.isfinite(values).any():
        return
    best = int(np.nanargmax(values) if better == "max" else np.nanargmin(values))
    if best >= skip:
        label = f"best: {values[best]:.4g} in epoch {best + 1}"
        panel.axvline(best + 1, color="gray", linestyle="--", label=label)
