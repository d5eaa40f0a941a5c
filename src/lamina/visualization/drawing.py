"""Bounding boxes and segmentation masks, drawn into arrays of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamina.data.files.images import pillow
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError
from lamina.ops.nn.conv_params import is_channels_last
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike
from lamina.utils.bounding_boxes import convert_format

Boxes: TypeAlias = Mapping[str, ArrayLike]
Color: TypeAlias = Sequence[int]

_FONT_SIZE = 22  # pixels of a letter with `font_scale=1`
_GAP = 8  # pixels between a label and its box


@filter_traceback
def draw_bounding_boxes(
    images: ArrayLike,
    bounding_boxes: Boxes,
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Draw bounding boxes, and the names of their classes, into images.

    Args:
        images: (batch, height, width, channels), of 1, 3 or 4 channels: integers from 0
            to 255, or floats. Floats of at most 1 are multiplied by 255.
        bounding_boxes: a dictionary with "boxes" (batch, boxes, 4) and "labels" (batch,
            boxes), and optionally "confidences" (batch, boxes). Boxes with the label -1
            are not drawn.
        bounding_box_format: see `utils.bounding_boxes`.
        class_mapping: names of classes; boxes of other classes have no name.
        color: color of boxes and names, from 0 to 255.
        line_thickness: thickness of the boxes in pixels.
        text_thickness: thickness of the letters in pixels; None for `line_thickness`.
        font_scale: 1 for letters of 22 pixels.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        The images as a NumPy array of uint8, of the same shape.

    Raises:
        ShapeError: the images are not a batch.
        ArgumentTypeError: `bounding_boxes` is not a dictionary.
        ArgumentError: it lacks boxes or labels, or the format is unknown.
        MissingPackageError: Pillow is not installed.

    Example:
        >>> boxes = {"boxes": [[[1, 1, 6, 6]]], "labels": [[0]]}
        >>> draw_bounding_boxes(np.zeros((1, 8, 8, 3)), boxes, "xyxy").shape
        (1, 8, 8, 3)
    """
    owner = "draw_bounding_boxes"
    pixels = channels_last(owner, images, data_format)
    scale = 255 if pixels.dtype.kind == "f" and pixels.max(initial=0) <= 1 else 1
    pixels = np.clip(pixels * scale, 0, 255).astype("uint8")
    height, width = pixels.shape[1:3]
    converted = _converted(bounding_boxes, bounding_box_format, height, width)
    boxes = np.asarray(converted["boxes"]).astype("int32")
    labels = np.asarray(converted["labels"]).astype("int32")
    scores, names = converted.get("confidences"), class_mapping or {}
    stroke = text_thickness or line_thickness
    for i, image in enumerate(pixels):
        drawing = _Drawing(image, color, line_thickness, stroke, font_scale)
        for j in np.flatnonzero(labels[i] != -1):
            text = names.get(int(labels[i, j]), "")
            if text and scores is not None:
                text = f"{text} | {float(np.asarray(scores)[i, j]):.2f}"
            left, top, right, bottom = boxes[i, j].tolist()
            drawing.add_box(left, top, right, bottom, text)
        pixels[i] = drawing.pixels()
    if is_channels_last(owner, data_format):
        return pixels
    return pixels.transpose(0, 3, 1, 2)


