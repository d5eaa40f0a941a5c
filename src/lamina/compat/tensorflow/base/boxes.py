"""Boxes in images: overlaps, selection, and crops. A box is (y1, x1, y2, x2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.declare import static
from lamina.core.graph import op
from lamina.typing import Array, ArrayLike

Name = str | None


def _overlaps(boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over the union of each pair of boxes."""
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    inner = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    common = np.maximum(inner, 0).prod(-1)
    areas = (high - low).prod(-1)
    union = areas[:, None] + areas - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def non_max_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    name: Name = None,
) -> Any:
    """Return the indices of the best boxes, without those that overlap a better one."""
    values = np.asarray(scores, np.float32)
    overlaps = _overlaps(np.asarray(boxes, np.float32).reshape(-1, 4))
    found: list[int] = []
    for index in np.argsort(-values, kind="stable"):
        if len(found) == int(max_output_size) or values[index] <= score_threshold:
            break
        if not found or overlaps[index, found].max() <= float(iou_threshold):
            found.append(int(index))
    return jnp.asarray(found, "int32")


def non_max_suppression_padded(
    boxes: ArrayLike,
    scores: ArrayLike,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    pad_to_max_output_size: bool = False,
    name: Name = None,
    **_: object,
) -> tuple[Any, Any]:
    """Return the indices of `non_max_suppression` and their number."""
    found = non_max_suppression(
        boxes, scores, max_output_size, iou_threshold, score_threshold
    )
    count = len(found)
    extra = int(max_output_size) - count if pad_to_max_output_size else 0
    return jnp.pad(found, (0, extra)), jnp.asarray(count)


def crop_and_resize(
    image: ArrayLike,
    boxes: ArrayLike,
    box_indices: ArrayLike,
    crop_size: Sequence[int],
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
    name: Name = None,
) -> Any:
    """Return the parts of images in boxes, resized; 0 to 1 is the whole image.

    Args:
        image: (batch, rows, columns, channels).
        boxes: (boxes, 4).
        box_indices: the image of each box.
        crop_size: rows and columns of the results.
        method: "bilinear" or "nearest".
        extrapolation_value: value of points outside of the image.
        name: has no effect.
    """
    sizes = static(crop_size)
    order = 1 if method == "bilinear" else 0

    def places(low: Array, high: Array, size: int, count: int) -> Array:
        if count == 1:
            return (low + high)[None] / 2 * (size - 1)
        return (low + (high - low) * jnp.arange(count) / (count - 1)) * (size - 1)

    @op
    def crops(images: Array, corners: Array, indices: Array) -> Array:
        height, width = images.shape[1:3]

        def crop(box: Array, index: Array) -> Array:
            rows = places(box[0], box[2], height, sizes[0])
            columns = places(box[1], box[3], width, sizes[1])
            grid = jnp.meshgrid(rows, columns, indexing="ij")
            inside = (grid[0] >= 0) & (grid[0] <= height - 1)
            inside &= (grid[1] >= 0) & (grid[1] <= width - 1)
            sample = jax.vmap(
                lambda x: jax.scipy.ndimage.map_coordinates(x, grid, order, "nearest"),
                in_axes=-1,
                out_axes=-1,
            )
            found = sample(images[index].astype("float32"))
            return jnp.where(inside[..., None], found, extrapolation_value)

        return jax.vmap(crop)(corners, indices)

    return crops(jnp.asarray(image), jnp.asarray(boxes), jnp.asarray(box_indices))


def draw_bounding_boxes(
    images: ArrayLike, boxes: ArrayLike, colors: ArrayLike | None, name: Name = None
) -> Array:
    """Return images with the borders of boxes; 0 to 1 is the whole image.

    Args:
        images: (batch, rows, columns, channels).
        boxes: (batch, boxes, 4).
        colors: (colors, channels), taken in turns; by default yellow first.
        name: has no effect.
    """
    found = np.array(images, np.float32)
    height, width, channels = found.shape[1:]
    default = [[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]]
    palette = np.asarray(default if colors is None else colors)[:, :channels]
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    for picture, corners in zip(found, np.asarray(boxes), strict=True):
        edges = np.clip(np.round(corners * scale), 0, scale).astype(int)
        for i, (top, left, bottom, right) in enumerate(edges):
            color = palette[i % len(palette)]
            picture[[top, bottom], left : right + 1] = color
            picture[top : bottom + 1, [left, right]] = color
    return jnp.asarray(found)
