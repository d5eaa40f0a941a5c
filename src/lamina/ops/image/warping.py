"""Geometric transforms: affine, perspective and elastic."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.scipy import ndimage

from lamina.core.check import Check, check_arguments, is_int
from lamina.core.graph import op
from lamina.core.random.samplers import normal
from lamina.core.random.seeds import SeedGenerator
from lamina.errors import ShapeError
from lamina.ops.image.filters import blur
from lamina.ops.image.layout import map_batch
from lamina.ops.image.sampling import FILL_MODES, INTERPOLATIONS, sample
from lamina.ops.types import Tensor, array_of, float_array, upcast
from lamina.typing import Array

__all__ = [
    "affine_transform",
    "elastic_transform",
    "map_coordinates",
    "perspective_transform",
]

_ORDER = Check("0 or 1", lambda v: is_int(v) and v in (0, 1), (2, -1, "1"))
_ALLOWED = {
    "interpolation": INTERPOLATIONS,
    "fill_mode": FILL_MODES,
    "order": _ORDER,
}


@op
def affine_transform(
    images: Tensor,
    transform: Tensor,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Apply an affine or projective transform to images.

    With the transform [a0, a1, a2, b0, b1, b2, c0, c1], the pixel (x, y) of the result
    is the one at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) of the image, where
    k = c0 x + c1 y + 1.

    Args:
        images: one image or a batch.
        transform: (8,), or (batch, 8) for one transform of each image.
        interpolation: "nearest" or "bilinear".
        fill_mode: how images continue outside, as in `map_coordinates`.
        fill_value: value outside for "constant".
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        Images of the same shape and type.

    Raises:
        ShapeError: the images are not 3D or 4D, or `transform` has another shape.
        ArgumentError: `interpolation` or `fill_mode` is not one of the values above.

    Example:
        >>> image = jnp.arange(3.0).reshape(1, 3, 1)
        >>> shift = [1, 0, 1, 0, 1, 0, 0, 0]  # by one pixel to the left
        >>> affine_transform(image, shift)[0, :, 0].tolist()
        [1.0, 2.0, 0.0]
    """
    owner = "affine_transform"
    check_arguments(owner, _ALLOWED, locals())
    transforms = upcast(float_array(transform))
    if transforms.ndim not in (1, 2) or transforms.shape[-1] != 8:
        raise ShapeError(
            f"{owner}: `transform` must have the shape (8,) or (batch, 8). Received: "
            f"shape {transforms.shape}."
        )
    warp = functools.partial(
        _warp,
        transforms=transforms,
        interpolation=interpolation.lower(),
        fill_mode=fill_mode.lower(),
        fill_value=fill_value,
    )
    return map_batch(owner, warp, images, data_format)


