"""Layers that distort images, sharpen or blur them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import jax.numpy as jnp

from lamina.core.check import Check, between, is_int
from lamina.layers.image.base import (
    BoxOptions,
    MovingLayer,
    RandomImageLayer,
    Transformation,
)
from lamina.layers.image.color import ColorLayer, FactorLayer
from lamina.layers.image.geometry import WarpLayer
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range, ValueRange
from lamina.layers.spatial import PerAxis
from lamina.ops.image import gaussian_blur
from lamina.ops.image.filters import blur, correlate
from lamina.ops.image.layout import map_batch, per_image
from lamina.ops.image.sampling import FILL_MODES, sample
from lamina.ops.image.warping import transform_between
from lamina.typing import Array, Shape


def _are_odd(value: object) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return all(is_int(n) and n > 0 and n % 2 for n in values)


_ODD = Check("one or two odd positive integers", _are_odd, (2, 0, -1, (3, 4), "3"))


class RandomPerspective(WarpLayer):
    """Perspective transform of some images: the corners move at random.

    Args:
        factor: probability of a transform, or its range; x stands for (0, x).
        scale: largest change of a corner's coordinates, as a fraction of twice their
            values. From 0 to 1.
        interpolation: `"nearest"` or `"bilinear"`; masks always have the nearest value.
        fill_value: value outside of the image.
        seed: seed of the random numbers; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> RandomPerspective(factor=0.5, scale=0.3)(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)
    """

    factor: Range = Range(0, 1)
    arguments = {**WarpLayer.arguments, "scale": between(0, 1)}

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        height, width = self.image_size(shape)
        right, bottom = width - 1.0, height - 1.0
        corners = jnp.array([[0, 0], [right, 0], [0, bottom], [right, bottom]])
        change = draws.uniform(-self.scale / 2, self.scale / 2, 4, 2)
        start = jnp.broadcast_to(corners, change.shape)
        return {
            "apply_perspective": draws.bernoulli(*self.factor),
            "start_points": start,
            "end_points": start + start * change,
        }

    def _matrices(self, transformation: Transformation) -> Array:
        start, end = transformation["start_points"], transformation["end_points"]
        is_changed = transformation["apply_perspective"][:, None, None]
        return transform_between(jnp.where(is_changed, end, start), start)


class RandomElasticTransform(MovingLayer, RandomImageLayer):
    """Elastic distortion of some images: pixels move by a smooth random field.

    Args:
        factor: probability of a distortion, or its range; x stands for (0, x).
        scale: range of the strength; x stands for (0, x). From 0 to 1.
        interpolation: `"nearest"` or `"bilinear"`; masks always have the nearest value.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"`, `"nearest"` or `"mirror"`: how
            images continue outside, as in `ops.image.map_coordinates`.
        fill_value: value outside with `fill_mode="constant"`.
        value_range: smallest and largest value of a pixel; the result is clipped.
        seed: seed of the random numbers; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Raises:
        ArgumentError: there are bounding boxes, which the layer cannot distort.

    Example:
        >>> RandomElasticTransform(factor=0.5)(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)

    Reference: Simard et al. 2003, https://doi.org/10.1109/ICDAR.2003.1227801
    """

    factor: Range = Range(0, 1)
    scale: Range = Range(0, 1)
    value_range: ValueRange = ValueRange()
    arguments = {**WarpLayer.arguments, "fill_mode": FILL_MODES}

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Bounds = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        height, width = self.image_size(shape)
        scale = draws.uniform(*self.scale)
        deviation = 0.05 * min(height, width)
        # The filter is wide enough for the largest scale, so that its size is known.
        window = int(6 * deviation * self.scale[1]) | 1
        sigma = jnp.full(2, deviation * scale[0] + 1e-6)
        field = draws.noise(shape[0], height, width, 2) * sigma[0]
        field = blur(field, (window, window), sigma)
        strength = 0.1 * max(height, width) * scale[0] * draws.bernoulli(*self.factor)
        return {"displacements": field * per_image(strength)}

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        down, right = jnp.moveaxis(transformation["displacements"], -1, 0)
        height, width = down.shape[1:]
        rows = jnp.arange(height, dtype=down.dtype)[:, None] + down
        columns = jnp.arange(width, dtype=right.dtype) + right

        def distort(images: Array) -> Array:
            modes = interpolation.lower(), self.fill_mode.lower()
            return sample(images, rows, columns, *modes, self.fill_value)

        return map_batch(type(self).__name__, distort, images, self.data_format)

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        images = super()._change_images(images, transformation)
        return jnp.clip(images, *self.value_range)


class RandomSharpness(FactorLayer):
    """Sharpening or smoothing of an image.

    Args:
        factor: range of a number f: 0 smooths the image, 0.5 changes nothing, and 1
            sharpens it; x stands for (0, x). From 0 to 1.
        value_range: smallest and largest value of a pixel; the result is clipped.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random factors; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomSharpness((0.0, 0.0), value_range=(0, 255))
        >>> layer(np.array([[[0.0], [13.0], [0.0]]])).ravel()
        Array([1., 5., 1.], dtype=float32)
    """

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        factor = per_image(transformation["factor"] * 2, images)
        total, ones = images, jnp.ones(3, images.dtype)
        for axis in self.spatial_axes:
            total = correlate(total, ones, axis)
        # The weights of the window are 1, and 5 in the center.
        smooth = (total + 4 * images) / 13
        return self._clip(images + (1 - factor) * (smooth - images))


class RandomGaussianBlur(ColorLayer):
    """Gaussian blur of some images.

    Args:
        factor: probability of a blur, or its range; x stands for (0, x).
        kernel_size: width and height of the filter in pixels, odd; one or two numbers.
        sigma: range of the filter's standard deviation in pixels; x stands for (0, x).
            From 0 to 1.
        value_range: smallest and largest value of a pixel; the result is clipped.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random numbers; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> RandomGaussianBlur(factor=0.5, sigma=1.0)(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)
    """

    factor: Range = Range(0, 1)
    sigma: Range = Range(0, 1)
    kernel_size: PerAxis = PerAxis()
    arguments = {**ColorLayer.arguments, "kernel_size": _ODD}

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Factor = 1.0,
        value_range: Bounds = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {
            "should_apply_blur": draws.bernoulli(*self.factor),
            "blur_factor": draws.uniform(*self.sigma, 2)[0] + 1e-6,
        }

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        size, sigma = self.kernel_size, transformation["blur_factor"]
        blurred = gaussian_blur(images, size, sigma, data_format=self.data_format)
        is_blurred = per_image(transformation["should_apply_blur"])
        return self._clip(jnp.where(is_blurred, blurred, images))
