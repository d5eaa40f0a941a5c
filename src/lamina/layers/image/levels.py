"""Layers that change the levels of pixels, such as their number."""

from __future__ import annotations

from typing import Unpack

import jax.numpy as jnp

from lamina.layers.image.base import BoxOptions, ImageOptions, Transformation, per_image
from lamina.layers.image.color import ColorLayer, FactorLayer, rescale
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range
from lamina.typing import Array, Shape


class RandomInvert(FactorLayer):
    """Inversion of the colors of some images.

    Args:
        factor: probability of an inversion, or its range; x stands for (0, x).
        value_range: smallest and largest value of a pixel.
        seed: seed of the random choices; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomInvert((1.0, 1.0), value_range=(0, 255))
        >>> layer(np.array([[[0.0], [55.0]]])).ravel()
        Array([255., 200.], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Bounds = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"apply_inversion": draws.bernoulli(*self.factor)}

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        is_inverted = per_image(transformation["apply_inversion"])
        return jnp.where(is_inverted, sum(self.value_range) - images, images)


class RandomPosterization(FactorLayer):
    """Reduction of the number of bits of each pixel.

    Args:
        factor: range of the number of bits, from 1 to 8; x stands for (1, x). The upper
            bound is not drawn, unless it equals the lower one.
        value_range: smallest and largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random numbers; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> RandomPosterization((1, 1))(np.array([[[100.0], [200.0]]])).ravel()
        Array([  0., 128.], dtype=float32)
    """

    factor: Range = Range(1, 8)

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"shift_factor": 8 - jnp.floor(draws.uniform(*self.factor))}

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        levels = rescale(images, self.value_range, (0, 255)).astype("uint8")
        shift = per_image(transformation["shift_factor"], levels)
        levels = (levels >> shift) << shift
        return rescale(levels.astype(images.dtype), (0, 255), self.value_range)


class Solarization(ColorLayer):
    """Inversion of pixels above a threshold, after a number is added to all.

    Args:
        addition_factor: range of the number, as a fraction of the range of values; x
            stands for (0, x). From 0 to 1.
        threshold_factor: range of the threshold, in the same way.
        value_range: smallest and largest value of a pixel.
        seed: seed of the random numbers; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = Solarization(threshold_factor=(0.5, 0.5))
        >>> layer(np.array([[[100.0], [200.0]]])).ravel()
        Array([100.,  55.], dtype=float32)
    """

    addition_factor: Range = Range(0, 1)
    threshold_factor: Range = Range(0, 1)

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Bounds = (0, 255),
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {
            "additions": draws.uniform(*self.addition_factor) * 255,
            "thresholds": draws.uniform(*self.threshold_factor) * 255,
        }

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        levels = rescale(images, self.value_range, (0, 255))
        levels = levels + per_image(transformation["additions"], levels)
        levels = jnp.clip(levels, 0, 255)
        is_below = levels < per_image(transformation["thresholds"], levels)
        levels = jnp.where(is_below, levels, 255 - levels)
        return rescale(levels, (0, 255), self.value_range)
