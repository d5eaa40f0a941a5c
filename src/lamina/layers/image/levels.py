"""Layers that change the levels of pixels: their order, number and distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import positive_int, sizes
from lamina.layers.image.base import (
    BoxOptions,
    ImageLayer,
    ImageOptions,
    Transformation,
)
from lamina.layers.image.color import ColorLayer, FactorLayer, rescale
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range, ValueRange
from lamina.ops.image.layout import per_image, repeat_for_columns
from lamina.typing import Array, Shape

_LEVELS = 256


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
        additions = per_image(transformation["additions"], levels)
        levels = jnp.clip(levels + additions, 0, 255)
        is_below = levels < per_image(transformation["thresholds"], levels)
        levels = jnp.where(is_below, levels, 255 - levels)
        return rescale(levels, (0, 255), self.value_range)


class AutoContrast(ImageLayer):
    """Stretching of each channel of an image to the whole range of values.

    Channels of a single value stay the same. The layer is active in inference too.

    Args:
        value_range: smallest and largest value of a pixel.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> AutoContrast(value_range=(0, 1))(np.array([[[0.25], [0.5]]]))
        Array([[[0.],
                [1.]]], dtype=float32)
    """

    value_range: ValueRange = ValueRange()

    def __init__(
        self, value_range: Bounds = (0, 255), **kwargs: Unpack[ImageOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        levels = rescale(images, self.value_range, (0, 255))
        low = levels.min(self.spatial_axes, keepdims=True)
        level_range = levels.max(self.spatial_axes, keepdims=True) - low
        scale = 255 / jnp.where(level_range > 0, level_range, 1)
        low, scale = (
            repeat_for_columns(values, levels, self.spatial_axes)
            for values in (low, scale)
        )
        levels = jnp.clip((levels - low) * scale, 0, 255)
        levels = rescale(levels, (0, 255), self.value_range)
        return jnp.where(level_range > 0, levels, images)


class Equalization(ImageLayer):
    """Histogram equalization: all values of a channel become about equally frequent.

    The histogram is that of the channel in the whole batch, as in Keras. The layer is
    active in training only.

    Args:
        value_range: smallest and largest value of a pixel.
        bins: number of bins of the histogram.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = Equalization(value_range=(0, 255))
        >>> layer(np.array([[[10.0], [11.0], [12.0]]]), training=True).ravel()
        Array([  0., 128., 255.], dtype=float32)
    """

    in_inference = False
    value_range: ValueRange = ValueRange()
    arguments = {**ImageLayer.arguments, "bins": positive_int}

    def __init__(
        self,
        value_range: Bounds = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.bins = value_range, bins

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        levels = rescale(images, self.value_range, (0, 255))
        channels = jnp.moveaxis(levels, self.channel_axis, 0)
        equal = jax.vmap(self._equalize)(channels.reshape(channels.shape[0], -1))
        equal = jnp.moveaxis(equal.reshape(channels.shape), 0, self.channel_axis)
        return rescale(equal.astype(images.dtype), (0, 255), self.value_range)

    def _equalize(self, values: Array) -> Array:
        """Equalize the values of a channel, (n,), from 0 to 255."""
        last = self.bins - 1
        bins = jnp.clip((values * last / 255).astype("int32"), 0, last)
        counts = jnp.bincount(bins, length=self.bins)
        total = jnp.cumsum(counts)
        first = total[jnp.argmax(counts > 0)]
        table = (total - first) * 255 / jnp.maximum(total[-1] - first, 1)
        # Rounds in another way than `bins`, as Keras does.
        entries = jnp.clip(values / 255 * last, 0, last).astype("int32")
        equal = jnp.clip(jnp.round(table), 0, 255)[entries].astype(values.dtype)
        return jnp.where(jnp.sum(counts > 0) <= 1, values, equal)


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Histogram equalization of tiles, with bounded contrast (CLAHE).

    A pixel is mapped by the histograms of the four nearest tiles, weighted by their
    distance. The type of the images does not change. The layer is active in inference
    too.

    Args:
        value_range: smallest and largest value of a pixel.
        clip_limit: largest count of a level, as a multiple of the mean count; the
            excess is distributed over all levels. No limit if it is not positive.
        tile_grid_size: number of rows and columns of tiles.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
        >>> layer(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)

    Reference: Zuiderveld 1994, "Contrast limited adaptive histogram equalization"
    """

    casts_integers = False
    value_range: ValueRange = ValueRange()
    arguments = {**ImageLayer.arguments, "tile_grid_size": sizes(2)}

    def __init__(
        self,
        value_range: Bounds = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        levels = rescale(images.astype("float32"), self.value_range, (0, 255))
        levels = jnp.moveaxis(levels, self.channel_axis, 1)
        planes = levels.reshape(-1, *levels.shape[2:])
        equal = jax.vmap(self._equalize)(planes).reshape(levels.shape)
        equal = jnp.moveaxis(equal, 1, self.channel_axis)
        return rescale(equal, (0, 255), self.value_range).astype(images.dtype)

    def _equalize(self, plane: Array) -> Array:
        """Equalize a channel of an image, (rows, columns), from 0 to 255."""
        rows, columns = plane.shape
        down, across = self.tile_grid_size
        tile = -(-rows // down), -(-columns // across)
        edges = (0, tile[0] * down - rows), (0, tile[1] * across - columns)
        levels = jnp.clip(jnp.pad(plane, edges, "symmetric"), 0, 255).astype("int32")
        tiles = levels.reshape(down, tile[0], across, tile[1]).swapaxes(1, 2)
        tables = jnp.pad(self._tables(tiles), [(1, 1), (1, 1), (0, 0)], "edge")
        top, y = _tile_before(rows, tile[0])
        left, x = _tile_before(columns, tile[1])
        levels = levels[:rows, :columns]
        top, y, left, x = top[:, None], y[:, None], left[None], x[None]
        upper = tables[top, left, levels] * (1 - x) + tables[top, left + 1, levels] * x
        lower = tables[top + 1, left, levels] * (1 - x)
        lower = lower + tables[top + 1, left + 1, levels] * x
        return upper * (1 - y) + lower * y

    def _tables(self, tiles: Array) -> Array:
        """Return the new value of each level in each tile.

        Takes (down, across, rows, columns) and returns (down, across, 256).
        """
        pixels = tiles.shape[2] * tiles.shape[3]
        flat = tiles.reshape(-1, pixels)
        counts = jax.vmap(lambda t: jnp.bincount(t, length=_LEVELS))(flat)
        counts = counts.astype("float32")
        if self.clip_limit > 0:
            clipped = jnp.minimum(counts, self.clip_limit * pixels / _LEVELS)
            counts = clipped + (counts - clipped).sum(-1, keepdims=True) / _LEVELS
        total = jnp.cumsum(counts, -1)
        least = total.min(-1, keepdims=True)
        rest = pixels - least
        tables = (total - least) * 255 / jnp.where(rest == 0, 1, rest)
        return jnp.clip(tables, 0, 255).reshape(*tiles.shape[:2], _LEVELS)


def _tile_before(length: int, tile: int) -> tuple[Array, Array]:
    """Return the tile whose center precedes each pixel, and the weight of the next one.

    Tiles are counted from one outside of the image.
    """
    position = (jnp.arange(length, dtype="float32") - tile / 2) / tile + 1
    before = jnp.floor(position)
    return before.astype("int32"), position - before
