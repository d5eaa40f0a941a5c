"""Layers that move pixels by a random transform for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax.numpy as jnp

from lamina.core.check import number, one_of
from lamina.layers.image.base import (
    BoxOptions,
    MovingLayer,
    RandomImageLayer,
    Transformation,
)
from lamina.layers.image.box_formats import corner_points, enclosing_boxes
from lamina.layers.image.parameters import Draws, Factor, Range
from lamina.ops.image import affine_transform
from lamina.ops.image.layout import per_image
from lamina.ops.image.sampling import INTERPOLATIONS
from lamina.typing import Array, Shape

_MODES = one_of("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(MovingLayer, RandomImageLayer):
    """Mirror images of some images.

    Args:
        mode: `"horizontal"` flips left and right, `"vertical"` flips top and bottom,
            and `"horizontal_and_vertical"` decides about both independently.
        seed: seed of the random choices; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomFlip("horizontal", seed=2, bounding_box_format="xyxy")
        >>> image = np.arange(4.0).reshape(1, 4, 1)
        >>> boxes = {"boxes": np.array([[0, 0, 1, 1]]), "labels": np.array([3])}
        >>> flipped = layer({"images": image, "bounding_boxes": boxes})
        >>> flipped["images"][0, :, 0]
        Array([3., 2., 1., 0.], dtype=float32)
        >>> flipped["bounding_boxes"]["boxes"]
        Array([[3., 0., 4., 1.]], dtype=float32)
    """

    arguments = {**RandomImageLayer.arguments, "mode": _MODES}

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode = mode.lower()

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"flips": draws.uniform(0, 1, 2) < 0.5}

    def _flips(self, transformation: Transformation) -> Array:
        """Return whether each image is flipped along rows and columns, (batch, 2)."""
        flips = jnp.asarray(transformation["flips"])
        flips = flips.reshape(flips.shape[0], -1)
        return flips & jnp.array(["vertical" in self.mode, "horizontal" in self.mode])

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        choices = self._flips(transformation).T
        for axis, flips in zip(self.spatial_axes, choices, strict=True):
            images = jnp.where(per_image(flips), jnp.flip(images, axis), images)
        return images

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> Array:
        height, width = self.image_size(transformation["input_shape"])
        mirrored = jnp.array([width, height] * 2, boxes.dtype) - boxes
        mirrored = mirrored[..., jnp.array([2, 3, 0, 1])]
        flips = self._flips(transformation)[:, None, jnp.array([1, 0, 1, 0])]
        return jnp.where(flips, mirrored, boxes)


class WarpLayer(MovingLayer, RandomImageLayer):
    """Base class of layers that apply a projective transform to each image.

    A subclass computes in `_matrices` where each pixel of the result comes from, in the
    form of `ops.image.affine_transform`. Boxes and masks follow from it.

    Args:
        fill_mode: how images continue outside, as in `ops.image.affine_transform`.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_value: value outside with `fill_mode="constant"`.
    """

    fill_mode = "constant"
    fill_value = 0.0
    arguments = {
        **RandomImageLayer.arguments,
        "fill_mode": one_of("reflect", "wrap", "constant", "nearest"),
        "interpolation": INTERPOLATIONS,
        "fill_value": number,
    }

    def _matrices(self, transformation: Transformation) -> Array:
        """Return (batch, 8)."""
        raise NotImplementedError

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        matrices = self._matrices(transformation)
        outside = self.fill_mode, self.fill_value, self.data_format
        return affine_transform(images, matrices, interpolation, *outside)

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> Array:
        matrices = self._matrices(transformation)
        rows = jnp.pad(matrices, ((0, 0), (0, 1)), constant_values=1).reshape(-1, 3, 3)
        # The adjugate is the inverse times a factor, which the division cancels.
        first, second, third = rows[:, 0], rows[:, 1], rows[:, 2]
        pairs = (second, third), (third, first), (first, second)
        inverse = jnp.stack([jnp.cross(a, b) for a, b in pairs], -1)
        points = corner_points(boxes)
        points = jnp.concatenate([points, jnp.ones_like(points[..., :1])], -1)
        moved = jnp.sum(inverse[:, None, None] * points[..., None, :], -1)
        return enclosing_boxes(moved[..., :2] / moved[..., 2:])


def _matrix(x: Sequence[Array | float], y: Sequence[Array | float]) -> Array:
    """Return affine transforms from the rows of coefficients, each (batch,) or one."""
    rows = [jnp.ravel(jnp.asarray(v, "float32")) for v in (*x, *y, 0.0, 0.0)]
    return jnp.stack(jnp.broadcast_arrays(*rows), -1)


class RandomRotation(WarpLayer):
    """Rotation about the center.

    Args:
        factor: range of the angle as a fraction of a turn, positive for
            counterclockwise; x stands for (-x, x). From -1 to 1.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`: how images
            continue outside, as in `ops.image.affine_transform`.
        interpolation: `"nearest"` or `"bilinear"`; masks always have the nearest value.
        seed: seed of the random angles; a new one by default.
        fill_value: value outside with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomRotation((0.25, 0.25), interpolation="nearest")
        >>> layer(np.array([[[1.0], [2.0]], [[3.0], [4.0]]]))[..., 0]
        Array([[2., 4.],
               [1., 3.]], dtype=float32)
    """

    factor: Range = Range(-1, 1)

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"angle": draws.uniform(*self.factor) * 360}

    def _matrices(self, transformation: Transformation) -> Array:
        height, width = self.image_size(transformation["input_shape"])
        angle = jnp.deg2rad(transformation["angle"])
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        right, down = x - x * cos + y * sin, y - x * sin - y * cos
        return _matrix((cos, -sin, right), (sin, cos, down))


class RandomTranslation(WarpLayer):
    """Translation.

    Args:
        height_factor: range of the shift downwards as a fraction of the height; x
            stands for (-x, x). From -1 to 1.
        width_factor: range of the shift to the right as a fraction of the width.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`: how images
            continue outside, as in `ops.image.affine_transform`.
        interpolation: `"nearest"` or `"bilinear"`; masks always have the nearest value.
        seed: seed of the random shifts; a new one by default.
        fill_value: value outside with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomTranslation(0.0, (0.5, 0.5), fill_mode="constant")
        >>> layer(np.array([[[1.0], [2.0], [3.0], [4.0]]])).ravel()
        Array([0., 0., 1., 2.], dtype=float32)
    """

    height_factor: Range = Range(-1, 1)
    width_factor: Range = Range(-1, 1)

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        height, width = self.image_size(shape)
        down = draws.uniform(*self.height_factor) * height
        right = draws.uniform(*self.width_factor) * width
        return {"translations": jnp.stack([right, down], -1)}

    def _matrices(self, transformation: Transformation) -> Array:
        right, down = transformation["translations"].T
        return _matrix((1.0, 0.0, -right), (0.0, 1.0, -down))


class RandomZoom(WarpLayer):
    """Zoom about the center.

    Args:
        height_factor: range of the change of the visible height as a fraction: -0.5
            shows half of the rows, and 1 twice as many; x stands for (-x, x). From -1
            to 1.
        width_factor: the same for the width; that of the height by default, which
            preserves the aspect ratio.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`: how images
            continue outside, as in `ops.image.affine_transform`.
        interpolation: `"nearest"` or `"bilinear"`; masks always have the nearest value.
        seed: seed of the random factors; a new one by default.
        fill_value: value outside with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> zoom = RandomZoom((0.5, 0.5), fill_mode="constant", interpolation="nearest")
        >>> zoom(np.ones((4, 4, 1)))[..., 0]
        Array([[0., 0., 0., 0.],
               [0., 1., 1., 0.],
               [0., 1., 1., 0.],
               [0., 0., 0., 0.]], dtype=float32)
    """

    height_factor: Range = Range(-1, 1)
    width_factor: Any = Range(-1, 1, optional=True)

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        height = width = 1 + draws.uniform(*self.height_factor)
        if self.width_factor is not None:
            width = 1 + draws.uniform(*self.width_factor)
        return {"height_zoom": height, "width_zoom": width}

    def _matrices(self, transformation: Transformation) -> Array:
        height, width = self.image_size(transformation["input_shape"])
        down, across = transformation["height_zoom"], transformation["width_zoom"]
        x, y = (width - 1) / 2 * (1 - across), (height - 1) / 2 * (1 - down)
        return _matrix((across, 0.0, x), (0.0, down, y))


class RandomShear(WarpLayer):
    """Shear about the first pixel.

    Args:
        x_factor: range of the shift of a row per row; x stands for (-x, x). From -1 to
            1. The direction is random, and the same for both axes.
        y_factor: range of the shift of a column per column.
        interpolation: `"nearest"` or `"bilinear"`; masks always have the nearest value.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`: how images
            continue outside, as in `ops.image.affine_transform`.
        fill_value: value outside with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random factors; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> RandomShear(x_factor=0.2, y_factor=0.2)(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)
    """

    x_factor: Range = Range(-1, 1)
    y_factor: Range = Range(-1, 1)

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        sign = draws.signs()
        x, y = draws.uniform(*self.x_factor), draws.uniform(*self.y_factor)
        return {"shear_factor": jnp.stack([x * sign, y * sign], -1)}

    def _matrices(self, transformation: Transformation) -> Array:
        x, y = transformation["shear_factor"].T
        return _matrix((1.0, x, 0.0), (y, 1.0, 0.0))
