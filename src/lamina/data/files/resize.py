"""Resizing of images on the host, to the values of `ops.image.resize`.

JAX would compile a program for each size of an image.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

Floats: TypeAlias = np.ndarray


class Taps(NamedTuple):
    """Input positions and their weights for each output position, shape (out, taps)."""

    positions: np.ndarray
    weights: Floats


def _triangle(x: Floats) -> Floats:
    return np.maximum(0, 1 - x)


def _keys_cubic(x: Floats) -> Floats:
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _mitchell_cubic(x: Floats) -> Floats:
    near = ((7 * x - 12) * x) * x + 16 / 3
    far = ((-7 / 3 * x + 12) * x - 20) * x + 32 / 3
    return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6


def _gaussian(x: Floats) -> Floats:
    return np.where(x < 1.5, np.exp(-2 * x * x), 0)


def _lanczos(radius: int, x: Floats) -> Floats:
    return np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


# Weight of an input pixel by its distance from an output pixel.
_KERNELS: dict[str, Callable[[Floats], Floats]] = {
    "bilinear": _triangle,
    "bicubic": _keys_cubic,
    "lanczos3": functools.partial(_lanczos, 3),
    "lanczos5": functools.partial(_lanczos, 5),
    "gaussian": _gaussian,
    "mitchellcubic": _mitchell_cubic,
}
METHODS = ("bilinear", "nearest", "bicubic", "area", *list(_KERNELS)[2:])


@functools.lru_cache(maxsize=1024)
def _taps(old: int, new: int, method: str) -> Taps:
    """Return the taps of an axis of `old` pixels that gets `new` pixels."""
    scale = old / new
    inputs, outputs = np.arange(old), np.arange(new)[:, None]
    if method == "nearest":
        weights = inputs == ((outputs + 0.5) * scale).astype(int)
    elif method == "area":
        starts = np.maximum(inputs, outputs * scale)
        weights = np.maximum(np.minimum(inputs + 1, (outputs + 1) * scale) - starts, 0)
    else:
        distances = np.abs((outputs + 0.5) * scale - 0.5 - inputs)
        weights = _KERNELS[method](distances)
    weights = weights / weights.sum(axis=1, keepdims=True)
    count = np.max(np.count_nonzero(weights, axis=1))
    # The positions with weights, and others of weight 0 where there are fewer.
    positions = np.sort(np.argsort(weights == 0, axis=1, kind="stable")[:, :count])
    taken = np.take_along_axis(weights, positions, axis=1)
    return Taps(positions, taken.astype(np.float32))


def _resize_axis(image: np.ndarray, axis: int, new: int, method: str) -> np.ndarray:
    positions, weights = _taps(image.shape[axis], new, method)
    if positions.shape[1] == 1:
        is_same = image.shape[axis] == new and positions[-1, 0] == new - 1
        return image if is_same else np.take(image, positions[:, 0], axis)
    shape = [1] * image.ndim
    shape[axis] = new
    result = np.take(image, positions[:, 0], axis) * weights[:, 0].reshape(shape)
    for k in range(1, positions.shape[1]):
        term = np.take(image, positions[:, k], axis) * weights[:, k].reshape(shape)
        result += term
    return result


def resize(image: np.ndarray, height: int, width: int, method: str) -> Floats:
    """Resize an image without antialiasing.

    Args:
        image: pixels, shape (height, width, channels).
        height: new number of rows.
        width: new number of columns.
        method: one of `METHODS`.

    Returns:
        Pixels in float32.
    """
    axes = [(0, height), (1, width)]
    # The axis that shrinks more comes first.
    axes.sort(key=lambda pair: pair[1] / image.shape[pair[0]])
    for axis, size in axes:
        image = _resize_axis(image, axis, size, method)
    return np.asarray(image, np.float32)
