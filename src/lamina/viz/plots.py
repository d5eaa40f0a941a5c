"""Plots of training histories and images, drawn with Matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.training.callbacks.monitoring.monitor import better_direction

_COLUMNS = 8  # of a grid of images


def _figure(columns: int, rows: int, width: float, height: float) -> Any:
    """Return a figure that needs no display, and its axes as a flat array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    return figure, np.ravel(figure.subplots(rows, columns, squeeze=False))


def plot_history(
    history: Mapping[str, Sequence[float]] | Any,
    path: str | os.PathLike[str],
    skip: int = 0,
) -> None:
    """Plot each metric by epoch, training and validation in one panel, as PNG.

    A dashed line marks the best validation epoch of each metric whose direction is
    known from its name. Metrics with equal values share a panel, such as the loss
    "mse" and the metric `mse`.

    Args:
        history: the return value of `fit`, or its `history`.
        path: path of the image.
        skip: number of first epochs to omit, whose values are often much larger.
    """
    logs = getattr(history, "history", history)
    panels = _distinct(logs)
    figure, axes = _figure(len(panels), 1, 5.5, 4)
    for panel, names in zip(axes, panels, strict=True):
        for key, label in ((names[0], "training"), (f"val_{names[0]}", "validation")):
            if key in logs:
                values = logs[key][skip:]
                epochs = np.arange(skip + 1, skip + 1 + len(values))
                panel.plot(epochs, values, label=label)
        _mark_best(panel, names, logs, skip)
        panel.set(xlabel="epoch", ylabel=", ".join(names))
        panel.grid(alpha=0.3)
        panel.legend()
    if skip:
        figure.suptitle(f"Epochs 1 to {skip} are not shown", fontsize=10)
    figure.savefig(path, dpi=100)


def _distinct(logs: Mapping[str, Sequence[float]]) -> list[list[str]]:
    """Group names of metrics that have the same values in every epoch."""
    groups: list[list[str]] = []
    for name in (n for n in logs if not n.startswith("val_")):
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


def _mark_best(
    panel: Any, names: Sequence[str], logs: Mapping[str, Sequence[float]], skip: int
) -> None:
    values = np.asarray(logs.get(f"val_{names[0]}", ()), float)
    better = next(filter(None, (better_direction(name) for name in names)), None)
    if better is None or not np.isfinite(values).any():
        return
    best = int(np.nanargmax(values) if better == "max" else np.nanargmin(values))
    if best >= skip:
        label = f"best: {values[best]:.4g} in epoch {best + 1}"
        panel.axvline(best + 1, color="gray", linestyle="--", label=label)


def plot_images(
    images: Any,
    titles: Sequence[str],
    path: str | os.PathLike[str],
    marked: Sequence[bool] = (),
) -> None:
    """Plot grayscale images with titles in a grid, as PNG.

    Args:
        images: array of shape (number, height, width).
        titles: title of each image.
        path: path of the plot.
        marked: whether to print each title in red.
    """
    rows = -(-len(images) // _COLUMNS)
    figure, panels = _figure(_COLUMNS, rows, 1.2, 1.4)
    red = [*marked, *[False] * (len(images) - len(marked))]
    for panel in panels:
        panel.axis("off")
    for panel, image, title, is_red in zip(panels, images, titles, red, strict=False):
        panel.imshow(image, cmap="gray_r")
        panel.set_title(title, fontsize=9, color="red" if is_red else "black")
    figure.savefig(path, dpi=100)
