"""Layers that mix images of a batch, or replace parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax.numpy as jnp

from lamina.core.check import Check, is_number, positive_number
from lamina.core.dtypes import is_float
from lamina.layers.image.base import Boxes, BoxOptions, RandomImageLayer, Transformation
from lamina.layers.image.box_formats import boxes_error
from lamina.layers.image.color import ColorLayer
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range
from lamina.ops.image.layout import per_image
from lamina.typing import Array, ArrayLike, Shape


def _mix(values: ArrayLike, transformation: Transformation) -> Array:
    """Return weighted means of the rows of a batch and their partners."""
    values = jnp.asarray(values)
    values = values if is_float(values.dtype) else values.astype("float32")
    weight = per_image(transformation["mix_weight"], values)
    return weight * values + (1 - weight) * _partners(values, transformation)


def _partners(values: Array, transformation: Transformation) -> Array:
    return values[jnp.asarray(transformation["permutation_order"])]


def _draw_regions(draws: Draws, size: Shape, height: Array, width: Array) -> Array:
    """Draw a rectangle in each image.

    Args:
        draws: the source of random numbers.
        size: numbers of rows and columns of the images.
        height: (batch,), heights of the rectangles as fractions.
        width: (batch,), widths of the rectangles as fractions.

    Returns:
        Which pixels are inside, (batch, rows, columns).
    """
    inside: list[Array] = []
    for length, part in zip(size, (height, width), strict=True):
        start = draws.uniform() * (1 - part) * length
        position = jnp.arange(length, dtype="float32")
        end = start + part * length
        inside.append((position >= start[:, None]) & (position < end[:, None]))
    return inside[0][:, :, None] & inside[1][:, None, :]


class MixUp(RandomImageLayer):
    """Mixture of each image and its labels with another one of the batch.

    An image has the weight w, and the other one 1 - w, with w from the beta
    distribution. An image has the bounding boxes of both.

    Args:
        alpha: both parameters of the beta distribution, positive.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
        seed: seed of the random numbers; a new one by default.

    Shape:
        (batch, rows, columns, channels), or with the channels before the rows, to the
        same shape. Labels must be one-hot vectors, (batch, classes).

    Example:
        >>> batch = {"images": np.ones((4, 8, 8, 3)), "labels": np.eye(4)}
        >>> mixed = MixUp(alpha=0.2, seed=0)(batch)
        >>> mixed["images"].shape, mixed["labels"].shape
        ((4, 8, 8, 3), (4, 4))

    Reference: Zhang et al. 2018, https://arxiv.org/abs/1710.09412
    """

    arguments = {**RandomImageLayer.arguments, "alpha": positive_number}

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.alpha = alpha

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        weight = draws.beta(self.alpha)
        return {"mix_weight": weight, "permutation_order": draws.permutation()}

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        return _mix(images, transformation)

    def _change_masks(self, masks: Array, transformation: Transformation) -> Array:
        return _mix(masks, transformation)

    def _change_labels(self, labels: ArrayLike, transformation: Transformation) -> Any:
        return _mix(labels, transformation)

    def _change_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        for name in ("boxes", "labels"):
            both = boxes[name], _partners(boxes[name], transformation)
            boxes = {**boxes, name: jnp.concatenate(both, 1)}
        return boxes


class CutMix(RandomImageLayer):
    """Replacement of a part of each image by the same part of another one.

    Labels are mixed by the shares of the two images. Segmentation masks are cut like
    the images.

    Args:
        factor: range of both parameters of the beta distribution from which the share
            is drawn; x stands for (0, x). From 0 to 1.
        seed: seed of the random numbers; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels), or with the channels before the rows, to the
        same shape. Labels must be one-hot vectors, (batch, classes).

    Raises:
        ArgumentError: there are bounding boxes, which the layer cannot cut.

    Example:
        >>> batch = {"images": np.ones((4, 8, 8, 3)), "labels": np.eye(4)}
        >>> mixed = CutMix(seed=0)(batch)
        >>> mixed["images"].shape, mixed["labels"].shape
        ((4, 8, 8, 3), (4, 4))

    Reference: Yun et al. 2019, https://arxiv.org/abs/1905.04899
    """

    factor: Range = Range(0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        weight = draws.beta(draws.uniform(*self.factor) + 1e-6)
        side = jnp.sqrt(1 - weight)
        masks = _draw_regions(draws, self.image_size(shape), side, side)
        return {
            "batch_masks": jnp.expand_dims(masks, self.channel_axis),
            "mix_weight": weight,
            "permutation_order": draws.permutation(),
        }

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        others = _partners(images, transformation)
        return jnp.where(transformation["batch_masks"], others, images)

    def _change_masks(self, masks: Array, transformation: Transformation) -> Array:
        return self._change_images(masks, transformation)

    def _change_labels(self, labels: ArrayLike, transformation: Transformation) -> Any:
        return _mix(labels, transformation)

    def _change_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        raise boxes_error(self)


def _is_fill(value: object) -> bool:
    numbers = value if isinstance(value, (list, tuple)) else [value]
    return value is None or all(map(is_number, numbers))


_FILL = Check("a number, or one for each channel", _is_fill, ("a",))


class RandomErasing(ColorLayer):
    """Replacement of a rectangle of some images by noise or a color.

    Bounding boxes, masks and labels stay the same.

    Args:
        factor: probability of a replacement, or its range; x stands for (0, x).
        scale: range of the squares of the rectangle's height and width as fractions of
            the image's, drawn for each; x stands for (0, x). From 0 to 1.
        fill_value: color of the rectangle, a number or one for each channel; noise by
            default.
        value_range: smallest and largest value of a pixel.
        seed: seed of the random numbers; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, channels) or (rows, columns, channels), or with the
        channels before the rows, to the same shape.

    Example:
        >>> layer = RandomErasing((1.0, 1.0), fill_value=9.0, seed=0)
        >>> layer(np.ones((2, 8, 8, 3))).max()
        Array(9., dtype=float32)

    Reference: Zhong et al. 2020, https://arxiv.org/abs/1708.04896
    """

    factor: Range = Range(0, 1)
    scale: Range = Range(0, 1)
    arguments = {**ColorLayer.arguments, "fill_value": _FILL}

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Bounds = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        height, width = jnp.sqrt(draws.uniform(*self.scale, 2)).T
        masks = _draw_regions(draws, self.image_size(shape), height, width)
        return {
            "apply_erasing": draws.bernoulli(*self.factor),
            "batch_masks": jnp.expand_dims(masks, self.channel_axis),
            "fill_value": self._fill(draws, shape),
        }

    def _fill(self, draws: Draws, shape: Shape) -> Array:
        if self.fill_value is None:
            return self._clip(draws.noise(*shape) * self.value_range[1])
        channels = [-1 if axis == self.channel_axis % 4 else 1 for axis in range(4)]
        return self._clip(jnp.asarray(self.fill_value, "float32").reshape(channels))

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        is_changed = per_image(transformation["apply_erasing"])
        is_erased = is_changed & transformation["batch_masks"]
        fill = jnp.asarray(transformation["fill_value"], images.dtype)
        return jnp.where(is_erased, fill, images)