@filter_traceback
def draw_segmentation_masks(
    images: ArrayLike,
    segmentation_masks: ArrayLike,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Color the pixels of images by their classes.

    Args:
        images: (batch, height, width, channels), from 0 to 255.
        segmentation_masks: classes of the pixels, integers (batch, height, width) or
            with an axis of one channel.
        num_classes: the largest class that is drawn; None for the largest one of the
            masks.
        color_mapping: colors of classes; other classes are not drawn. None for a
            palette in which class 0 is black.
        alpha: weight of the colors, from 0 to 1; the images have `1 - alpha`.
        blend: whether to add images and colors with these weights; otherwise colors
            replace pixels.
        ignore_index: a class that is not drawn, such as 0 for the background.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        The images as a NumPy array of uint8, with the channels last.

    Raises:
        ShapeError: the images are not a batch, or the masks have another size.
        ArgumentTypeError: the masks are not integers.

    Example:
        >>> image, mask = np.full((1, 1, 2, 3), 100), np.array([[[0, 1]]])
        >>> draw_segmentation_masks(
        ...     image, mask, color_mapping={1: (200, 0, 0)}, alpha=0.5
        ... ).tolist()
        [[[[100, 100, 100], [150, 50, 50]]]]
    """
    owner = "draw_segmentation_masks"
    pixels = channels_last(owner, images, data_format).astype("float32")
    masks = np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise ArgumentTypeError(
            f"{owner}: `segmentation_masks` must be integers. Received: type "
            f"{masks.dtype}. Convert them, as in `masks.astype('int32')`."
        )
    if masks.ndim == 4:
        masks = masks[..., 0] if is_channels_last(owner, data_format) else masks[:, 0]
    if masks.shape != pixels.shape[:3]:
        raise ShapeError(
            f"{owner}: the masks must have the size of the images, "
            f"{pixels.shape[:3]}. Received: {masks.shape}."
        )
    largest = int(masks.max(initial=0)) if num_classes is None else num_classes
    colors = {c: _palette_color(c) for c in range(largest + 1)}
    if color_mapping is not None:
        colors = color_mapping
    for label, color in colors.items():
        if label != ignore_index and label <= largest:
            chosen = masks == label
            drawn = np.asarray(color, "float32")
            if blend:
                drawn = pixels[chosen] * (1 - alpha) + drawn * alpha
            pixels[chosen] = drawn
    return np.clip(pixels, 0, 255).astype("uint8")


def channels_last(owner: str, images: ArrayLike, data_format: str | None) -> np.ndarray:
    """Return a batch of images with the channels last, as a new NumPy array.

    Raises:
        ShapeError: the images are not 4D.
    """
    pixels = np.array(images)
    if pixels.ndim != 4:
        raise ShapeError(
            f"{owner}: the images must be 4D. Received: shape {pixels.shape}. Add the "
            "batch, as in `image[None]`."
        )
    if is_channels_last(owner, data_format):
        return pixels
    return pixels.transpose(0, 2, 3, 1).copy()


def _palette_color(label: int) -> list[int]:
    """Return a color in which neighboring classes differ much."""
    return [label * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1)]


def _converted(
    boxes: Boxes, bounding_box_format: str, height: int, width: int
) -> Mapping[str, ArrayLike]:
    """Return the boxes in pixels from the left, top, right and bottom."""
    if not isinstance(boxes, Mapping):
        raise ArgumentTypeError(
            "draw_bounding_boxes: `bounding_boxes` must be a dictionary with 'boxes' "
            f"and 'labels'. Received: {type(boxes).__name__}."
        )
    missing = {"boxes", "labels"} - set(boxes)
    if missing:
        raise ArgumentError(
            "draw_bounding_boxes: `bounding_boxes` must have 'boxes' and 'labels'. "
            f"Missing: {', '.join(sorted(missing))}."
        )
    return convert_format(boxes, bounding_box_format, "xyxy", height, width)


class _Drawing:
    """An image into which boxes and text are drawn.

    Args:
        image: (height, width, channels) of uint8.
        color: color of boxes and text.
        line: thickness of the boxes in pixels.
        stroke: thickness of the letters in pixels.
        font_scale: 1 for letters of `_FONT_SIZE`.
    """

    def __init__(
        self, image: np.ndarray, color: Color, line: int, stroke: int, font_scale: float
    ) -> None:
        from PIL import ImageDraw, ImageFont

        self._shape = image.shape
        self._image: Any = pillow().fromarray(
            image.squeeze(-1) if image.shape[-1] == 1 else image
        )
        self._draw: Any = ImageDraw.Draw(self._image)
        size = max(round(_FONT_SIZE * font_scale), 1)
        self._font: Any = ImageFont.load_default(size)
        self._size, self._line, self._stroke = size, line, stroke
        self._color: Any = tuple(int(c) for c in color)
        if image.shape[-1] == 1:
            self._color = self._color[0]

    def add_box(self, left: int, top: int, right: int, bottom: int, text: str) -> None:
        """Draw a box, and a text above it or, near the edge, at its top."""
        out, line = self._line // 2, self._line  # lines are centered on the edges
        corners = left - out, top - out, right + out, bottom + out
        if corners[0] <= corners[2] and corners[1] <= corners[3]:
            self._draw.rectangle(corners, outline=self._color, width=line)
        if not text:
            return
        at = left, top - _GAP
        if top - _GAP < self._size:
            at = left + line + 1, top + self._size + line
        width = (self._stroke - 1) / 2
        self._draw.text(at, text, self._color, self._font, "ls", stroke_width=width)

    def pixels(self) -> np.ndarray:
        """Return the image as an array."""
        return np.asarray(self._image).reshape(self._shape)
