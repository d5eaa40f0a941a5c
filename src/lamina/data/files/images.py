"""Image files, and conversion between images and arrays, with Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from lamina import config, ops
from lamina.core.check import check_arguments, one_of, optional, sizes
from lamina.core.dtypes import standardize_dtype
from lamina.data.files.resize import resize
from lamina.errors import (
    ArgumentTypeError,
    DataError,
    FileFormatError,
    LaminaError,
    ShapeError,
    missing_package,
)
from lamina.io.files import read_file
from lamina.ops.image.layout import aspect_padding, center_window
from lamina.ops.nn.conv_params import is_channels_last
from lamina.ops.types import float_array
from lamina.tracebacks import filter_traceback, warn
from lamina.typing import Array, ArrayLike, DTypeLike

if TYPE_CHECKING:
    from PIL.Image import Image

    Picture: TypeAlias = Image

ImagePath: TypeAlias = str | os.PathLike[str] | io.BytesIO

# The mode of Pillow and the number of channels of each color mode.
COLOR_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
_GRAY_MODES = ("L", "I;16", "I")
_METHODS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")

COLOR_MODE = one_of(*COLOR_MODES)


def pillow() -> Any:
    """Return Pillow's `Image` module.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_package("Pillow", "images", "images") from None
    return Image


@filter_traceback
def array_to_img(
    x: ArrayLike,
    data_format: str | None = None,
    scale: bool = True,
    dtype: DTypeLike = None,
) -> Picture:
    """Convert an array to a Pillow image.

    Args:
        x: pixels, shape (height, width, channels) with 1, 3 or 4 channels.
        data_format: `"channels_first"` or `"channels_last"`; by default
            `config.image_data_format()`.
        scale: whether to scale values from their minimum and maximum to 0 and 255.
        dtype: type of the computation; `config.floatx()` by default.

    Raises:
        ShapeError: the array does not have this shape.
        MissingPackageError: Pillow is not installed.

    Example:
        >>> array_to_img(np.zeros((4, 6, 3))).size
        (6, 4)
    """
    last, image = is_channels_last("array_to_img", data_format), pillow()
    pixels = np.asarray(x, dtype=standardize_dtype(dtype or config.floatx()))
    if pixels.ndim == 3 and not last:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ShapeError(
            "array_to_img: `x` must be one image of 1, 3 or 4 channels, shape "
            f"(height, width, channels). Received: shape {np.shape(x)}."
        )
    if scale:
        pixels = pixels - pixels.min()
        pixels *= 255 / (pixels.max() or 255)
    if pixels.shape[2] > 1:
        return image.fromarray(pixels.astype("uint8"))
    kind = "int32" if pixels.max() > 255 else "uint8"
    return image.fromarray(pixels[:, :, 0].astype(kind))


@filter_traceback
def img_to_array(
    img: Picture, data_format: str | None = None, dtype: DTypeLike = None
) -> np.ndarray:
    """Convert a Pillow image to an array.

    Args:
        img: the image.
        data_format: `"channels_first"` or `"channels_last"`; by default
            `config.image_data_format()`.
        dtype: type of the array; `config.floatx()` by default.

    Returns:
        An array of shape (height, width, channels), or with the channels first.

    Raises:
        ShapeError: the image has neither two nor three axes.

    Example:
        >>> from PIL import Image
        >>> img_to_array(Image.new("RGB", (4, 2))).shape
        (2, 4, 3)
    """
    last = is_channels_last("img_to_array", data_format)
    pixels = np.asarray(img, dtype=standardize_dtype(dtype or config.floatx()))
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3:
        raise ShapeError(
            "img_to_array: an image has two or three axes. Received: shape "
            f"{pixels.shape}."
        )
    return pixels if last else pixels.transpose(2, 0, 1)