@op
def perspective_transform(
    images: Tensor,
    start_points: Tensor,
    end_points: Tensor,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Move four points of images to four other points by a perspective transform.

    Args:
        images: one image or a batch.
        start_points: (4, 2) or (batch, 4, 2), four points (x, y) in pixels.
        end_points: the positions of these points in the result, of the same shape.
        interpolation: "nearest" or "bilinear".
        fill_value: value outside the images.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        Images of the same shape and type.

    Raises:
        ShapeError: the images are not 3D or 4D, or the points have another shape.
        ArgumentError: `interpolation` is not one of the values above.

    Example:
        >>> image = jnp.arange(9.0).reshape(3, 3, 1)
        >>> corners = jnp.array([[0, 0], [2, 0], [2, 2], [0, 2]])
        >>> right = corners + jnp.array([1, 0])
        >>> perspective_transform(image, corners, right, "nearest")[..., 0].tolist()
        [[0.0, 0.0, 1.0], [0.0, 3.0, 4.0], [0.0, 6.0, 7.0]]
    """
    owner = "perspective_transform"
    check_arguments(owner, _ALLOWED, locals())
    start = array_of(start_points).astype("float32")
    end = array_of(end_points).astype("float32")
    for name, points in (("start_points", start), ("end_points", end)):
        if points.ndim not in (2, 3) or points.shape[-2:] != (4, 2):
            raise ShapeError(
                f"{owner}: `{name}` must have the shape (4, 2) or (batch, 4, 2). "
                f"Received: shape {points.shape}."
            )
    if start.shape != end.shape:
        raise ShapeError(
            f"{owner}: `start_points` and `end_points` must have the same shape. "
            f"Received: {start.shape} and {end.shape}."
        )
    warp = functools.partial(
        _warp,
        transforms=transform_between(end, start),
        interpolation=interpolation.lower(),
        fill_mode="constant",
        fill_value=fill_value,
    )
    return map_batch(owner, warp, images, data_format)


@op
def elastic_transform(
    images: Tensor,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: int | SeedGenerator | None = None,
    data_format: str | None = None,
) -> Array:
    """Displace the pixels of images by smooth random fields.

    Args:
        images: one image or a batch.
        alpha: factor of the displacements.
        sigma: standard deviation of the noise, and of the Gaussian filter in pixels
            that smooths it; known when a program is compiled.
        interpolation: "nearest" or "bilinear".
        fill_mode: how images continue outside, as in `map_coordinates`.
        fill_value: value outside for "constant".
        seed: an integer, a `SeedGenerator`, or None for the process's generator.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        Images of the same shape and type.

    Raises:
        ShapeError: the images are not 3D or 4D.
        ArgumentError: `interpolation` or `fill_mode` is not one of the values above.

    Example:
        >>> elastic_transform(jnp.ones((8, 8, 3)), sigma=1.0, seed=0).shape
        (8, 8, 3)

    Reference: Simard et al. 2003, https://doi.org/10.1109/ICDAR.2003.1227801
    """
    owner = "elastic_transform"
    check_arguments(owner, _ALLOWED, locals())
    width = int(6 * sigma) | 1

    def warp(x: Array) -> Array:
        shape = (*x.shape[:3], 2)
        noise = normal(shape, stddev=sigma, dtype="float32", seed=seed)
        field = alpha * blur(noise, (width, width), jnp.array([sigma, sigma]))
        rows, columns = jnp.arange(x.shape[1])[:, None], jnp.arange(x.shape[2])
        return sample(
            x,
            rows + field[..., 0],
            columns + field[..., 1],
            interpolation.lower(),
            fill_mode.lower(),
            fill_value,
        )

    return map_batch(owner, warp, images, data_format)


@op
def map_coordinates(
    inputs: Tensor,
    coordinates: Tensor,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Array:
    """Interpolate an array at real coordinates.

    Args:
        inputs: an array of any rank.
        coordinates: (rank of inputs, ...): the coordinate along each axis, in elements.
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: how the array "abcd" continues outside: "constant" kk|abcd|kk where
            k is `fill_value`, "nearest" aa|abcd|dd, "wrap" cd|abcd|ab, "mirror"
            cb|abcd|cb, or "reflect" ba|abcd|dc.
        fill_value: value outside for "constant".

    Returns:
        An array of the shape of one coordinate and the type of the inputs.

    Raises:
        ShapeError: the number of coordinates is not the rank of the inputs.
        ArgumentError: `order` or `fill_mode` is not one of the values above.

    Example:
        >>> map_coordinates([0.0, 10.0, 20.0], [[0.5, 1.25]], order=1).tolist()
        [5.0, 12.5]
    """
    check_arguments("map_coordinates", _ALLOWED, locals())
    x, positions = array_of(inputs), array_of(coordinates)
    if positions.ndim < 2 or positions.shape[0] != x.ndim:
        raise ShapeError(
            "map_coordinates: `coordinates` must have the shape (rank of inputs, ...), "
            f"at least 2D. Received: coordinates of shape {positions.shape} for inputs "
            f"of shape {x.shape}."
        )
    axes = list(positions)
    return ndimage.map_coordinates(x, axes, order, fill_mode.lower(), fill_value)


@functools.partial(jax.jit, static_argnames=("interpolation", "fill_mode"))
def _warp(
    images: Array,
    transforms: Array,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> Array:
    """Sample images where projective transforms map the pixels of the result to."""
    t = jnp.broadcast_to(transforms, (images.shape[0], 8))
    t = t.T[..., None, None]
    y, x = (jnp.arange(n, dtype=t.dtype) for n in images.shape[1:3])
    y = y[:, None]
    depth = t[6] * x + t[7] * y + 1
    rows = (t[3] * x + t[4] * y + t[5]) / depth
    columns = (t[0] * x + t[1] * y + t[2]) / depth
    return sample(images, rows, columns, interpolation, fill_mode, fill_value)


def transform_between(start: Array, end: Array) -> Array:
    """Return the projective transforms that map four points to four others, (..., 8).

    Each pair of points gives two linear equations: x' (c0 x + c1 y + 1) = a0 x + a1 y +
    a2, and the same for y'.
    """
    x, y = start[..., 0], start[..., 1]
    one, zero = jnp.ones_like(x), jnp.zeros_like(x)
    u, v = end[..., 0], end[..., 1]
    equations = jnp.concatenate(
        [
            jnp.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1),
            jnp.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1),
        ],
        axis=-2,
    )
    values = jnp.concatenate([u, v], -1)[..., None]
    return jnp.linalg.solve(equations, values)[..., 0]
