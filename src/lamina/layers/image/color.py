"""Layers that change colors by a random factor for each image."""

from __future__ import annotations

from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core.check import between, optional
from lamina.errors import MissingMethodError
from lamina.layers.image.base import (
    BoxOptions,
    ImageOptions,
    RandomImageLayer,
    Transformation,
)
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range, ValueRange
from lamina.ops.image import rgb_to_grayscale
from lamina.ops.image.color import (
    check_channels,
    color_planes,
    hue_planes,
    merge_channels,
    split_channels,
    value_and_chroma,
)
from lamina.ops.image.layout import mean_pixel, per_image, repeat_for_columns
from lamina.ops.types import upcast
from lamina.typing import Array, Shape


def rescale(images: Array, source: Bounds, target: Bounds) -> Array:
    """Map pixels from one range of values to another."""
    scale = (target[1] - target[0]) / (source[1] - source[0])
    return images if source == target else (images - source[0]) * scale + target[0]


class ColorLayer(RandomImageLayer):
    """Base class of layers that change colors in a range of values."""

    value_range: ValueRange = ValueRange()

    def _clip(self, images: Array) -> Array:
        return jnp.clip(images, *self.value_range)


class FactorLayer(ColorLayer):
    """Base class of layers that change colors by a factor.

    Args:
        factor: range of the factor.
        value_range: smallest and largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: seed of the random factors; a new one by default.
    """

    factor: Range = Range(0, 1)

    def __init__(
        self,
        factor: Factor,
        value_range: Bounds = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor, self.value_range = factor, value_range

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"factor": draws.uniform(*self.factor)}


class SimpleFactorLayer(FactorLayer):
    """Base class of layers with a factor and a seed, and `data_format` as an option."""

    def __init__(
        self,
        factor: Factor,
        value_range: Bounds = (0, 255),
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(factor, value_range, seed=seed, **kwargs)


class RandomBrightness(SimpleFactorLayer):
    """Change of brightness: a random number is added to all pixels of an image.

    Args:
        factor: range of the number, as a fraction of the range of values; x stands for
            (-x, x). From -1 to 1.
        value_range: smallest and largest value of a pixel; the result is clipped.
        seed: seed of the random numbers; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomBrightness((0.1, 0.1), value_range=(0, 1))
        >>> layer(np.full((1, 1, 3), 0.5))
        Array([[[0.6, 0.6, 0.6]]], dtype=float32)
    """

    factor: Range = Range(-1, 1)

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        low, high = self.value_range
        return {"rgb_delta": draws.uniform(*self.factor) * (high - low)}

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        return self._clip(images + per_image(transformation["rgb_delta"], images))


class RandomContrast(SimpleFactorLayer):
    """Change of contrast: distances from the mean of an image's channel are scaled.

    Args:
        factor: x stands for factors from 1 to 1 + x, and (x, y) for 1 - x to 1 + y.
            From 0 to 1.
        value_range: smallest and largest value of a pixel; the result is clipped.
        seed: seed of the random factors; a new one by default.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomContrast(0.5, value_range=(0, 1), seed=0)
        >>> float(layer(np.array([[[0.25], [0.75]]])).mean())
        0.5
    """

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        less, more = self.factor
        return {"contrast_factor": per_image(draws.uniform(1 - less, 1 + more))}

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        factor = per_image(transformation["contrast_factor"], images)
        mean = mean_pixel(images, self.spatial_axes)
        mean = repeat_for_columns(mean, images, self.spatial_axes)
        return self._clip((images - mean) * factor + mean)


class RandomColorDegeneration(FactorLayer):
    """Mixture of an image with its grayscale version.

    Args:
        factor: range of the share of the grayscale version; x stands for (-x, x).
            From -1 to 1.
        value_range: smallest and largest value of a pixel; the result is clipped.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random shares; a new one by default.

    Shape:
        (batch, rows, columns, 3) or (rows, columns, 3), or with the channels before the
        rows, to the same shape.

    Example:
        >>> layer = RandomColorDegeneration((1.0, 1.0), value_range=(0, 1))
        >>> layer(np.array([[[1.0, 0.0, 0.0]]])).ravel()
        Array([0.2989, 0.2989, 0.2989], dtype=float32)
    """

    factor: Range = Range(-1, 1)

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        factor = per_image(transformation["factor"], images)
        gray = rgb_to_grayscale(images, self.data_format)
        return self._clip(images + factor * (gray - images))


class HSVLayer(FactorLayer):
    """Base class of layers that change hue or saturation of colors.

    A subclass overrides `_change_colors`, which gets numbers from 0 to 1.
    """

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        colors = rescale(upcast(images), self.value_range, (0, 1))
        owner = f"Layer {self.name!r} ({type(self).__name__})"
        check_channels(owner, colors.shape, self.channel_axis)
        planes: Any = split_channels(colors, self.channel_axis)
        factor = per_image(transformation["factor"], planes[0])
        planes = self._change_colors(planes, factor)
        colors = jnp.clip(merge_channels(planes, self.channel_axis), 0, 1)
        return rescale(colors, (0, 1), self.value_range).astype(images.dtype)

    def _change_colors(self, planes: list[Array], factor: Array) -> list[Array]:
        """Return the new channels from red, green and blue."""
        raise MissingMethodError(
            f"{type(self).__name__} has no `_change_colors` method."
        )


class RandomSaturation(HSVLayer):
    """Change of saturation.

    Args:
        factor: range of a number f; the saturation is multiplied by f / (1 - f), so
            that 0 gives gray images and 0.5 changes nothing. x stands for (-x, x).
            From -1 to 1.
        value_range: smallest and largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random factors; a new one by default.

    Shape:
        (batch, rows, columns, 3) or (rows, columns, 3), or with the channels before the
        rows, to the same shape.

    Example:
        >>> layer = RandomSaturation((0.0, 0.0), value_range=(0, 1))
        >>> layer(np.array([[[1.0, 0.5, 0.0]]])).ravel()
        Array([1., 1., 1.], dtype=float32)
    """

    factor: Range = Range(-1, 1)

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        factor = draws.uniform(*self.factor)
        return {"factor": factor / (1 - factor + config.epsilon())}

    def _change_colors(self, planes: list[Array], factor: Array) -> list[Array]:
        # Saturation is (highest - lowest) / highest, and distances of channels from the
        # highest one are proportional to it. It is at most 1.
        value, chroma = value_and_chroma(*planes)
        most = jnp.maximum(value, 0) / jnp.where(chroma > 0, chroma, 1)
        ratio = jnp.clip(factor, 0, most)
        return [value - (value - plane) * ratio for plane in planes]


class RandomHue(HSVLayer):
    """Rotation of the hue.

    Args:
        factor: range of the rotation, where 1 stands for half a turn in either
            direction; x stands for (0, x). From 0 to 1.
        value_range: smallest and largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random rotations; a new one by default.

    Shape:
        (batch, rows, columns, 3) or (rows, columns, 3), or with the channels before the
        rows, to the same shape.

    Example:
        >>> layer = RandomHue((1.0, 1.0), value_range=(0, 1))
        >>> layer(np.array([[[1.0, 0.0, 0.0]]])).ravel()
        Array([0., 1., 1.], dtype=float32)
    """

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"factor": draws.signs() * draws.uniform(*self.factor) * 0.5}

    def _change_colors(self, planes: list[Array], factor: Array) -> list[Array]:
        sector, chroma, value = hue_planes(*planes)
        return color_planes(sector + 6 * factor, chroma, value)


