"""Functions of `tensorflow.nn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import activations, ops, random
from lamina.compat.keras.backend import neural
from lamina.compat.tensorflow.base.declare import declared, static
from lamina.compat.tensorflow.base.tables import NN
from lamina.compat.tensorflow.recording.record import recorded
from lamina.core.random.seeds import draw_seed
from lamina.ops.types import Tensor

__getattr__ = declared(__name__, NN)
Sizes = int | Sequence[int]


def leaky_relu(features: Tensor, alpha: float = 0.2, name: str = "") -> Any:
    """Return positive values, and alpha times the others."""
    return activations.leaky_relu(features, negative_slope=alpha)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str = ""
) -> Any:
    """Return the binary cross-entropy of each element."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, axis: int = -1, name: str = ""
) -> Any:
    """Return the cross-entropy of each row."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str = ""
) -> Any:
    """Return the cross-entropy of each row for class indices."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


_dropout = recorded(random.dropout)


def dropout(
    x: Tensor,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | None = None,
    name: str = "",
) -> Any:
    """Set a random part of the elements to zero and scale the others."""
    # Drawn before: the call is differentiated, and may be compiled.
    return _dropout(x, rate, noise_shape, draw_seed(seed))


def _spatial(sizes: Sizes, data_format: str) -> Any:
    """Return the sizes of windows without those of the batch and the channels."""
    found = static(sizes)
    if isinstance(found, int) or len(found) < 3:
        return found
    is_first = data_format.startswith("NC")
    return found[2:] if is_first else found[1:-1]


def _format(data_format: str) -> str:
    is_first = data_format.startswith("NC")
    return "channels_first" if is_first else "channels_last"


def conv2d(
    input: Tensor,
    filters: Tensor,
    strides: Sizes,
    padding: str,
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Convolve images with a kernel of (rows, columns, channels, filters)."""
    return ops.conv(
        input,
        filters,
        _spatial(strides, data_format),
        padding.lower(),
        _format(data_format),
        _spatial(dilations or 1, data_format),
    )


def convolution(
    input: Tensor,
    filters: Tensor,
    strides: Sizes | None = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Convolve with a kernel along one to three axes."""
    return conv2d(
        input, filters, strides or 1, padding, data_format or "NHWC", dilations
    )


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
    return ops.depthwise_conv(
        input,
        filter,
        _spatial(strides, data_format),
        padding.lower(),
        _format(data_format),
        _spatial(dilations or 1, data_format),
    )


def conv2d_transpose(
    input: Any,
    filters: Tensor,
    output_shape: Sequence[int],
    strides: Sizes,
    padding: str = "SAME",
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
    name: str = "",
) -> Any:
    """Apply the gradient of a convolution to images."""
    return neural.conv2d_transpose(
        input,
        filters,
        output_shape,
        _spatial(strides, data_format),
        padding,
        _format(data_format),
        _spatial(dilations or 1, data_format),
    )


def max_pool(
    input: Tensor,
    ksize: Sizes,
    strides: Sizes,
    padding: str,
    data_format: str = "NHWC",
    name: str = "",
) -> Any:
    """Reduce each window to its largest value."""
    size, step = _spatial(ksize, data_format), _spatial(strides, data_format)
    return ops.max_pool(input, size, step, padding.lower(), _format(data_format))


def avg_pool(
    input: Tensor,
    ksize: Sizes,
    strides: Sizes,
    padding: str,
    data_format: str = "NHWC",
    name: str = "",
) -> Any:
    """Reduce each window to its mean."""
    size, step = _spatial(ksize, data_format), _spatial(strides, data_format)
    return ops.average_pool(input, size, step, padding.lower(), _format(data_format))


max_pool2d, avg_pool2d = max_pool, avg_pool


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
    """Return the share of zeros."""
    return ops.mean(ops.cast(ops.equal(value, 0), "float32"))
