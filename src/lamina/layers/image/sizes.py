"""Layers that change the size of images, or the number of their bounding boxes."""

from __future__ import annotations

from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, boolean, is_int, number, one_of, positive_int
from lamina.layers.image.base import (
    Boxes,
    BoxOptions,
    ImageLayer,
    ImageOptions,
    MovingLayer,
    RandomImageLayer,
    Transformation,
)
from lamina.layers.image.parameters import Draws
from lamina.ops.image import resize
from lamina.ops.image.layout import Window, center_window, crop
from lamina.typing import Array, Shape


class SizeLayer(MovingLayer):
    """Base class of layers that give all images the same size, in inference too.

    A subclass says in `_window` which part of an image is shown.
    """

    height: int
    width: int
    arguments = {**MovingLayer.arguments, "height": positive_int, "width": positive_int}

    def _output_size(self, height: int, width: int) -> tuple[int, int]:
        return self.height, self.width

    def _window(self, height: int, width: int) -> Window:
        """Return the part that is resized to the result; may extend beyond the image.

        Args:
            height: number of rows of the image.
            width: number of columns of the image.
        """
        return Window(0, 0, height, width)

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        rows, columns = self.spatial_axes
        window = self._window(images.shape[rows], images.shape[columns])
        images = crop(images, window, (rows, columns))
        size = self.height, self.width
        if size == (window.height, window.width):
            return images
        return resize(images, size, interpolation, data_format=self.data_format)

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> Array:
        height, width = self.image_size(transformation["input_shape"])
        window = self._window(height, width)
        start = jnp.array([window.left, window.top] * 2, boxes.dtype)
        scale = self.width / window.width, self.height / window.height
        return (boxes - start) * jnp.array(scale * 2, boxes.dtype)


class CropLayer(SizeLayer):
    """Base class of layers that crop images; by default, to their center."""

    def _window(self, height: int, width: int) -> Window:
        top, left = height - self.height, width - self.width
        if top < 0 or left < 0:
            return center_window(height, width, self.height, self.width)
        return Window(top // 2, left // 2, self.height, self.width)


class CenterCrop(CropLayer):
    """Crop of the center. Images that are too small are resized, then cropped.

    Args:
        height: number of rows of the result.
        width: number of columns of the result.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels) to (batch, height,
        width, channels) or (height, width, channels), or with the channels before the
        rows.

    Example:
        >>> CenterCrop(1, 2)(np.arange(12.0).reshape(3, 4, 1))[..., 0]
        Array([[5., 6.]], dtype=float32)
    """

    def __init__(
        self,
        height: int,
        width: int,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = height, width


class RandomCrop(CropLayer, RandomImageLayer):
    """Crop at a random position of each image; in inference, of the center.

    Images that are too small are resized, and then the center is cropped.

    Args:
        height: number of rows of the result.
        width: number of columns of the result.
        seed: seed of the random positions; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels) to (batch, height,
        width, channels) or (height, width, channels), or with the channels before the
        rows.

    Example:
        >>> RandomCrop(4, 4, seed=0)(np.ones((2, 8, 8, 3)), training=True).shape
        (2, 4, 4, 3)
    """

    in_inference = True

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self.height, self.width = height, width

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        height, width = self.image_size(shape)
        free = height - self.height, width - self.width
        if min(free) < 0:
            return {}
        starts = draws.uniform(0, 1, 2) * (jnp.array(free, "float32") + 1)
        return {"starts": jnp.floor(starts).astype("int32")}

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        if "starts" not in transformation:
            return super()._move_pixels(images, transformation, interpolation)
        rows, columns = self.spatial_axes
        sizes = list(images.shape[1:])
        sizes[rows - 1], sizes[columns - 1] = self.height, self.width

        def crop(image: Array, start: Array) -> Array:
            starts = [jnp.zeros_like(start[0])] * 3
            starts[rows - 1], starts[columns - 1] = start
            return jax.lax.dynamic_slice(image, starts, sizes)

        return jax.vmap(crop)(images, transformation["starts"])

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> Array:
        if "starts" not in transformation:
            return super()._move_boxes(boxes, transformation)
        top, left = transformation["starts"].T.astype(boxes.dtype)
        return boxes - jnp.stack([left, top, left, top], -1)[:, None]


class Resizing(SizeLayer):
    """Resizing to a fixed size.

    Integer images are rounded and keep their type. Masks are resized to the nearest
    value.

    Args:
        height: number of rows of the result.
        width: number of columns of the result.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"`,
            `"lanczos5"`.
        crop_to_aspect_ratio: whether to crop the center instead of distorting images of
            another aspect ratio.
        pad_to_aspect_ratio: whether to pad such images instead of distorting them.
        fill_mode: `"constant"`; how images are padded.
        fill_value: value of the padding.
        antialias: whether to filter images before they are made smaller.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels) to (batch, height,
        width, channels) or (height, width, channels), or with the channels before the
        rows.

    Example:
        >>> Resizing(2, 2, "nearest")(np.arange(16.0).reshape(4, 4, 1))[..., 0]
        Array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
    """

    casts_integers = False
    arguments = {
        **SizeLayer.arguments,
        "interpolation": one_of(
            "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"
        ),
        "crop_to_aspect_ratio": boolean,
        "pad_to_aspect_ratio": boolean,
        "fill_mode": one_of("constant"),
        "fill_value": number,
    }

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _window(self, height: int, width: int) -> Window:
        if self.pad_to_aspect_ratio:
            rows = max(height, width * self.height // self.width)
            columns = max(width, height * self.width // self.height)
            return Window(
                -((rows - height) // 2), -((columns - width) // 2), rows, columns
            )
        if self.crop_to_aspect_ratio:
            return center_window(height, width, self.height, self.width)
        return super()._window(height, width)

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        return resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            data_format=self.data_format,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
        )


class MaxNumBoundingBoxes(ImageLayer):
    """Bounding boxes cut or padded to a fixed number; images stay the same.

    Args:
        max_number: number of boxes of each image.
        fill_value: value of padding boxes and their labels.

    Shape:
        Images of any shape to the same shape; boxes (batch, n, 4) to (batch,
        max_number, 4), and their labels (batch, n) to (batch, max_number).

    Example:
        >>> boxes = {"boxes": np.ones((1, 1, 4)), "labels": np.array([[7]])}
        >>> layer = MaxNumBoundingBoxes(2, bounding_box_format="xyxy")
        >>> padded = layer({"images": np.ones((1, 4, 4, 3)), "bounding_boxes": boxes})
        >>> padded["bounding_boxes"]["labels"]
        Array([[ 7, -1]], dtype=int32)
    """

    casts_integers = False
    arguments = {
        **ImageLayer.arguments,
        "max_number": positive_int,
        "fill_value": Check("an integer", is_int, (0.5, "a", None)),
    }

    def __init__(
        self, max_number: int, fill_value: int = -1, **kwargs: Unpack[ImageOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.max_number, self.fill_value = max_number, fill_value

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        return images

    def _change_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        cut = {name: boxes[name][:, : self.max_number] for name in ("boxes", "labels")}
        for name, values in cut.items():
            missing = self.max_number - values.shape[1]
            widths = [(0, missing if axis == 1 else 0) for axis in range(values.ndim)]
            cut[name] = jnp.pad(values, widths, constant_values=self.fill_value)
        return {**boxes, **cut}
