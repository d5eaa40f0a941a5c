"""Values of images at real coordinates: one gather of whole pixels for each neighbor.

XLA's CPU gathers are slow: their number and their index arithmetic determine the time
of a warp. So the mode "constant" pads images with a border instead of masking values.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from lamina.core.check import one_of
from lamina.ops.image.layout import as_dtype_of
from lamina.ops.types import upcast
from lamina.typing import Array

FILL_MODES = one_of("constant", "nearest", "wrap", "mirror", "reflect")
INTERPOLATIONS = one_of("nearest", "bilinear")


@functools.partial(jax.jit, static_argnames=("interpolation", "fill_mode"))
def sample(
    images: Array,
    rows: Array,
    columns: Array,
    interpolation: str,
    fill_mode: str,
    fill_value: float | Array,
) -> Array:
    """Interpolate a batch of images at coordinates.

    Args:
        images: (batch, height, width, channels).
        rows: (batch, ...), row coordinates in pixels.
        columns: (batch, ...), column coordinates.
        interpolation: "nearest" or "bilinear".
        fill_mode: how the images continue outside, as in `map_coordinates`.
        fill_value: value outside for "constant".

    Returns:
        (batch, ..., channels), of the type of the images.
    """
    height, width = images.shape[1:3]
    if fill_mode == "constant":
        widths = [(0, 0), (1, 1), (1, 1), (0, 0)]
        value = jnp.asarray(fill_value).astype(images.dtype)
        images = jnp.pad(images, widths, constant_values=value)
    image = jnp.arange(images.shape[0]).reshape(-1, *[1] * (rows.ndim - 1))

    def pixel(row: Array, column: Array) -> Array:
        values = images.at[image, row, column].get(mode="promise_in_bounds")
        return upcast(values) if jnp.issubdtype(values.dtype, jnp.floating) else values

    if interpolation == "nearest":
        row = _nearest(rows, height, fill_mode)
        return pixel(row, _nearest(columns, width, fill_mode)).astype(images.dtype)
    top, bottom, down = _neighbors(rows, height, fill_mode)
    left, right, across = _neighbors(columns, width, fill_mode)
    upper = pixel(top, left) * (1 - across) + pixel(top, right) * across
    lower = pixel(bottom, left) * (1 - across) + pixel(bottom, right) * across
    return as_dtype_of(upper * (1 - down) + lower * down, images)


def _nearest(position: Array, size: int, fill_mode: str) -> Array:
    position = _limit(position, size, fill_mode)
    away_from_zero = jnp.trunc(position + jnp.copysign(0.5, position))
    return _inside(away_from_zero.astype("int32"), size, fill_mode)


def _neighbors(
    position: Array, size: int, fill_mode: str
) -> tuple[Array, Array, Array]:
    """Return the indices before and after a position, and the weight of the latter."""
    position = _limit(position, size, fill_mode)
    before = jnp.floor(position)
    index = before.astype("int32")
    return (
        _inside(index, size, fill_mode),
        _inside(index + 1, size, fill_mode),
        (position - before)[..., None],
    )


def _limit(position: Array, size: int, fill_mode: str) -> Array:
    """Clip positions where the value outside is one: large ones have no integer."""
    if fill_mode == "constant":
        return jnp.clip(position, -1, size)
    return jnp.clip(position, 0, size - 1) if fill_mode == "nearest" else position


def _inside(index: Array, size: int, fill_mode: str) -> Array:
    """Map an index to the pixel whose value it has, in padded images for "constant"."""
    if fill_mode == "constant":
        return jnp.clip(index, -1, size) + 1
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "mirror":
        period = max(2 * size - 2, 1)
        index = index % period
        index = jnp.minimum(index, period - index)
    elif fill_mode == "reflect":
        index = index % (2 * size)
        index = jnp.minimum(index, 2 * size - 1 - index)
    return jnp.clip(index, 0, size - 1)
