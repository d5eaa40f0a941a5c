"""Convolutions over one, two or three spatial axes.

Internally, channels are the last axis and kernels are (*window, in, out). The reference
kernel is `lax.conv_general_dilated`; `kernels` may register a faster one. Some of these
have custom gradients, which support `jax.grad` and `jax.hessian`, but not `jax.jvp` and
`jax.jacfwd`; `lamina.config.set_kernel("conv", "reference")` supports all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax

from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import BiasCall, ConvCall
from lamina.ops.nn.conv_params import (
    ConvParams,
    Sizes,
    check_padding,
    from_channels_last,
    layout,
    per_axis,
    to_channels_last,
    window_params,
)
from lamina.ops.types import Tensor, array_of
from lamina.typing import Array

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]


@register_reference("conv")
def reference_conv(call: ConvCall) -> Array:
    """Convolve (batch, *space, in) with (*window, in / groups, out)."""
    x, kernel, params = call
    return lax.conv_general_dilated(
        x,
        kernel,
        params.strides,
        params.padding,
        rhs_dilation=params.dilation,
        dimension_numbers=layout(kernel.ndim - 2),
        feature_group_count=params.groups,
    )


@register_reference("conv_transpose")
def reference_conv_transpose(call: ConvCall) -> Array:
    """Transpose the convolution with a kernel of shape (*window, out, in)."""
    x, kernel, params = call
    axes = zip(kernel.shape, params.dilation, params.padding, strict=False)
    extents = [((k - 1) * d, padding) for k, d, padding in axes]
    return lax.conv_transpose(
        x,
        kernel,
        params.strides,
        [(n - before, n - after) for n, (before, after) in extents],
        rhs_dilation=params.dilation,
        dimension_numbers=layout(kernel.ndim - 2),
        transpose_kernel=True,
    )


def _operands(
    owner: str, inputs: Tensor, kernel: Tensor, data_format: str | None
) -> tuple[Array, Array]:
    """Return channels-last inputs and the kernel, of the same type and rank."""
    kernel = array_of(kernel)
    x = to_channels_last(owner, array_of(inputs).astype(kernel.dtype), data_format)
    if x.ndim != kernel.ndim:
        raise ShapeError(
            f"{owner}: an input of shape {x.shape} and a kernel of shape "
            f"{kernel.shape} differ in rank. The input is (batch, *space, channels)."
        )
    return x, kernel


def _check_channels(owner: str, x: Array, kernel: Array, axis: int) -> None:
    if kernel.shape[axis] != x.shape[-1]:
        raise ShapeError(
            f"{owner}: the input has {x.shape[-1]} channels, but the kernel of "
            f"shape {kernel.shape} takes {kernel.shape[axis]}."
        )


@op(static=["strides", "dilation_rate"])
def conv(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve over one, two or three axes (cross-correlation).

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        kernel: (*window, channels / groups, filters).
        strides: stride of the window, one for each axis or for all.
        padding: "valid", "same" or, along one axis, "causal".
        data_format: "channels_last" or "channels_first"; `None` for the default.
        dilation_rate: distance between the window's elements.

    Raises:
        ShapeError: the channels do not match, or the window is larger than the input.

    Example:
        >>> x = [[[1.0], [2.0], [4.0], [7.0]]]
        >>> conv(x, [[[-1.0]], [[1.0]]]).ravel().tolist()
        [1.0, 2.0, 3.0]
    """
    x, kernel = _operands("conv", inputs, kernel, data_format)
    channels, depth, filters = x.shape[-1], *kernel.shape[-2:]
    if channels % depth or filters % (channels // depth):
        raise ShapeError(
            f"conv: {channels} input channels and {filters} filters cannot be split "
            f"into groups of {depth} channels, the kernel's depth. The kernel has "
            f"shape {kernel.shape}."
        )
    space, window = x.shape[1:-1], kernel.shape[:-2]
    params = window_params("conv", space, window, strides, padding, dilation_rate)
    params = params._replace(groups=channels // depth)
    y = dispatch("conv", ConvCall(x, kernel, params))
    return from_channels_last("conv", y, data_format)


@op(static=["strides", "dilation_rate"])
def depthwise_conv(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve each channel by itself.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        kernel: (*window, channels, multiplier); the result has
            `channels * multiplier` channels.
        strides: stride of the window.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; `None` for the default.
        dilation_rate: distance between the window's elements.

    Raises:
        ShapeError: the channels do not match, or the window is larger than the input.

    Example:
        >>> image, kernel = jnp.ones((1, 4, 4, 3)), jnp.ones((2, 2, 3, 5))
        >>> depthwise_conv(image, kernel).shape
        (1, 3, 3, 15)
    """
    owner = "depthwise_conv"
    x, kernel = _operands(owner, inputs, kernel, data_format)
    _check_channels(owner, x, kernel, -2)
    space, window = x.shape[1:-1], kernel.shape[:-2]
    params = window_params(owner, space, window, strides, padding, dilation_rate)
    flat = kernel.reshape(*window, 1, x.shape[-1] * kernel.shape[-1])
    call = ConvCall(x, flat, params._replace(groups=x.shape[-1]))
    y = dispatch("conv", call)
    return from_channels_last(owner, y, data_format)


@op(static=["strides", "dilation_rate"])
def separable_conv(
    inputs: Tensor,
    depthwise_kernel: Tensor,
    pointwise_kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Apply a depthwise convolution, then a pointwise one.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        depthwise_kernel: (*window, channels, multiplier).
        pointwise_kernel: (*ones, channels * multiplier, filters).
        strides: stride of the window.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; `None` for the default.
        dilation_rate: distance between the window's elements.

    Example:
        >>> image = jnp.ones((1, 4, 4, 3))
        >>> separable_conv(image, jnp.ones((2, 2, 3, 1)), jnp.ones((1, 1, 3, 8))).shape
        (1, 3, 3, 8)
    """
    depthwise = depthwise_conv(
        inputs, depthwise_kernel, strides, padding, data_format, dilation_rate
    )
    return conv(depthwise, pointwise_kernel, data_format=data_format)


@op(static=["strides", "output_padding", "dilation_rate"])
def conv_transpose(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Apply the transpose of `conv`: from the shape of its output to its input.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        kernel: (*window, filters, channels).
        strides: number of output elements for each input element.
        padding: "valid", or "same" for results of `length * stride`.
        output_padding: length added to the shortest possible output; `None` follows
            from `padding`.
        data_format: "channels_last" or "channels_first"; `None` for the default.
        dilation_rate: distance between the window's elements.

    Raises:
        ShapeError: the channels do not match.

    Example:
        >>> image, kernel = jnp.ones((1, 4, 4, 3)), jnp.ones((2, 2, 8, 3))
        >>> conv_transpose(image, kernel, strides=2).shape
        (1, 8, 8, 8)
    """
    owner = "conv_transpose"
    x, kernel = _operands(owner, inputs, kernel, data_format)
    _check_channels(owner, x, kernel, -1)
    check_padding(owner, padding)
    rank = kernel.ndim - 2
    steps = per_axis(owner, "strides", strides, rank)
    dilation = per_axis(owner, "dilation_rate", dilation_rate, rank)
    is_sequence = isinstance(output_padding, Sequence)
    extra = output_padding if is_sequence else (output_padding,) * rank
    pads = tuple(
        _transposed_padding(padding, (k - 1) * d, s, e)
        for k, d, s, e in zip(kernel.shape[:-2], dilation, steps, extra, strict=True)
    )
    y = dispatch(
        "conv_transpose", ConvCall(x, kernel, ConvParams(steps, pads, dilation))
    )
    return from_channels_last(owner, y, data_format)


def _transposed_padding(
    padding: str, extent: int, stride: int, extra: int | None
) -> tuple[int, int]:
    """Return the padding of the convolution whose transpose has Keras's lengths."""
    if padding.lower() == "valid":
        return 0, -(max(stride - extent - 1, 0) if extra is None else extra)
    total = stride if extra is None else (extent + 1) % 2 + extra
    total += extent - 1
    before = min(total - total // 2, extent)
    return extent - before, extent - (total - before)


def add_bias(outputs: Array, bias: Array, data_format: str) -> Array:
    """Add a bias for each channel to the outputs of a convolution."""
    if data_format == "channels_last":
        return dispatch("add_bias", BiasCall(outputs, bias))
    return outputs + jnp.expand_dims(bias, range(1, outputs.ndim - 1))


@register_reference("add_bias")
def reference_add_bias(call: BiasCall) -> Array:
    """Add the bias to the last axis."""
    x, bias = call
    return x + bias
