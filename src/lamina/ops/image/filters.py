"""Filters of images, and the structural similarity that they measure."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.check import check_arguments, positive_int, sizes
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.image.layout import as_dtype_of, images_of, map_batch, spatial_axes
from lamina.ops.types import Tensor, check_same_shape, float_array, upcast
from lamina.typing import Array

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]


@op(static=["kernel_size"])
def gaussian_blur(
    images: Tensor,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Tensor = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Blur images by a Gaussian filter; pixels outside the images are 0.

    Args:
        images: one image or a batch.
        kernel_size: width of the filter along x (columns), then along y (rows).
        sigma: its standard deviations in pixels, in the same order.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        Images of the same shape and type.

    Raises:
        ShapeError: the images are not 3D or 4D, or `sigma` is not two numbers.
        ArgumentError: `kernel_size` is not one or two positive integers.

    Example:
        >>> gaussian_blur(jnp.ones((8, 8, 3)), kernel_size=(3, 5)).shape
        (8, 8, 3)
    """
    owner = "gaussian_blur"
    check_arguments(owner, {"kernel_size": sizes(2)}, {"kernel_size": kernel_size})
    widths = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    deviations = upcast(float_array(sigma))
    if deviations.shape != (2,):
        raise ShapeError(
            f"{owner}: `sigma` must be two numbers, for x and y. Received: shape "
            f"{deviations.shape}."
        )
    return map_batch(owner, lambda x: blur(x, widths, deviations), images, data_format)


@op
def sobel_edges(images: Tensor, data_format: str | None = None) -> Array:
    """Compute the vertical and horizontal derivatives of images by the Sobel filter.

    Args:
        images: a batch of images, (batch, rows, columns, channels) or with the channels
            second. Pixels outside are 0.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        An array of the shape of the images and 2: the derivatives along y and x.
        Integer images give floats.

    Raises:
        ShapeError: the images are not 4D.

    Example:
        >>> ramp = jnp.broadcast_to(jnp.arange(5.0)[:, None], (1, 3, 5, 1))
        >>> sobel_edges(ramp)[0, 1, 2, 0].tolist()
        [0.0, 8.0]
    """
    x = float_array(images)
    if x.ndim != 4:
        raise ShapeError(
            f"sobel_edges: the images must be 4D. Received: shape {x.shape}. Add the "
            "batch, as in `images[None]`."
        )
    rows, columns = spatial_axes("sobel_edges", data_format)
    smooth, difference = jnp.array([1, 2, 1], x.dtype), jnp.array([-1, 0, 1], x.dtype)

    def edges(across: int, along: int) -> Array:
        return correlate(correlate(x, smooth, across), difference, along)

    return jnp.stack([edges(columns, rows), edges(rows, columns)], -1)


@op
def ssim(
    image1: Tensor,
    image2: Tensor,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    """Compute the structural similarity of images.

    SSIM = (2 mu1 mu2 + c1) (2 cov + c2) / ((mu1^2 + mu2^2 + c1) (var1 + var2 + c2)),
    with means, variances and covariance weighted by a Gaussian filter, averaged over
    pixels and channels.

    Args:
        image1: one image or a batch.
        image2: images of the same shape.
        max_val: the largest value that a pixel can have.
        filter_size: width of the Gaussian filter.
        filter_sigma: its standard deviation in pixels.
        k1: c1 = (k1 max_val)^2.
        k2: c2 = (k2 max_val)^2.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        A number up to 1 for each image, (batch,) or ().

    Raises:
        ShapeError: the images are not 3D or 4D, differ in shape, or are smaller than
            the filter.

    Example:
        >>> image = jnp.ones((16, 16, 3))
        >>> ssim(image, image).tolist()
        1.0

    Reference: Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861
    """
    owner = "ssim"
    check_arguments(owner, {"filter_size": positive_int}, {"filter_size": filter_size})
    x, y = (float_array(images_of(owner, image)) for image in (image1, image2))
    check_same_shape(owner, x.shape, y.shape, "both images")
    rows, columns = spatial_axes(owner, data_format)
    if min(x.shape[rows], x.shape[columns]) < filter_size:
        raise ShapeError(
            f"{owner}: images of shape {x.shape} are smaller than the filter of "
            f"{filter_size} pixels. Pass a smaller `filter_size`."
        )
    dtype, x, y = x.dtype, upcast(x), upcast(y)
    weights = _gaussian(filter_size, jnp.asarray(filter_sigma, x.dtype))

    def mean(x: Array) -> Array:
        return correlate(correlate(x, weights, rows, False), weights, columns, False)

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (variances + c2)
    return similarity.mean((-3, -2, -1)).astype(dtype)


def blur(x: Array, widths: Sequence[int], deviations: Array) -> Array:
    """Blur (batch, rows, columns, channels) images along x and y.

    Args:
        x: the images.
        widths: of the filter along x and along y.
        deviations: the standard deviations along x and along y.
    """
    blurred = upcast(float_array(x))
    for axis, width, deviation in zip((-2, -3), widths, deviations, strict=True):
        blurred = correlate(blurred, _gaussian(width, deviation), axis)
    return as_dtype_of(blurred, x)


def _gaussian(width: int, deviation: Array) -> Array:
    distance = jnp.arange(width, dtype=deviation.dtype) - (width - 1) / 2
    weights = jnp.exp(-0.5 * (distance / deviation) ** 2)
    return weights / weights.sum()


@functools.partial(jax.jit, static_argnames=("axis", "pad"))
def correlate(x: Array, weights: Array, axis: int, pad: bool = True) -> Array:
    """Filter along one axis, as a sum of slices.

    Args:
        x: an array.
        weights: of the filter.
        axis: the axis.
        pad: whether to pad with zeros so that the result has the shape of x.
    """
    width = weights.shape[0]
    if pad:
        widths = [(0, 0)] * x.ndim
        widths[axis] = (width - 1) // 2, width // 2
        x = jnp.pad(x, widths)
    count = x.shape[axis] - width + 1
    slices = (lax.slice_in_dim(x, k, k + count, axis=axis) for k in range(width))
    return functools.reduce(jnp.add, map(jnp.multiply, weights, slices))
