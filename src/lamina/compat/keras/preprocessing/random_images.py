"""Functions of `keras.preprocessing.image` that change one image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.compat.keras.preprocessing.image_batches import ImageBatches
from lamina.compat.keras.preprocessing.images import ImageDataGenerator

Iterator = DirectoryIterator = NumpyArrayIterator = ImageBatches


def _changed(
    x: np.ndarray,
    channel_axis: int,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    **ranges: Any,
) -> np.ndarray:
    """Return an image after the random changes of a generator with these ranges."""
    axis = "channels_first" if channel_axis == 0 else "channels_last"
    fill: dict[str, Any] = {"fill_mode": fill_mode, "cval": cval}
    generator = ImageDataGenerator(data_format=axis, **fill, **ranges)
    return generator.random_transform(np.asarray(x))


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    **_: object,
) -> np.ndarray:
    """Return an image rotated by at most `rg` degrees."""
    return _changed(x, channel_axis, fill_mode, cval, rotation_range=rg)


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    **_: object,
) -> np.ndarray:
    """Return an image shifted by at most these fractions of its width and height."""
    ranges = {"width_shift_range": wrg, "height_shift_range": hrg}
    return _changed(x, channel_axis, fill_mode, cval, **ranges)


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    **_: object,
) -> np.ndarray:
    """Return an image sheared by at most `intensity` degrees."""
    return _changed(x, channel_axis, fill_mode, cval, shear_range=intensity)


def random_zoom(
    x: np.ndarray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    **_: object,
) -> np.ndarray:
    """Return an image zoomed by factors between two bounds."""
    return _changed(x, channel_axis, fill_mode, cval, zoom_range=zoom_range)


def random_channel_shift(
    x: np.ndarray, intensity_range: float, channel_axis: int = 0
) -> np.ndarray:
    """Return an image with a random number added to all channels."""
    return _changed(x, channel_axis, channel_shift_range=intensity_range)


def random_brightness(
    x: np.ndarray, brightness_range: Sequence[float], scale: bool = True
) -> np.ndarray:
    """Return an image whose values are multiplied by a random factor."""
    return _changed(x, 2, brightness_range=brightness_range)


def flip_axis(x: np.ndarray, axis: int) -> np.ndarray:
    """Return an image reversed along an axis."""
    return np.flip(np.asarray(x), axis)


def list_pictures(
    directory: str, ext: str | Sequence[str] = "jpg|jpeg|bmp|png|ppm"
) -> list[str]:
    """Return the paths of the images in a folder and those below it."""
    names = ext if isinstance(ext, str) else "|".join(ext)
    pattern = re.compile(rf"(?:{names})$")
    found = (p for p in Path(directory).rglob("*.*") if pattern.search(p.name))
    return sorted(map(str, found))
