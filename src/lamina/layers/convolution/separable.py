"""Convolutions of each channel by itself, alone or before a mix of all channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import constraints, initializers, ops, regularizers
from lamina.core.check import positive_int
from lamina.core.variable import Variable
from lamina.layers.convolution.regular import Convolution, window_arguments

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
]


class ChannelConvolution(Convolution):
    """What depthwise and separable convolutions share: kernels for single channels.

    Args:
        depth_multiplier: number of outputs of each channel.
        depthwise_initializer: initializer of these kernels, (*kernel_size, channels,
            depth_multiplier).
        depthwise_regularizer: penalty on these kernels.
        depthwise_constraint: projection of these kernels after each update.
    """

    def __init__(
        self,
        depth_multiplier: int,
        depthwise_initializer: Any,
        depthwise_regularizer: Any,
        depthwise_constraint: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def add_channel_kernels(
        self, input_shape: Sequence[int | None], name: str
    ) -> Variable:
        """Make the kernels, which give `channels * depth_multiplier` outputs."""
        if self.padding == "valid":
            self.check_window(input_shape, self.spans, "kernel")
        return self.add_weight(
            (*self.kernel_size, self.channels_of(input_shape), self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name=name,
        )


class DepthwiseConv(ChannelConvolution):
    """A convolution of each channel with kernels of its own.

    Args:
        kernel_size: size of the window along each spatial axis.
        strides: steps between windows.
        padding: `"valid"` for windows inside the input only, `"same"` for as many
            outputs as inputs (at stride 1).
        depth_multiplier: number of outputs of each channel.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements a window takes.
        activation: a name or a function; nothing is applied when `None`.
        use_bias: whether there is a bias.
        depthwise_initializer: initializer of the kernels, (*kernel_size, channels,
            depth_multiplier).
        bias_initializer: initializer of the bias, (channels * depth_multiplier,).
        depthwise_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the kernels after each update.
        bias_constraint: projection of the bias after each update.

    Raises:
        ShapeError: the input has another rank or number of channels, or is smaller
            than the kernel.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            depth_multiplier, depthwise_initializer, depthwise_regularizer,
            depthwise_constraint, kernel_size, strides, padding, data_format,
            dilation_rate, activation, use_bias, bias_initializer, bias_regularizer,
            activity_regularizer, bias_constraint, **kwargs,
        )  # fmt: skip

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the kernels and the bias."""
        self.kernel = self.add_channel_kernels(input_shape, "kernel")
        self.add_bias(self.kernel.shape[-2] * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self.finish(outputs)


class SeparableConv(ChannelConvolution):
    """A depthwise convolution, then a mix of its outputs at each place.

    Far fewer multiplications than a convolution of the same size.

    Args:
        filters: number of output channels.
        kernel_size: size of the window along each spatial axis.
        strides: steps between windows.
        padding: `"valid"` for windows inside the input only, `"same"` for as many
            outputs as inputs (at stride 1).
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements a window takes.
        depth_multiplier: number of outputs of each channel before the mix.
        activation: a name or a function; nothing is applied when `None`.
        use_bias: whether there is a bias.
        depthwise_initializer: initializer of the channels' kernels, (*kernel_size,
            channels, depth_multiplier).
        pointwise_initializer: initializer of the mix, (*ones, channels *
            depth_multiplier, filters).
        bias_initializer: initializer of the bias, (filters,).
        depthwise_regularizer: penalty on the channels' kernels.
        pointwise_regularizer: penalty on the mix.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the channels' kernels after each update.
        pointwise_constraint: projection of the mix after each update.
        bias_constraint: projection of the bias after each update.

    Raises:
        ShapeError: the input has another rank or number of channels, or is smaller
            than the kernel.

    Reference:
        Chollet 2017, "Xception: Deep Learning with Depthwise Separable Convolutions".
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            depth_multiplier, depthwise_initializer, depthwise_regularizer,
            depthwise_constraint, kernel_size, strides, padding, data_format,
            dilation_rate, activation, use_bias, bias_initializer, bias_regularizer,
            activity_regularizer, bias_constraint, **kwargs,
        )  # fmt: skip
        self.filters = filters
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make both kernels and the bias."""
        self.depthwise_kernel = self.add_channel_kernels(
            input_shape, "depthwise_kernel"
        )
        channels = self.depthwise_kernel.shape[-2] * self.depth_multiplier
        self.pointwise_kernel = self.add_weight(
            (*[1] * self.rank, channels, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self.add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        outputs = ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self.finish(outputs)


class DepthwiseConv1D(DepthwiseConv):
    """Convolution of each channel over steps; takes the arguments of `DepthwiseConv`.

    Shape:
        (batch, steps, channels) to (batch, new steps, channels * depth_multiplier),
        or with the channels second.

    Example:
        >>> DepthwiseConv1D(3, depth_multiplier=2)(jnp.ones((2, 10, 4))).shape
        (2, 8, 8)
    """

    rank = 1
    arguments = {
        **window_arguments(1, "valid", "same"),
        "depth_multiplier": positive_int,
    }


class DepthwiseConv2D(DepthwiseConv):
    """Convolution of each channel over rows and columns.

    Takes the arguments of `DepthwiseConv`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, channels *
        depth_multiplier), or with the channels second.

    Example:
        >>> DepthwiseConv2D(3, padding="same")(jnp.ones((2, 28, 28, 4))).shape
        (2, 28, 28, 4)
    """

    rank = 2
    arguments = {
        **window_arguments(2, "valid", "same"),
        "depth_multiplier": positive_int,
    }


class SeparableConv1D(SeparableConv):
    """Convolution over steps, then over channels; takes those of `SeparableConv`.

    Shape:
        (batch, steps, channels) to (batch, new steps, filters), or with the channels
        second.

    Example:
        >>> SeparableConv1D(8, 3)(jnp.ones((2, 10, 4))).shape
        (2, 8, 8)
    """

    rank = 1
    arguments = {**DepthwiseConv1D.arguments, "filters": positive_int}


class SeparableConv2D(SeparableConv):
    """Convolution over rows and columns, then over channels.

    Takes the arguments of `SeparableConv`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, filters),
        or with the channels second.

    Example:
        >>> SeparableConv2D(8, 3, activation="relu")(jnp.ones((2, 28, 28, 4))).shape
        (2, 26, 26, 8)
    """

    rank = 2
    arguments = {**DepthwiseConv2D.arguments, "filters": positive_int}
