"""Functions of `tensorflow.nn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from lamina import activations, ops, random
from lamina.compat.keras.backend import neural
from lamina.compat.tensorflow.base.declare import (
    declared,
    static,
    with_former_names,
)
from lamina.compat.tensorflow.base.tables import NN
from lamina.compat.tensorflow.recording.record import recorded
from lamina.core.graph import op
from lamina.core.random.seeds import draw_seed
from lamina.errors import ArgumentError
from lamina.ops.types import Tensor
from lamina.typing import Array

__getattr__ = declared(__name__, NN)
Sizes = int | Sequence[int]


def leaky_relu(features: Tensor, alpha: float = 0.2, name: str = "") -> Any:
    """Return positive values, and alpha times the others."""
    return activations.leaky_relu(features, negative_slope=alpha)


def gelu(features: Tensor, approximate: bool = False, name: str = "") -> Any:
    """Return the Gaussian error linear unit of each element."""
    return activations.gelu(features, approximate)


def crelu(features: Tensor, axis: int = -1, name: str = "") -> Any:
    """Return the positive parts of the values, then those of the negated values."""
    parts = ops.relu(features), ops.relu(ops.negative(features))
    return ops.concatenate(parts, axis=axis)


def bias_add(
    value: Tensor, bias: Tensor, data_format: str | None = None, name: str = ""
) -> Any:
    """Add a vector along the axis of channels."""
    if (data_format or "").startswith("NC"):
        sizes = (-1,) + (1,) * (len(ops.shape(value)) - 2)
        return ops.add(value, ops.reshape(bias, sizes))
    return ops.add(value, bias)


def sigmoid_cross_entropy_with_logits(
    labels: Tensor, logits: Tensor, name: str = ""
) -> Any:
    """Return the binary cross-entropy of each element."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def softmax_cross_entropy_with_logits(
    labels: Tensor, logits: Tensor, axis: int = -1, name: str = ""
) -> Any:
    """Return the cross-entropy of each row."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(
    labels: Tensor, logits: Tensor, name: str = ""
) -> Any:
    """Return the cross-entropy of each row for class indices."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def weighted_cross_entropy_with_logits(
    labels: Tensor, logits: Tensor, pos_weight: Tensor, name: str = ""
) -> Any:
    """Return the binary cross-entropy of each element, with a weight of positives."""
    factor = ops.add(1, ops.multiply(ops.subtract(pos_weight, 1), labels))
    inner = ops.multiply(factor, ops.softplus(ops.negative(logits)))
    return ops.add(ops.multiply(ops.subtract(1, labels), logits), inner)


def ctc_loss(
    labels: Tensor,
    logits: Any,
    label_length: Tensor,
    logit_length: Tensor,
    logits_time_major: bool = True,
    unique: object = None,
    blank_index: int = 0,
    name: str = "",
) -> Any:
    """Return the connectionist temporal classification loss of each sequence."""
    logits = ops.swapaxes(logits, 0, 1) if logits_time_major else logits
    index = blank_index if blank_index >= 0 else logits.shape[-1] + blank_index
    return ops.ctc_loss(labels, logits, label_length, logit_length, index)


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str = "",
) -> Any:
    """Divide by a power of the sum of squares of neighboring channels."""
    rank, size = len(input.shape), 2 * depth_radius + 1

    @op
    def window_sums(x: Array) -> Array:
        window = (*[1] * (rank - 1), size)
        return jax.lax.reduce_window(
            x * x, 0.0, jax.lax.add, window, (1,) * rank, "SAME"
        )

    total = window_sums(input)
    return input / (bias + alpha * total) ** beta


lrn = local_response_normalization


_dropout = recorded(random.dropout)


def dropout(
    x: Tensor,
    rate: float = 0.5,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | None = None,
    name: str = "",
    keep_prob: float | None = None,
) -> Any:
    """Set a random part of the elements to zero and scale the others."""
    rate = rate if keep_prob is None else 1 - keep_prob
    # Drawn before: the call is differentiated, and may be compiled.
    return _dropout(x, rate, noise_shape, draw_seed(seed))


def _options(
    rank: int, padding: str, data_format: str | None, **sizes: Sizes | None
) -> dict[str, Any]:
    """Return arguments of `ops` for a number of spatial axes.

    Sizes may be one integer, those of the spatial axes, or those of all axes.
    """
    if not isinstance(padding, str):
        raise ArgumentError(
            f"padding must be 'SAME' or 'VALID'. Received: {padding!r}. Pad the input "
            "first: `tf.pad(x, paddings)`, then 'VALID'."
        )
    layout = _format(data_format)
    space = slice(1, -1) if layout == "channels_last" else slice(2, None)

    def spatial(value: Sizes | None) -> Any:
        found = static(1 if value is None else value)
        if isinstance(found, int):
            return (found,) * rank
        found = tuple(found) * rank if len(found) == 1 else tuple(found)
        return found[space] if len(found) == rank + 2 else found

    values = {name: spatial(value) for name, value in sizes.items()}
    return {"padding": padding.lower(), "data_format": layout, **values}


def _format(data_format: str | None) -> str:
    is_first = data_format is not None and data_format.startswith("NC")
    return "channels_first" if is_first else "channels_last"


