"""Pictures of training, drawn with Matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["plot_history", "plot_images"]


def _figure(columns: int, rows: int, width: float, height: float) -> Any:
    """A figure that needs no display, and its axes as a flat array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    return figure, np.ravel(figure.subplots(rows, columns, squeeze=False))


def plot_history(
    history: Mapping[str, Sequence[float]] | Any,
    path: str | os.PathLike[str],
    skip: int = 0,
) -> None:
    """Draw each metric by epoch, training and validation in one panel, as PNG.

    Args:
        history: what `fit` returned, or its `history`.
        path: where the picture goes.
        skip: epochs at the start to leave out, which often dwarf the rest.
    """
    logs = getattr(history, "history", history)
    names = [n for n in logs if not n.startswith("val_")]
    figure, panels = _figure(len(names), 1, 5.5, 4)
    for panel, name in zip(panels, names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in logs:
                values = logs[key][skip:]
                epochs = np.arange(skip + 1, skip + 1 + len(values))
                panel.plot(epochs, values, label=label)
        panel.set(xlabel="epoch", ylabel=name)
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=100)


def plot_images(
    images: Any,
    titles: Sequence[str],
    path: str | os.PathLike[str],
    columns: int = 8,
    marked: Sequence[bool] = (),
) -> None:
    """Draw grey images in a grid, each under its title, as PNG.

    Args:
        images: array of shape (number, height, width).
        titles: a text for each.
        path: where the picture goes.
        columns: images in a row.
        marked: which titles to print in red.
    """
    rows = -(-len(images) // columns)
    figure, panels = _figure(columns, rows, 1.2, 1.4)
    red = [*marked, *[False] * (len(images) - len(marked))]
    for panel in panels:
        panel.axis("off")
    for panel, image, title, is_red in zip(panels, images, titles, red, strict=False):
        panel.imshow(image, cmap="gray_r")
        panel.set_title(title, fontsize=9, color="red" if is_red else "black")
    figure.savefig(path, dpi=100)
