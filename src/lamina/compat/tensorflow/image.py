"""Functions of `tensorflow.image`: (rows, columns, channels), with a batch or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.tensorflow import random
from lamina.compat.tensorflow.base.arrays import cast
from lamina.compat.tensorflow.base.declare import declared, static
from lamina.compat.tensorflow.base.tensors import constant, dtype_of
from lamina.errors import ArgumentError
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, DTypeLike

_HERE = "lamina.compat.tensorflow.io"
__getattr__ = declared(
    __name__,
    {
        **{
            name: f"{_HERE}:{name}"
            for name in (
                *("decode_bmp", "decode_gif", "decode_image", "decode_jpeg"),
                *("decode_png", "encode_jpeg", "encode_png"),
            )
        },
        **{
            name: f"lamina.compat.tensorflow.base.boxes:{name}"
            for name in (
                *("crop_and_resize", "draw_bounding_boxes", "non_max_suppression"),
                "non_max_suppression_padded",
            )
        },
        **{
            name: f"lamina.compat.tensorflow.base.image_measures:{name}"
            for name in (
                *("image_gradients", "psnr", "rgb_to_yuv", "ssim", "total_variation"),
                *("sobel_edges", "yuv_to_rgb"),
            )
        },
        "hsv_to_rgb": "lamina.ops.image.hsv_to_rgb images, /",
        "rgb_to_hsv": "lamina.ops.image.rgb_to_hsv images, /",
        "rgb_to_grayscale": "lamina.ops.image.rgb_to_grayscale images, /",
    },
)
Sizes = Sequence[int]
Seed = ArrayLike | None


class ResizeMethod:
    """Names of the methods of `resize`."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC = "bilinear", "nearest", "bicubic"
    LANCZOS3, LANCZOS5, AREA = "lanczos3", "lanczos5", "area"


def extract_patches(
    images: Any,
    sizes: Sizes,
    strides: Sizes,
    rates: Sizes,
    padding: str,
    name: str = "",
) -> Any:
    """Return the patches of images: (batch, rows, columns, values of a patch)."""
    size, stride, rate = (tuple(static(v))[1:3] for v in (sizes, strides, rates))
    return ops.image.extract_patches(
        images, size, stride, rate, padding.lower(), data_format="channels_last"
    )


def extract_image_patches(
    images: Any, ksizes: Sizes, strides: Sizes, rates: Sizes, padding: str
) -> Any:
    """Return the patches of images, with the arguments of TensorFlow 1."""
    return extract_patches(images, ksizes, strides, rates, padding)


def resize(
    images: Any,
    size: Sizes,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str = "",
) -> Any:
    """Return images of another size, of type float32."""
    rows, columns = static(size)
    if preserve_aspect_ratio:
        height, width = images.shape[-3:-1]
        scale = min(rows / height, columns / width)
        rows, columns = round(height * scale), round(width * scale)
    method = "nearest" if method == "nearest_neighbor" else method
    images = images if method == "nearest" else cast(images, "float32")
    if method == "area":
        by_rows = _areas(images.shape[-3], int(rows))
        by_columns = _areas(images.shape[-2], int(columns))
        return ops.einsum("ih,jw,...hwc->...ijc", by_rows, by_columns, images)
    return ops.image.resize(
        jnp.asarray(images) if isinstance(images, np.ndarray) else images,
        (int(rows), int(columns)),
        interpolation=method,
        antialias=antialias,
    )


def _areas(old: int, new: int) -> np.ndarray:
    """Return the share that each old pixel has of each new one."""
    edges = np.arange(new + 1)[:, None] * old / new
    places = np.arange(old)
    overlap = np.minimum(edges[1:], places + 1) - np.maximum(edges[:-1], places)
    return (overlap.clip(0) * new / old).astype("float32")


def resize_with_pad(
    image: Tensor,
    target_height: int,
    target_width: int,
    method: str = "bilinear",
    antialias: bool = False,
) -> Any:
    """Resize images without distortion, and fill the rest of the size with zeros."""
    found = resize(image, (target_height, target_width), method, True, antialias)
    return resize_with_crop_or_pad(found, target_height, target_width)