class RandomGrayscale(RandomImageLayer):
    """Grayscale version of some images, in the channels and the type of the image.

    Args:
        factor: probability of a grayscale version, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random choices; a new one by default.

    Shape:
        (batch, rows, columns, 3) or (rows, columns, 3), or with the channels before the
        rows, to the same shape.

    Example:
        >>> RandomGrayscale(factor=1.0)(np.array([[[100.0, 200.0, 50.0]]])).ravel()
        Array([152.99, 152.99, 152.99], dtype=float32)
    """

    casts_integers = False
    arguments = {**RandomImageLayer.arguments, "factor": between(0, 1)}

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        return {"should_apply": draws.uniform() < self.factor}

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        gray = rgb_to_grayscale(images, self.data_format)
        return jnp.where(per_image(transformation["should_apply"]), gray, images)


_JITTER: dict[str, type[FactorLayer]] = {
    "brightness": RandomBrightness,
    "contrast": RandomContrast,
    "saturation": RandomSaturation,
    "hue": RandomHue,
}


_FACTORS = {f"{n}_factor": optional(v.factor.check) for n, v in _JITTER.items()}


class RandomColorJitter(ColorLayer):
    """Changes of brightness, contrast, saturation and hue, in this order.

    Args:
        value_range: smallest and largest value of a pixel; results are clipped.
        brightness_factor: `factor` of `RandomBrightness`; `None` to leave it out.
        contrast_factor: `factor` of `RandomContrast`; `None` to leave it out.
        saturation_factor: `factor` of `RandomSaturation`; `None` to leave it out.
        hue_factor: `factor` of `RandomHue`; `None` to leave it out.
        seed: seed of the random numbers; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape; saturation and hue need 3 channels.

    Example:
        >>> layer = RandomColorJitter((0, 1), brightness_factor=0.2, hue_factor=0.1)
        >>> layer(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)
    """

    arguments = {**ColorLayer.arguments, **_FACTORS}

    def __init__(
        self,
        value_range: Bounds = (0, 255),
        brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None,
        saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())
        options = self._inner_options()
        for name, kind in _JITTER.items():
            factor, layer = getattr(self, f"{name}_factor"), None
            if factor is not None:
                layer = kind(factor, value_range, seed=seed, **options)
            setattr(self, f"random_{name}", layer)

    def _steps(self) -> dict[str, RandomImageLayer]:
        layers = {f"random_{name}": getattr(self, f"random_{name}") for name in _JITTER}
        return {name: layer for name, layer in layers.items() if layer is not None}

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        images = jax.ShapeDtypeStruct(shape, "float32")
        return {
            name: layer.get_random_transformation(images, seed=draws.key())
            for name, layer in self._steps().items()
        }

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        for name, layer in self._steps().items():
            images = layer.transform_images(images, transformation[name])
        return images
