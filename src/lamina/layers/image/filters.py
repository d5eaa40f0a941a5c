"""Layers that sharpen or blur images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import jax.numpy as jnp

from lamina.core.check import Check, is_int
from lamina.layers.image.base import BoxOptions, Transformation, per_image
from lamina.layers.image.color import ColorLayer, FactorLayer
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range
from lamina.layers.spatial import PerAxis
from lamina.ops.image import gaussian_blur
from lamina.ops.image.filters import correlate
from lamina.typing import Array, Shape

_ODD = Check(
    "an odd positive integer, or two of them",
    lambda v: all(
        is_int(n) and n > 0 and n % 2
        for n in (v if isinstance(v, (list, tuple)) else [v])
    ),
    (2, 0, -1, (3, 4), "3"),
)


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
        blurred = gaussian_blur(
            images,
            self.kernel_size,
            transformation["blur_factor"],
            data_format=self.data_format,
        )
        is_blurred = per_image(transformation["should_apply_blur"])
        return self._clip(jnp.where(is_blurred, blurred, images))
