"""Image ops, named as in `keras.ops.image`.

Images are (rows, columns, channels), or (batch, rows, columns, channels), or with the
channels before the rows. To add an op: write a function of
(batch, rows, columns, channels) and call it through `layout.map_batch`.
"""

from __future__ import annotations

from lamina.ops.image.color import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from lamina.ops.image.cropping import crop_images, pad_images
from lamina.ops.image.filters import gaussian_blur, sobel_edges, ssim
from lamina.ops.image.patches import extract_patches, extract_patches_3d
from lamina.ops.image.resizing import resize, scale_and_translate
from lamina.ops.image.warping import (
    affine_transform,
    elastic_transform,
    map_coordinates,
    perspective_transform,
)

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]


def __dir__() -> list[str]:
    return __all__
