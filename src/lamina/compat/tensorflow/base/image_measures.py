"""Measures and color spaces of images, for `tensorflow.image`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from lamina import ops
from lamina.compat.tensorflow.base.arrays import cast
from lamina.ops.types import Tensor


def total_variation(images: Any, name: str = "") -> Any:
    """Return the sum of absolute differences of neighboring pixels."""
    rows = ops.absolute(images[..., 1:, :, :] - images[..., :-1, :, :])
    columns = ops.absolute(images[..., 1:, :] - images[..., :-1, :])
    axes = (-3, -2, -1)
    return ops.sum(rows, axis=axes) + ops.sum(columns, axis=axes)


def image_gradients(image: Any) -> tuple[Any, Any]:
    """Return the differences to the next row and the next column."""
    rows = image[..., 1:, :, :] - image[..., :-1, :, :]
    columns = image[..., 1:, :] - image[..., :-1, :]
    none = [(0, 0)] * (len(image.shape) - 3)
    return (
        ops.pad(rows, [*none, (0, 1), (0, 0), (0, 0)]),
        ops.pad(columns, [*none, (0, 0), (0, 1), (0, 0)]),
    )


def sobel_edges(image: Any) -> Any:
    """Return the slopes along rows and along columns, on a new last axis."""
    none = [(0, 0)] * (len(image.shape) - 3)
    padded = ops.pad(image, [*none, (1, 1), (1, 1), (0, 0)], mode="reflect")
    down = padded[..., 2:, :, :] - padded[..., :-2, :, :]
    right = padded[..., 2:, :] - padded[..., :-2, :]
    rows = down[..., :-2, :] + 2 * down[..., 1:-1, :] + down[..., 2:, :]
    columns = right[..., :-2, :, :] + 2 * right[..., 1:-1, :, :] + right[..., 2:, :, :]
    return ops.stack([rows, columns], axis=-1)


def psnr(a: Tensor, b: Tensor, max_val: float, name: str = "") -> Any:
    """Return the peak signal-to-noise ratio of each image in dB."""
    error = ops.square(ops.subtract(cast(a, "float32"), cast(b, "float32")))
    ratio = ops.divide(max_val**2, ops.mean(error, axis=(-3, -2, -1)))
    return ops.multiply(10, ops.log10(ratio))


def ssim(img1: Tensor, img2: Tensor, max_val: float, **_: object) -> Any:
    """Return the structural similarity."""
    return ops.image.ssim(img1, img2, max_val)


def rgb_to_yuv(images: Tensor) -> Any:
    """Return RGB images in YUV."""
    y = jnp.dot(jnp.asarray(images), jnp.array([0.299, 0.587, 0.114]))
    red, _, blue = jnp.moveaxis(jnp.asarray(images), -1, 0)
    return jnp.stack([y, 0.492111 * (blue - y), 0.877283 * (red - y)], -1)


def yuv_to_rgb(images: Tensor) -> Any:
    """Return YUV images in RGB."""
    y, u, v = jnp.moveaxis(jnp.asarray(images), -1, 0)
    red, blue = y + v / 0.877283, y + u / 0.492111
    return jnp.stack([red, (y - 0.299 * red - 0.114 * blue) / 0.587, blue], -1)
