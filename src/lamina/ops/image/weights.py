"""Weights that resize an axis: a matrix, and the few terms of each of its rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

Floats: TypeAlias = np.ndarray


class Terms(NamedTuple):
    """Indices and weights of the elements that each sum adds, (sums, terms)."""

    indices: np.ndarray
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


# Weight of a pixel by its distance from a pixel of the result.
FILTERS: dict[str, Callable[[Floats], Floats]] = {
    "bilinear": _triangle,
    "bicubic": _keys_cubic,
    "lanczos3": functools.partial(_lanczos, 3),
    "lanczos5": functools.partial(_lanczos, 5),
    "gaussian": _gaussian,
    "mitchellcubic": _mitchell_cubic,
}


@functools.lru_cache(maxsize=64)
def resize_matrix(old: int, new: int, method: str, antialias: bool = False) -> Floats:
    """Return the matrix (new, old) whose product with an axis resizes it.

    Args:
        old: number of pixels.
        new: number of pixels of the result.
        method: "nearest", "area", or one of `FILTERS`.
        antialias: whether to widen the filter when the axis becomes shorter.
    """
    scale = old / new
    inputs, outputs = np.arange(old), np.arange(new)[:, None]
    if method == "nearest":
        weights = inputs == ((outputs + 0.5) * scale).astype(int)
    elif method == "area":
        starts = np.maximum(inputs, outputs * scale)
        weights = np.maximum(np.minimum(inputs + 1, (outputs + 1) * scale) - starts, 0)
    else:
        distances = np.abs((outputs + 0.5) * scale - 0.5 - inputs)
        weights = FILTERS[method](distances / (max(scale, 1) if antialias else 1))
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")


def terms_of(matrix: Floats) -> Terms:
    """Return the terms of each row: those from its first to its last weight."""
    used = matrix != 0
    first = used.argmax(1)
    last = np.where(used.any(1), matrix.shape[1] - 1 - used[:, ::-1].argmax(1), first)
    index = first[:, None] + np.arange(np.max(last - first) + 1)
    inside = np.minimum(index, matrix.shape[1] - 1)
    weights = np.take_along_axis(matrix, inside, axis=1) * (index == inside)
    return Terms(inside, weights)
