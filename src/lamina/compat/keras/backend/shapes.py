"""Functions of `keras.utils.conv_utils` and the shapes of models' inputs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import config
from lamina.errors import ArgumentError
from lamina.saving.legacy.names import VALUES
from lamina.typing import PartialShape

Size = int | None


def normalize_tuple(value: Any, n: int, name: str, **_: object) -> tuple[int, ...]:
    """Return an integer for each axis.

    Raises:
        ArgumentError: there are not `n` integers.
    """
    found = (value,) * n if isinstance(value, int) else tuple(value)
    if len(found) != n or not all(isinstance(v, (int, np.integer)) for v in found):
        raise ArgumentError(f"{name} must be {n} integers. Received: {value!r}.")
    return tuple(int(v) for v in found)


def normalize_padding(value: str) -> str:
    """Return the name of a padding in lower case.

    Raises:
        ArgumentError: there is no such padding.
    """
    found = value.lower()
    if found not in ("valid", "same", "causal", "full"):
        raise ArgumentError(
            f"padding must be 'valid', 'same', 'causal' or 'full'. Received: {value!r}."
        )
    return found


def normalize_data_format(value: str | None) -> str:
    """Return an order of axes, `config.image_data_format()` for `None`.

    Raises:
        ArgumentError: there is no such order.
    """
    found = (value or config.image_data_format()).lower()
    found = VALUES["format"].get(found, found)
    if found not in ("channels_first", "channels_last"):
        raise ArgumentError(
            "data_format must be 'channels_first' or 'channels_last'. Received: "
            f"{value!r}."
        )
    return found


def conv_output_length(
    input_length: Size, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> Size:
    """Return the length of the output of a convolution."""
    if input_length is None:
        return None
    window = filter_size + (filter_size - 1) * (dilation - 1)
    extra = {"valid": 1 - window, "full": window - 1}.get(padding, 0)
    return (input_length + extra + stride - 1) // stride


def conv_input_length(
    output_length: Size, filter_size: int, padding: str, stride: int
) -> Size:
    """Return the length of the input of a convolution."""
    if output_length is None:
        return None
    pad = {"same": filter_size // 2, "full": filter_size - 1}.get(padding, 0)
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(
    dim_size: Size,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None = None,
    dilation: int = 1,
) -> Size:
    """Return the length of the output of a transposed convolution."""
    if dim_size is None:
        return None
    window = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        total = dim_size * stride_size
        if padding == "valid":
            return total + max(window - stride_size, 0)
        return total - (stride_size + window - 2) if padding == "full" else total
    pad = {"same": window // 2, "full": window - 1}.get(padding, 0)
    return (dim_size - 1) * stride_size + window - 2 * pad + output_padding


def deconv_output_length(
    input_length: Size,
    filter_size: int,
    padding: str,
    output_padding: int | None = None,
    stride: int = 0,
    dilation: int = 1,
) -> Size:
    """Return the length of the output of a transposed convolution."""
    return deconv_length(
        input_length, stride, filter_size, padding, output_padding, dilation
    )


def convert_kernel(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel of Theano for TensorFlow, or the reverse: flipped."""
    axes = tuple(range(kernel.ndim - 2))
    return np.flip(kernel, axes).copy()


def obtain_input_shape(
    input_shape: PartialShape | None,
    default_size: int,
    min_size: int,
    data_format: str | None = None,
    require_flatten: bool = True,
    weights: str | None = None,
    **old: Any,
) -> tuple[int | None, ...]:
    """Return the input shape of a model for images; see `keras.applications`.

    Raises:
        ArgumentError: the shape does not fit the top of the model, or is too small.
    """
    require_flatten = old.get("include_top", require_flatten)
    is_first = normalize_data_format(data_format or old.get("dim_ordering")) != (
        "channels_last"
    )
    channels = 3
    if weights != "imagenet" and input_shape and len(input_shape) == 3:
        channels = input_shape[0 if is_first else -1] or 3
        if channels not in (1, 3):
            warnings.warn(f"The model has {channels} input channels.", stacklevel=2)
    sizes = (default_size, default_size)
    default = (channels, *sizes) if is_first else (*sizes, channels)
    if input_shape is None:
        free = (channels, None, None) if is_first else (None, None, channels)
        return default if require_flatten else free
    if weights == "imagenet" and require_flatten and tuple(input_shape) != default:
        raise ArgumentError(
            f"input_shape must be {default} with include_top=True and these weights. "
            f"Received: {tuple(input_shape)}. Pass `include_top=False`."
        )
    space = list(input_shape[1:] if is_first else input_shape[:-1])
    if any(size is not None and size < min_size for size in space):
        raise ArgumentError(
            f"Images must have at least {min_size} rows and columns. Received: "
            f"{tuple(input_shape)}."
        )
    if require_flatten and None in input_shape:
        raise ArgumentError(
            "input_shape must be known with include_top=True. Received: "
            f"{tuple(input_shape)}."
        )
    return tuple(input_shape)


def get_fans(
    shape: Sequence[int], dim_ordering: str | None = None
) -> tuple[float, float]:
    """Return the number of inputs and outputs of each unit of a kernel."""
    if len(shape) < 3:
        return float(shape[0]), float(shape[-1])
    if dim_ordering in ("th", "channels_first"):
        field = float(np.prod(shape[2:]))
        return shape[1] * field, shape[0] * field
    field = float(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field