@with_former_names(filter="filters")
def convolution(
    input: Tensor,
    filters: Any,
    strides: Sizes | None = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Convolve with a kernel along one to three axes."""
    rank = len(filters.shape) - 2
    options = _options(
        rank, padding, data_format, strides=strides, dilation_rate=dilations
    )
    return ops.conv(input, filters, **options)


conv2d = conv3d = convolution


def conv1d(
    input: Tensor,
    filters: Any,
    stride: Sizes,
    padding: str,
    data_format: str = "NWC",
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Convolve sequences with a kernel of (steps, channels, filters)."""
    return convolution(input, filters, stride, padding, data_format, dilations)


def depthwise_conv2d(
    input: Tensor,
    filter: Tensor,
    strides: Sizes,
    padding: str,
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Convolve each channel with kernels of its own."""
    options = _options(
        2, padding, data_format, strides=strides, dilation_rate=dilations
    )
    return ops.depthwise_conv(input, filter, **options)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Sizes,
    padding: str = "SAME",
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Apply the gradient of a convolution to images."""
    options = _options(
        2, padding, data_format, strides=strides, dilation_rate=dilations
    )
    return neural.conv2d_transpose(input, filters, static(output_shape), **options)


@with_former_names(value="input")
def max_pool(
    input: Any,
    ksize: Sizes,
    strides: Sizes,
    padding: str,
    data_format: str | None = None,
    name: str = "",
) -> Any:
    """Reduce each window to its largest value."""
    rank = len(input.shape) - 2
    options = _options(rank, padding, data_format, pool_size=ksize, strides=strides)
    return ops.max_pool(input, **options)


@with_former_names(value="input")
def avg_pool(
    input: Any,
    ksize: Sizes,
    strides: Sizes,
    padding: str,
    data_format: str | None = None,
    name: str = "",
) -> Any:
    """Reduce each window to its mean."""
    rank = len(input.shape) - 2
    options = _options(rank, padding, data_format, pool_size=ksize, strides=strides)
    return ops.average_pool(input, **options)


def pool(
    input: Any,
    window_shape: Sizes,
    pooling_type: str,
    strides: Sizes | None = None,
    padding: str = "VALID",
    data_format: str | None = None,
    **_: object,
) -> Any:
    """Reduce each window to its largest value or its mean."""
    function = max_pool if pooling_type == "MAX" else avg_pool
    return function(input, window_shape, strides or 1, padding, data_format)


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Sizes,
    padding: str = "SAME",
    data_format: str | None = None,
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Apply the gradient of a convolution along one to three axes."""
    rank = len(filters.shape) - 2
    options = _options(
        rank, padding, data_format, strides=strides, dilation_rate=dilations
    )
    return neural.conv2d_transpose(input, filters, static(output_shape), **options)


conv1d_transpose = conv3d_transpose = conv_transpose


def separable_conv2d(
    input: Tensor,
    depthwise_filter: Tensor,
    pointwise_filter: Tensor,
    strides: Sizes,
    padding: str,
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Convolve each channel, then mix the channels of each pixel."""
    found = depthwise_conv2d(
        input, depthwise_filter, strides, padding, data_format, dilations
    )
    return convolution(found, pointwise_filter, 1, "VALID", data_format)


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str = ""
) -> Any:
    """Convolve with the values of a kernel at a distance."""
    return convolution(value, filters, 1, padding, dilations=rate)


max_pool1d = max_pool3d = max_pool
avg_pool1d = avg_pool3d = avg_pool
max_pool2d, avg_pool2d = max_pool, avg_pool


def depth_to_space(
    input: Tensor, block_size: int, data_format: str = "NHWC", name: str = ""
) -> Any:
    """Move blocks of channels into rows and columns."""
    return ops.depth_to_space(input, block_size, _format(data_format))


def space_to_depth(
    input: Tensor, block_size: int, data_format: str = "NHWC", name: str = ""
) -> Any:
    """Move blocks of rows and columns into channels."""
    return ops.space_to_depth(input, block_size, _format(data_format))


def batch_normalization(
    x: Any,
    mean: Tensor,
    variance: Any,
    offset: Tensor | None,
    scale: Any,
    variance_epsilon: float,
    name: str = "",
) -> Any:
    """Normalize by a mean and a variance, then scale and shift."""
    factor = ops.rsqrt(variance + variance_epsilon)
    factor = factor if scale is None else factor * scale
    found = (x - mean) * factor
    return found if offset is None else found + offset


def compute_average_loss(
    per_example_loss: Any,
    sample_weight: Tensor | None = None,
    global_batch_size: int | None = None,
) -> Any:
    """Return the sum of losses divided by the size of the batch."""
    losses = (
        per_example_loss if sample_weight is None else per_example_loss * sample_weight
    )
    return ops.sum(losses) / (global_batch_size or losses.shape[0])


def scale_regularization_loss(regularization_loss: Tensor) -> Any:
    """Return the sum of losses: there is one device."""
    return ops.sum(regularization_loss)


def zero_fraction(value: Tensor, name: str = "") -> Any:
    """Return the fraction of zeros."""
    return ops.mean(ops.cast(ops.equal(value, 0), "float32"))
