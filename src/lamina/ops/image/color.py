"""Conversions between color spaces."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.core.graph import op
from lamina.errors import ArgumentError, ShapeError
from lamina.ops.image.layout import channels_axis, images_of
from lamina.ops.types import Tensor, upcast
from lamina.typing import Array

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]

_LUMA = (0.2989, 0.5870, 0.1140)  # ITU-R BT.601


@op
def rgb_to_grayscale(images: Tensor, data_format: str | None = None) -> Array:
    """Convert RGB images to grayscale, with the weights of ITU-R BT.601.

    Args:
        images: one image or a batch, of 3 channels. Images of 1 channel are returned
            unchanged.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        Images of 1 channel and the same type.

    Raises:
        ShapeError: the images are not 3D or 4D, or have another number of channels.

    Example:
        >>> rgb_to_grayscale(jnp.ones((2, 4, 4, 3))).shape
        (2, 4, 4, 1)
    """
    x = images_of("rgb_to_grayscale", images)
    axis = channels_axis("rgb_to_grayscale", data_format)
    if x.shape[axis] == 1:
        return x
    red, green, blue = rgb_planes("rgb_to_grayscale", x, axis)
    gray = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return jnp.expand_dims(gray, axis).astype(x.dtype)


@op
def rgb_to_hsv(images: Tensor, data_format: str | None = None) -> Array:
    """Convert RGB images to hue, saturation and value, each from 0 to 1.

    Args:
        images: one image or a batch of floats from 0 to 1.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Raises:
        ShapeError: the images are not 3D or 4D, or do not have 3 channels.
        ArgumentError: the images are not floats.

    Example:
        >>> rgb_to_hsv([[[0.0, 1.0, 0.0]]]).tolist()
        [[[0.33333..., 1.0, 1.0]]]
    """
    x = _floats("rgb_to_hsv", images)
    axis = channels_axis("rgb_to_hsv", data_format)
    x = jnp.where(jnp.abs(x) < jnp.finfo(x.dtype).eps, 0, x)
    sector, chroma, value = hue_planes(*rgb_planes("rgb_to_hsv", x, axis))
    hue = sector / 6
    hue = jnp.where(hue < 0, hue + 1, hue)
    saturation = jnp.where(value > 0, chroma / jnp.where(value > 0, value, 1), 0)
    return jnp.stack([hue, saturation, value], axis).astype(x.dtype)


@op
def hsv_to_rgb(images: Tensor, data_format: str | None = None) -> Array:
    """Convert images of hue, saturation and value to RGB: invert `rgb_to_hsv`.

    Args:
        images: one image or a batch of floats from 0 to 1.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Raises:
        ShapeError: the images are not 3D or 4D, or do not have 3 channels.
        ArgumentError: the images are not floats.

    Example:
        >>> hsv_to_rgb([[[0.0, 1.0, 0.5]]]).tolist()
        [[[0.5, 0.0, 0.0]]]
    """
    x = _floats("hsv_to_rgb", images)
    axis = channels_axis("hsv_to_rgb", data_format)
    hue, saturation, value = rgb_planes("hsv_to_rgb", x, axis)
    planes = color_planes(hue * 6, saturation * value, value)
    return jnp.stack(planes, axis).astype(x.dtype)


@jax.custom_jvp
def value_and_chroma(red: Array, green: Array, blue: Array) -> tuple[Array, Array]:
    """Return the highest channel, and its distance from the lowest one."""
    value = jnp.maximum(jnp.maximum(red, green), blue)
    return value, value - jnp.minimum(jnp.minimum(red, green), blue)


@value_and_chroma.defjvp
def _value_and_chroma_jvp(
    planes: Sequence[Array], tangents: Sequence[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    value, chroma = value_and_chroma(*planes)
    lowest = jnp.minimum(jnp.minimum(planes[0], planes[1]), planes[2])
    dv, dl = (_extreme_tangent(e, planes, tangents) for e in (value, lowest))
    return (value, chroma), (dv, dv - dl)


def _extreme_tangent(
    extreme: Array, planes: Sequence[Array], tangents: Sequence[Array]
) -> Array:
    """Return the tangent of the highest or the lowest of three channels.

    Equal channels share it as in JAX's derivative of `maximum`. That one divides by the
    number of equal operands, and XLA does not fuse divisions: a step with a change of
    hue takes 1.5 times as long on a CPU.
    """
    red, green, blue = (extreme == plane for plane in planes)
    of_pair = jnp.where(blue, 0.5, 1.0)
    of_each = jnp.where(red & green, 0.5, 1.0) * of_pair
    of_blue = jnp.where(red | green, 0.5, 1.0)
    shares = (red, of_each), (green, of_each), (blue, of_blue)
    terms = [
        jnp.where(at, share, 0.0).astype(extreme.dtype) * tangent
        for (at, share), tangent in zip(shares, tangents, strict=True)
    ]
    return terms[0] + terms[1] + terms[2]


def hue_planes(red: Array, green: Array, blue: Array) -> tuple[Array, Array, Array]:
    """Return the hue from -1 to 5, the chroma of the channels, and the value."""
    value, chroma = value_and_chroma(red, green, blue)
    unit = 1 / jnp.where(chroma > 0, chroma, 1)
    is_red, is_green = value == red, value == green
    # One product for all sectors: each takes time in the gradient too.
    difference = jnp.where(
        is_red, green - blue, jnp.where(is_green, blue - red, red - green)
    )
    offset = jnp.where(is_red, 0, jnp.where(is_green, 2, 4))
    return jnp.where(chroma > 0, difference * unit + offset, 0), chroma, value


def color_planes(sector: Array, chroma: Array, value: Array) -> list[Array]:
    """Return red, green and blue: invert `hue_planes`, for hues modulo 6."""
    hue = sector - 6 * jnp.floor(sector / 6)
    shares = jnp.abs(hue - 3) - 1, 2 - jnp.abs(hue - 2), 2 - jnp.abs(hue - 4)
    # Not `jnp.clip`, whose gradient divides as that of `maximum`.
    return [value - chroma * (1 - lax.clamp(0.0, share, 1.0)) for share in shares]


def rgb_planes(owner: str, x: Array, axis: int) -> list[Array]:
    """Return the three channels, 16-bit floats as float32.

    Raises:
        ShapeError: the images have another number of channels.
    """
    check_channels(owner, x.shape, axis)
    x = upcast(x) if jnp.issubdtype(x.dtype, jnp.floating) else x
    return _slices(x, axis)


def check_channels(owner: str, shape: Sequence[int], axis: int) -> None:
    """Raise a `ShapeError` unless there are three channels."""
    if shape[axis] != 3:
        allowed = "1 or 3" if owner == "rgb_to_grayscale" else "3"
        raise ShapeError(
            f"{owner}: the images must have {allowed} channels. Received: shape "
            f"{shape}, with {shape[axis]} channels."
        )


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def split_channels(x: Array, axis: int) -> list[Array]:
    """Return the three channels.

    The gradient is `merge_channels`. JAX's gradient pads each channel, and XLA computes
    padding, and what is fused with it, without vector instructions. Like every
    `custom_vjp`, it has no forward-mode derivative.
    """
    return _slices(x, axis)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def merge_channels(planes: list[Array], axis: int) -> Array:
    """Stack the three channels along an axis: invert `split_channels`."""
    return _merged(planes, axis)


def _slices(x: Array, axis: int) -> list[Array]:
    return [lax.index_in_dim(x, channel, axis, keepdims=False) for channel in range(3)]


def _merged(planes: Sequence[Array], axis: int) -> Array:
    # A selection of each element is vectorized, and a concatenation is not.
    red, green, blue = (jnp.expand_dims(plane, axis) for plane in planes)
    shape = [1] * red.ndim
    shape[axis] = 3
    channel = np.arange(3).reshape(shape)
    return jnp.where(channel == 0, red, jnp.where(channel == 1, green, blue))


split_channels.defvjp(
    lambda x, axis: (_slices(x, axis), None),
    lambda axis, _, gradients: (_merged(gradients, axis),),
)
merge_channels.defvjp(
    lambda planes, axis: (_merged(planes, axis), None),
    lambda axis, _, gradient: (_slices(gradient, axis),),
)


def _floats(owner: str, images: Tensor) -> Array:
    x = images_of(owner, images)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ArgumentError(
            f"{owner}: the images must be floats from 0 to 1. Received: type "
            f"{x.dtype}. Convert them first, as in `images / 255`."
        )
    return x
