"""Changes of one image in NumPy and SciPy, as those of Keras 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage


def transformed(
    image: np.ndarray, changes: Mapping[str, Any], *fill: Any
) -> np.ndarray:
    """Return an image after changes by name.

    Args:
        image: rows, columns and channels.
        changes: what `ImageDataGenerator.get_random_transform` returns.
        *fill: mode and value of points outside, and degree of the splines.
    """
    matrix = _affine_matrix(image.shape, changes)
    if matrix is not None:
        image = apply_transform(image, matrix, 2, *fill)
    shift = changes.get("channel_shift_intensity")
    if shift is not None:
        image = np.clip(image + shift, image.min(), image.max())
    for axis, name in ((1, "flip_horizontal"), (0, "flip_vertical")):
        if changes.get(name, False):
            image = np.flip(image, axis)
    factor = changes.get("brightness")
    return image if factor is None else _brightened(image, factor)


def _affine_matrix(
    shape: Sequence[int], changes: Mapping[str, Any]
) -> np.ndarray | None:
    """Return the matrix that rotates, shifts, shears and zooms around the center.

    Args:
        shape: rows, columns and channels.
        changes: "theta" and "shear" in degrees, "tx" and "ty" in pixels, "zx" and "zy".

    Returns:
        A matrix of 3 rows and columns, `None` if it would change nothing.
    """
    theta, shear = (np.deg2rad(changes.get(name, 0)) for name in ("theta", "shear"))
    tx, ty = changes.get("tx", 0), changes.get("ty", 0)
    zx, zy = changes.get("zx", 1), changes.get("zy", 1)
    cos, sin = np.cos(theta), np.sin(theta)
    matrix = (
        np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        @ [[1, 0, tx], [0, 1, ty], [0, 0, 1]]
        @ [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]]
        @ np.diag([zx, zy, 1])
    )
    if np.array_equal(matrix, np.eye(3)):
        return None
    return transform_matrix_offset_center(matrix, shape[0], shape[1])


def transform_matrix_offset_center(matrix: np.ndarray, x: int, y: int) -> np.ndarray:
    """Return a transformation around the center of an image with these sizes."""
    center, back = np.eye(3), np.eye(3)
    center[:2, 2] = x / 2 - 0.5, y / 2 - 0.5
    back[:2, 2] = -center[:2, 2]
    return center @ matrix @ back


def apply_transform(
    x: np.ndarray,
    transform_matrix: np.ndarray,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Return an image transformed by a matrix of 3 rows and columns."""
    matrix, offset = transform_matrix[:2, :2], transform_matrix[:2, 2]
    options: dict[str, Any] = {
        "offset": offset,
        "order": order,
        "mode": fill_mode,
        "cval": cval,
    }
    channels = [
        ndimage.affine_transform(channel, matrix, **options)
        for channel in np.moveaxis(np.asarray(x), channel_axis, 0)
    ]
    return np.moveaxis(np.stack(channels), 0, channel_axis)


def _brightened(x: np.ndarray, factor: float) -> np.ndarray:
    """Return an image whose values are multiplied, as whole numbers up to 255.

    Values outside of 0 to 255 are scaled to that range before, and back.
    """
    low, high = x.min(), x.max()
    is_scaled = low < 0 or high > 255
    image = (x - low) * (255 / (high - low)) if is_scaled else x
    found = np.trunc(np.trunc(image) * factor).clip(0, 255)
    return found / 255 * (high - low) + low if is_scaled else found
