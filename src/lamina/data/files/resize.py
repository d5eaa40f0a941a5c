"""Resizing of images on the host, to the values of `ops.image.resize`.

JAX would compile a program for each size of an image.
"""

from __future__ import annotations

import functools

import numpy as np

from lamina.ops.image.weights import FILTERS, Floats, Terms, resize_matrix, terms_of

METHODS = ("bilinear", "nearest", "bicubic", "area", *list(FILTERS)[2:])


@functools.lru_cache(maxsize=1024)
def _terms(old: int, new: int, method: str) -> Terms:
    return terms_of(resize_matrix(old, new, method))


def _resize_axis(image: np.ndarray, axis: int, new: int, method: str) -> np.ndarray:
    positions, weights = _terms(image.shape[axis], new, method)
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
