"""Pictures of images with labels, bounding boxes and segmentation masks.

Matplotlib and Pillow are imported only when something is drawn.
"""

from __future__ import annotations

from lamina.visualization.drawing import draw_bounding_boxes, draw_segmentation_masks
from lamina.visualization.galleries import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]


def __dir__() -> list[str]:
    return __all__
