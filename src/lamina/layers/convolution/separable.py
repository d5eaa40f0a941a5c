"""Depthwise and separable convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from lamina import ops
from lamina.core.check import positive_int
from lamina.core.variable import Variable
from lamina.layers.base import CommonOptions, weight
from lamina.layers.convolution.regular import Convolution
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class DepthwiseConv(Convolution):
    """Depthwise convolution: each channel is convolved with its own kernels.

    Args:
        kernel_size: size of the window along each spatial axis.
        strides: distance between windows.
        padding: `"valid"` for windows inside the input only, `"same"` for as many
            outputs as inputs (at stride 1).
        depth_multiplier: number of outputs of each channel.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        depthwise_initializer: initializer of the kernel, (*kernel_size, channels,
            depth_multiplier).
        bias_initializer: initializer of the bias, (channels * depth_multiplier,).
        depthwise_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Raises:
        ShapeError: the input has the wrong rank or number of channels, or is smaller
            than the kernel.
    """

    depth_multiplier: int
    kernel: Variable = weight("depthwise")
    arguments = {**Convolution.arguments, "depth_multiplier": positive_int}

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernel and the bias."""
        self.check_kernel(input_shape)
        channels = self.fix_channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self._create_weight("kernel", shape)
        self.add_bias(self.kernel.shape[-2] * self.depth_multiplier)

    def call(self, inputs: Array) -> Array:
        outputs = ops.depthwise_conv(inputs, self.kernel, **self.window())
        return self.apply_bias_and_activation(outputs)


class SeparableConv(Convolution):
    """Separable convolution: a depthwise convolution, then a pointwise one.

    It takes far fewer multiplications than a convolution of the same size.

    Args:
        filters: number of output channels.
        kernel_size: size of the window along each spatial axis.
        strides: distance between windows.
        padding: `"valid"` for windows inside the input only, `"same"` for as many
            outputs as inputs (at stride 1).
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window.
        depth_multiplier: number of depthwise outputs of each channel.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        depthwise_initializer: initializer of the depthwise kernel, (*kernel_size,
            channels, depth_multiplier).
        pointwise_initializer: initializer of the pointwise kernel, (1, ..., channels
            * depth_multiplier, filters).
        bias_initializer: initializer of the bias, (filters,).
        depthwise_regularizer: penalty on the depthwise kernel.
        pointwise_regularizer: penalty on the pointwise kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the depthwise kernel after each update.
        pointwise_constraint: projection of the pointwise kernel after each update.
        bias_constraint: projection of the bias after each update.

    Raises:
        ShapeError: the input has the wrong rank or number of channels, or is smaller
            than the kernel.

    Reference: Chollet 2017, https://arxiv.org/abs/1610.02357
    """

    filters: int
    depth_multiplier: int
    depthwise_kernel: Variable = weight("depthwise")
    pointwise_kernel: Variable = weight("pointwise")
    arguments = {**DepthwiseConv.arguments, "filters": positive_int}

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())

    def build(self, input_shape: PartialShape) -> None:
        """Create both kernels and the bias."""
        self.check_kernel(input_shape)
        depthwise = (self.fix_channels(input_shape), self.depth_multiplier)
        self._create_weight("depthwise_kernel", (*self.kernel_size, *depthwise))
        channels = self.depthwise_kernel.shape[-2] * self.depth_multiplier
        pointwise = (*[1] * self.rank, channels, self.filters)
        self._create_weight("pointwise_kernel", pointwise)
        self.add_bias(self.filters)

    def call(self, inputs: Array) -> Array:
        outputs = ops.separable_conv(
            inputs, self.depthwise_kernel, self.pointwise_kernel, **self.window()
        )
        return self.apply_bias_and_activation(outputs)


class DepthwiseConv1D(DepthwiseConv):
    """1D depthwise convolution; takes the arguments of `DepthwiseConv`.

    Shape:
        (batch, steps, channels) to (batch, new steps, channels * depth_multiplier),
        or with the channels second.

    Example:
        >>> DepthwiseConv1D(3, depth_multiplier=2)(jnp.ones((2, 10, 4))).shape
        (2, 8, 8)
    """

    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    """2D depthwise convolution; takes the arguments of `DepthwiseConv`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, channels *
        depth_multiplier), or with the channels second.

    Example:
        >>> DepthwiseConv2D(3, padding="same")(jnp.ones((2, 28, 28, 4))).shape
        (2, 28, 28, 4)
    """

    rank = 2


class SeparableConv1D(SeparableConv):
    """1D separable convolution; takes the arguments of `SeparableConv`.

    Shape:
        (batch, steps, channels) to (batch, new steps, filters), or with the channels
        second.

    Example:
        >>> SeparableConv1D(8, 3)(jnp.ones((2, 10, 4))).shape
        (2, 8, 8)
    """

    rank = 1


class SeparableConv2D(SeparableConv):
    """2D separable convolution; takes the arguments of `SeparableConv`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, filters),
        or with the channels second.

    Example:
        >>> SeparableConv2D(8, 3, activation="relu")(jnp.ones((2, 28, 28, 4))).shape
        (2, 26, 26, 8)
    """

    rank = 2
