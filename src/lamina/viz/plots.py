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
