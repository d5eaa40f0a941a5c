"""Figures of images with labels, boxes and masks, of predictions and of weights.

Matplotlib and Pillow are imported only when something is drawn.
"""

from __future__ import annotations

from lamina.visualization.drawing import draw_bounding_boxes, draw_segmentation_masks
from lamina.visualization.galleries import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)
from lamina.visualization.plots import plot_confusion, plot_filters, show_predictions

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_confusion",
    "plot_filters",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
    "show_predictions",
]


def __dir__() -> list[str]:
    return __all__
