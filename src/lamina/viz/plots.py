"""Plots of images, drawn with Matplotlib."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lamina.display import new_figure

_COLUMNS = 8  # of a grid of images


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
    figure, panels = new_figure(_COLUMNS, rows, 1.2, 1.4)
    red = [*marked, *[False] * (len(images) - len(marked))]
    for panel in panels:
        panel.axis("off")
    for panel, image, title, is_red in zip(panels, images, titles, red, strict=False):
        panel.imshow(image, cmap="gray_r")
        panel.set_title(title, fontsize=9, color="red" if is_red else "black")
    figure.savefig(path, dpi=100)


def plot_learning_rates(
    rates: np.ndarray,
    losses: np.ndarray,
    suggestion: float | None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Plot the loss by learning rate, on a logarithmic axis.

    Args:
        rates: learning rates, shape (steps,).
        losses: losses, shape (steps,).
        suggestion: the rate to mark, if any.
        path: path of the image, if it is to be written.

    Returns:
        A Matplotlib figure.
    """
    figure, (panel,) = _figure(1, 1, 5.5, 4)
    panel.plot(rates, losses)
    if suggestion is not None:
        loss = float(np.interp(np.log(suggestion), np.log(rates), losses))
        label = f"suggestion: {suggestion:.2g}"
        panel.plot([suggestion], [loss], "o", color="tab:red", label=label)
        panel.legend()
    panel.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss")
    panel.grid(alpha=0.3)
    if path is not None:
        figure.savefig(path, dpi=100)
    return figure