@filter_traceback
def save_img(
    path: str | os.PathLike[str] | IO[bytes],
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: object,
) -> None:
    """Write an array to an image file.

    Args:
        path: the file's path, or an open file.
        x: pixels, shape (height, width, channels).
        data_format: `"channels_first"` or `"channels_last"`; by default
            `config.image_data_format()`.
        file_format: format such as `"png"`; by default that of the path's ending. An
            open file needs it.
        scale: whether to scale values from their minimum and maximum to 0 and 255.
        **kwargs: arguments of Pillow's `Image.save`.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "white.png")
        >>> save_img(path, np.full((2, 4, 3), 255))
        >>> path.is_file()
        True
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = Path(path).suffix[1:]
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    img = array_to_img(x, data_format, scale)
    if img.mode == "RGBA" and file_format and file_format.lower() == "jpeg":
        warn("JPEG files have no alpha channel: the image is converted to RGB.")
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


@filter_traceback
def load_img(
    path: ImagePath,
    color_mode: str = "rgb",
    target_size: int | Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Picture:
    """Read an image file as a Pillow image.

    Args:
        path: the file's path, or its bytes in an `io.BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        target_size: (height, width) in pixels, or one number for both; that of the
            file by default.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos"`, `"box"` or
            `"hamming"`.
        keep_aspect_ratio: whether to crop the center to the target's aspect ratio
            before resizing.

    Raises:
        MissingFileError: the file does not exist.
        FileFormatError: the file is not an image, or is damaged.
        ArgumentError: an argument is not one of these values.
        MissingPackageError: Pillow is not installed.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "white.png")
        >>> lamina.utils.save_img(path, np.full((2, 4, 3), 255))
        >>> load_img(path).size, load_img(path, target_size=(8, 8)).size
        ((4, 2), (8, 8))
    """
    checks = {
        "color_mode": COLOR_MODE,
        "interpolation": one_of(*_METHODS),
        "target_size": optional(sizes(2)),
    }
    check_arguments("load_img", checks, locals())
    if isinstance(target_size, int):
        target_size = (target_size, target_size)
    with _explained(path, FileFormatError):
        img = convert_mode(_open_image(path), color_mode.lower())
        img.load()
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    box = None
    if keep_aspect_ratio:
        top, left, height, width = center_window(img.height, img.width, *target_size)
        box = left, top, left + width, top + height
    method = getattr(pillow().Resampling, interpolation.upper())
    return img.resize((target_size[1], target_size[0]), method, box=box)


@filter_traceback
def smart_resize(
    x: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
) -> Array | np.ndarray:
    """Resize images without distortion: crop the center, then resize the crop.

    Args:
        x: an image or a batch of images, shape (..., height, width, channels).
        size: (height, width) in pixels.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or
            `"lanczos5"`, without antialiasing.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        An array of this size; a NumPy array if `x` is one.

    Raises:
        ShapeError: `x` has neither three nor four axes.

    Example:
        >>> smart_resize(np.zeros((340, 500, 3)), (200, 200)).shape
        (200, 200, 3)
    """
    names = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    checks = {"size": sizes(2), "interpolation": one_of(*names)}
    check_arguments("smart_resize", checks, locals())
    images = jnp.asarray(x)
    if images.ndim not in (3, 4):
        raise ShapeError(
            "smart_resize: `x` must be one image or a batch of images, of three or "
            f"four axes. Received: shape {images.shape}."
        )
    is_nearest = interpolation.lower() == "nearest"
    resized = ops.image.resize(
        images if is_nearest else float_array(images),
        size,
        interpolation,
        crop_to_aspect_ratio=True,
        data_format=data_format,
    )
    return np.asarray(resized) if isinstance(x, np.ndarray) else resized


def _open_image(path: ImagePath) -> Picture:
    """Open an image file, which is decoded on first use.

    Raises:
        ArgumentTypeError: `path` is neither a path nor an `io.BytesIO`.
        MissingFileError: the file does not exist.
    """
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, (str, os.PathLike, io.BytesIO)):
        raise ArgumentTypeError(
            "load_img: `path` must be a path or an io.BytesIO. Received: an object of "
            f"type {type(path).__name__}."
        )
    # Read at once: Pillow would keep the file open.
    data = path if isinstance(path, io.BytesIO) else io.BytesIO(read_file(path))
    return pillow().open(data)


@contextmanager
def _explained(path: ImagePath, kind: type[LaminaError]) -> Iterator[None]:
    """Turn errors of Pillow into an error that names the file."""
    name = "The data" if isinstance(path, io.BytesIO) else repr(str(path))
    images = pillow()
    try:
        yield
    except LaminaError:
        raise
    except images.UnidentifiedImageError:
        reason = "it has no format that Pillow knows"
        raise kind(f"{name} cannot be read as an image: {reason}.") from None
    except (
        *(OSError, SyntaxError, ValueError, EOFError),
        images.DecompressionBombError,
    ) as error:
        reason = str(error).rstrip(".")
        raise kind(f"{name} cannot be read as an image: {reason}.") from None


class ImageForm(NamedTuple):
    """Form in which images of a data set are loaded.

    Args:
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        height: rows.
        width: columns.
        method: one of `resize.METHODS`.
        fit: `"crop"` or `"pad"` to the new aspect ratio, or `None`.
        channels_first: whether channels come first.
    """

    color_mode: str
    height: int
    width: int
    method: str
    fit: str | None
    channels_first: bool


def load_pixels(path: str, form: ImageForm) -> np.ndarray:
    """Read an image file as float32 pixels from 0 to 255, in a form.

    Raises:
        DataError: the file is not an image, or is damaged.
    """
    mode, channels = COLOR_MODES[form.color_mode]
    with _explained(path, DataError), _open_image(path) as img:
        # A JPEG decoder returns gray pixels in less time than colored ones.
        if mode == "L" and img.format == "JPEG":
            img.draft(mode, img.size)
        pixels = np.asarray(convert_mode(img, form.color_mode))
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    pixels = _fitted(pixels, form)
    pixels = resize(pixels, form.height, form.width, form.method)
    return pixels.transpose(2, 0, 1) if form.channels_first else pixels


def _fitted(pixels: np.ndarray, form: ImageForm) -> np.ndarray:
    """Crop or pad an image to the aspect ratio of a form."""
    (height, width, _), size = pixels.shape, (form.height, form.width)
    if form.fit == "crop":
        top, left, height, width = center_window(height, width, *size)
        return pixels[top : top + height, left : left + width]
    if form.fit == "pad":
        rows, columns = aspect_padding(height, width, *size)
        return np.pad(pixels, ((rows, rows), (columns, columns), (0, 0)))
    return pixels


def convert_mode(img: Picture, color_mode: str) -> Picture:
    """Convert an image to a color mode; gray images may have 8, 16 or 32 bits."""
    mode, _ = COLOR_MODES[color_mode]
    is_converted = img.mode in _GRAY_MODES if mode == "L" else img.mode == mode
    return img if is_converted else img.convert(mode)