def resize_with_crop_or_pad(
    image: Tensor, target_height: int, target_width: int
) -> Any:
    """Return the center of images, with zeros around it where they are too small."""
    found = jnp.asarray(image)
    for axis, size in ((-3, int(target_height)), (-2, int(target_width))):
        extra = size - found.shape[axis]
        if extra < 0:
            start = -extra // 2
            found = jnp.take(found, jnp.arange(start, start + size), axis=axis)
        widths = [(0, 0)] * found.ndim
        widths[axis] = (max(extra, 0) // 2, max(extra, 0) - max(extra, 0) // 2)
        found = jnp.pad(found, widths)
    return found


resize_images, resize_image_with_crop_or_pad = resize, resize_with_crop_or_pad
resize_image_with_pad = resize_with_pad


def convert_image_dtype(
    image: Any, dtype: DTypeLike, saturate: bool = False, name: str = ""
) -> Any:
    """Convert the type; integers are from 0 to their largest, floats from 0 to 1."""
    old, new = np.dtype(image.dtype), jnp.dtype(dtype_of(dtype))
    if old.kind in "iu" and new.kind == "f":
        return cast(image, dtype) * np.float32(1 / np.iinfo(old).max)
    if old.kind == "f" and new.kind in "iu":
        largest = np.iinfo(new.name).max
        return cast(ops.clip(image * (largest + 0.5), 0, largest), dtype)
    if old.kind in "iu" and new.kind in "iu":
        before, after = (int(np.iinfo(kind.name).max) + 1 for kind in (old, new))
        if before > after:
            return cast(image // (before // after), dtype)
        return cast(image, dtype) * np.array(after // before, new)
    return cast(image, dtype)


def _box(image: Any, top: int, left: int, height: int, width: int) -> Any:
    return _tensor(image)[..., top : top + height, left : left + width, :]


def _tensor(image: Any) -> Any:
    """Return an array of NumPy as a tensor."""
    return constant(image) if type(image) is np.ndarray else image


def crop_to_bounding_box(
    image: Tensor,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Any:
    """Return a part of images."""
    box = offset_height, offset_width, target_height, target_width
    return _box(image, *(int(n) for n in box))


def pad_to_bounding_box(
    image: Any,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Any:
    """Return images with zeros around them."""
    height, width = image.shape[-3:-1]
    rows = (offset_height, target_height - height - offset_height)
    columns = (offset_width, target_width - width - offset_width)
    before = [(0, 0)] * (len(image.shape) - 3)
    return ops.pad(image, [*before, rows, columns, (0, 0)])


def central_crop(image: Any, central_fraction: float) -> Any:
    """Return the central part of images."""
    height, width = image.shape[-3:-1]
    top = int((height - height * central_fraction) / 2)
    left = int((width - width * central_fraction) / 2)
    return _box(image, top, left, height - 2 * top, width - 2 * left)


def flip_left_right(image: Any) -> Any:
    """Reverse the columns."""
    return _tensor(image)[..., ::-1, :]


def flip_up_down(image: Any) -> Any:
    """Reverse the rows."""
    return _tensor(image)[..., ::-1, :, :]


def transpose(image: Tensor, name: str = "") -> Any:
    """Exchange rows and columns."""
    return ops.swapaxes(image, -3, -2)


def rot90(image: Any, k: int = 1, name: str = "") -> Any:
    """Rotate by 90 degrees to the left, k times."""
    return ops.rot90(image, k, axes=(len(image.shape) - 3, len(image.shape) - 2))


def grayscale_to_rgb(images: Tensor, name: str = "") -> Any:
    """Repeat the channel three times."""
    return ops.repeat(images, 3, axis=-1)


def _as_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes with floats, and keeps the image's type."""

    def call(image: Any, *args: object, **kwargs: object) -> Any:
        found = function(convert_image_dtype(image, "float32"), *args, **kwargs)
        return convert_image_dtype(found, str(image.dtype), saturate=True)

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


@_as_floats
def adjust_brightness(image: Any, delta: ArrayLike) -> Any:
    """Add a number to all pixels."""
    return image + delta


@_as_floats
def adjust_contrast(image: Any, contrast_factor: ArrayLike) -> Any:
    """Scale the differences from the mean of each channel."""
    mean = ops.mean(image, axis=(-3, -2), keepdims=True)
    return (image - mean) * contrast_factor + mean


@_as_floats
def adjust_saturation(
    image: Tensor, saturation_factor: ArrayLike, name: str = ""
) -> Any:
    """Scale the saturation."""
    return _with_hsv(
        image, lambda h, s, v: (h, ops.clip(s * saturation_factor, 0, 1), v)
    )


@_as_floats
def adjust_hue(image: Tensor, delta: ArrayLike, name: str = "") -> Any:
    """Add a number to the hue, which is between 0 and 1."""
    return _with_hsv(image, lambda h, s, v: ((h + delta) % 1.0, s, v))


@_as_floats
def adjust_gamma(image: Any, gamma: float = 1, gain: float = 1) -> Any:
    """Raise all pixels to a power."""
    return gain * image**gamma


def _with_hsv(image: Tensor, change: Callable[..., tuple[Any, ...]]) -> Any:
    hsv = ops.image.rgb_to_hsv(image)
    changed = change(hsv[..., 0], hsv[..., 1], hsv[..., 2])
    return ops.image.hsv_to_rgb(ops.stack(changed, axis=-1))


def _seed(seed: Seed) -> Any:
    """Return a pair of seeds: that of a stateless function, or a new one."""
    if seed is None or isinstance(seed, int):
        found = (
            random.Generator(seed)
            if seed is not None
            else random.get_global_generator()
        )
        return found.make_seeds()[:, 0]
    return seed


def _between(seed: Seed, low: ArrayLike, high: ArrayLike) -> Array:
    return random.stateless_uniform((), _seed(seed), low, high)


def stateless_random_flip_left_right(image: Tensor, seed: Seed = None) -> Any:
    """Reverse the columns of half of the images."""
    return _flipped(image, seed, -2)


def stateless_random_flip_up_down(image: Tensor, seed: Seed = None) -> Any:
    """Reverse the rows of half of the images."""
    return _flipped(image, seed, -3)


def _flipped(image: Any, seed: Seed, axis: int) -> Any:
    draws = random.stateless_uniform(image.shape[:-3], _seed(seed)) < 0.5
    return ops.where(draws[..., None, None, None], ops.flip(image, axis=axis), image)


def stateless_random_brightness(
    image: Tensor, max_delta: float, seed: Seed = None
) -> Any:
    """Add a random number to all pixels."""
    return adjust_brightness(image, _between(seed, -max_delta, max_delta))


def stateless_random_contrast(
    image: Tensor, lower: float, upper: float, seed: Seed = None
) -> Any:
    """Scale the differences from the mean by a random factor."""
    return adjust_contrast(image, _between(seed, lower, upper))


def stateless_random_saturation(
    image: Tensor, lower: float, upper: float, seed: Seed = None
) -> Any:
    """Scale the saturation by a random factor."""
    return adjust_saturation(image, _between(seed, lower, upper))


def stateless_random_hue(image: Tensor, max_delta: float, seed: Seed = None) -> Any:
    """Add a random number to the hue."""
    return adjust_hue(image, _between(seed, -max_delta, max_delta))


def stateless_random_crop(
    value: Any, size: Sizes, seed: Seed = None, name: str = ""
) -> Any:
    """Return a random part of a size.

    Raises:
        ArgumentError: the size is larger than the image.
    """
    sizes = static(size)
    rest = [m - n for m, n in zip(value.shape, sizes, strict=True)]
    if min(rest) < 0:
        raise ArgumentError(
            f"random_crop: {tuple(sizes)} is larger than the image, {value.shape}."
        )
    draws = np.asarray(random.stateless_uniform((len(rest),), _seed(seed)))
    starts = [math.floor(d * (r + 1)) for d, r in zip(draws, rest, strict=True)]
    return value[tuple(slice(s, s + n) for s, n in zip(starts, sizes, strict=True))]


random_flip_left_right = stateless_random_flip_left_right
random_flip_up_down = stateless_random_flip_up_down
random_brightness = stateless_random_brightness
random_contrast = stateless_random_contrast
random_saturation = stateless_random_saturation
random_hue = stateless_random_hue
random_crop = stateless_random_crop


def per_image_standardization(image: Tensor) -> Any:
    """Return images with mean 0 and variance 1."""
    x = cast(image, "float32")
    axes = (-3, -2, -1)
    count = math.prod(x.shape[-3:])
    deviation = ops.maximum(ops.std(x, axis=axes, keepdims=True), count**-0.5)
    return (x - ops.mean(x, axis=axes, keepdims=True)) / deviation
