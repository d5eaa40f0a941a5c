"""Resizing: weighted sums of a few rows, then of a few columns.

Like every `custom_vjp`, `resize` has no forward-mode derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import boolean, check_arguments, is_int, one_of
from lamina.core.graph import op
from lamina.core.untrusted import check_output
from lamina.errors import ArgumentError, invalid
from lamina.ops.image.layout import (
    as_dtype_of,
    aspect_padding,
    center_window,
    crop,
    images_of,
    spatial_axes,
)
from lamina.ops.image.weights import resize_matrix, terms_of
from lamina.ops.types import Tensor, array_of, float_array, upcast
from lamina.typing import Array

__all__ = ["resize", "scale_and_translate"]


class _Spec(NamedTuple):
    """Arguments of `resize_matrix`."""

    old: int
    new: int
    interpolation: str
    antialias: bool


_METHODS = [
    "linear",
    "bilinear",
    "trilinear",
    "triangle",
    "cubic",
    "bicubic",
    "tricubic",
    "lanczos3",
    "lanczos5",
]
# Beyond it, one matrix product is faster than a sum of slices.
_MAX_TERMS = 16

_RESIZE = {
    "interpolation": one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
    "antialias": boolean,
    "crop_to_aspect_ratio": boolean,
    "pad_to_aspect_ratio": boolean,
    "fill_mode": one_of("constant"),
}


@op(static=["size"])
def resize(
    images: Tensor,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Resize images.

    Args:
        images: one image or a batch.
        size: rows and columns of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether to widen the filter when images become smaller.
        crop_to_aspect_ratio: whether to crop the images first, around the center, to
            the aspect ratio of the result.
        pad_to_aspect_ratio: whether to pad the images first, on both sides, to the
            aspect ratio of the result.
        fill_mode: "constant": padding has the value `fill_value`.
        fill_value: value of the padding.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        Images of the same type; integers are rounded and clipped.

    Raises:
        ArgumentError: an argument has no valid value, or the images are to be both
            cropped and padded.
        ShapeError: the images are not 3D or 4D.

    Example:
        >>> resize(jnp.ones((2, 4, 4, 3)), (2, 6)).shape
        (2, 2, 6, 3)
    """
    owner = "resize"
    check_arguments(owner, _RESIZE, locals())
    rows, columns = _size_of(size)
    x = images_of(owner, images)
    axes = spatial_axes(owner, data_format)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(
            f"{owner}: images cannot be both cropped and padded. Set "
            "`crop_to_aspect_ratio` or `pad_to_aspect_ratio` to False."
        )
    if crop_to_aspect_ratio:
        window = center_window(x.shape[axes[0]], x.shape[axes[1]], rows, columns)
        x = crop(x, window, axes)
    elif pad_to_aspect_ratio:
        x = _pad_to(x, (rows, columns), axes, fill_value)
    resized = _resize(x, (rows, columns), axes, interpolation.lower(), bool(antialias))
    return as_dtype_of(resized, array_of(images))


@op(static=["output_shape", "spatial_dims"])
def scale_and_translate(
    images: Tensor,
    output_shape: Sequence[int],
    scale: Tensor,
    translation: Tensor,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Scale and translate an array along some axes.

    The position p of a pixel moves to `p * scale + translation`, where the first pixel
    has the position 0.5. Pixels that come from outside the array are 0.

    Args:
        images: an array of any rank.
        output_shape: the shape of the result, of the same rank.
        scale: a factor for each axis of `spatial_dims`.
        translation: an offset in pixels for each axis of `spatial_dims`.
        spatial_dims: the axes.
        method: "linear", "cubic", "lanczos3" or "lanczos5"; "bilinear", "trilinear" and
            "triangle" are "linear", "bicubic" and "tricubic" are "cubic".
        antialias: whether to widen the filter when images become smaller.

    Raises:
        ArgumentError: `method` is none of these.

    Example:
        >>> x = [1.0, 2.0, 3.0]
        >>> scale_and_translate(x, (3,), [1.0], [1.0], [0], "linear").tolist()
        [0.0, 1.0, 2.0]
    """
    allowed = {"method": one_of(*_METHODS)}
    check_arguments("scale_and_translate", allowed, {"method": method})
    return jax.image.scale_and_translate(
        array_of(images),
        tuple(output_shape),
        tuple(spatial_dims),
        float_array(scale),
        float_array(translation),
        method.lower(),
        antialias,
    )


def _size_of(size: Sequence[int]) -> tuple[int, int]:
    values = tuple(size)
    if len(values) != 2 or not all(is_int(n) and n > 0 for n in values):
        raise invalid("resize", "size", size, "two positive integers, rows and columns")
    return int(values[0]), int(values[1])


def _pad_to(
    x: Array, size: tuple[int, int], axes: tuple[int, int], value: float
) -> Array:
    """Pad the images to the aspect ratio of a size."""
    widths = [(0, 0)] * x.ndim
    padding = aspect_padding(x.shape[axes[0]], x.shape[axes[1]], *size)
    for axis, count in zip(axes, padding, strict=True):
        widths[axis] = count, count
    return jnp.pad(float_array(x), widths, constant_values=value)


@functools.partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _resize(
    x: Array,
    size: tuple[int, int],
    axes: tuple[int, int],
    interpolation: str,
    antialias: bool,
) -> Array:
    shape = list(x.shape)
    shape[axes[0]], shape[axes[1]] = size
    check_output("resize", shape, x.dtype)  # before the weights take memory
    if interpolation != "nearest":
        x = upcast(float_array(x))
    for axis, new in zip(axes, size, strict=True):
        spec = _Spec(x.shape[axis], new, interpolation, antialias)
        x = _resize_axis(x, axis, spec, False)
    return x


# Derived by JAX, the gradient of a gather would be a scatter, which is slow on CPUs.
@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _resize_axis(x: Array, axis: int, spec: _Spec, transpose: bool) -> Array:
    """Multiply an axis by the matrix of a resize, or by the transposed one."""
    matrix = resize_matrix(*spec)
    matrix = matrix.T if transpose else matrix
    index, weights = terms_of(matrix)
    if index.shape[1] > _MAX_TERMS:
        product = jnp.tensordot(
            x, matrix.astype(x.dtype), (axis, 1), precision="highest"
        )
        return jnp.moveaxis(product, -1, axis)
    if index.shape[1] == 1 and (weights == 1).all():
        return _take(x, index[:, 0], axis)
    weights = weights.astype(x.dtype).reshape(*weights.shape, *[1] * (-axis - 1))
    terms = [_take(x, index[:, k], axis) * weights[:, k] for k in range(index.shape[1])]
    return functools.reduce(jnp.add, terms)


def _forward(x: Array, axis: int, spec: _Spec, transpose: bool) -> tuple[Array, None]:
    return _resize_axis(x, axis, spec, transpose), None


def _backward(
    axis: int, spec: _Spec, transpose: bool, _: None, gradient: Array
) -> tuple[Array]:
    return (_resize_axis(gradient, axis, spec, not transpose),)


_resize_axis.defvjp(_forward, _backward)


def _take(x: Array, index: np.ndarray, axis: int) -> Array:
    before = (slice(None),) * (x.ndim + axis)
    return x.at[(*before, index)].get(mode="promise_in_bounds")
