"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from lamina import ops
from lamina.core.check import Check, optional, positive_int, sizes
from lamina.errors import ArgumentError
from lamina.layers.base import CommonOptions
from lamina.layers.convolution.regular import Convolution
from lamina.layers.spatial import per_axis
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class TransposedConvolution(Convolution):
    """Base class of transposed convolutions."""

    filters: int
    output_padding: tuple[int, ...] | None
    arguments = {**Convolution.arguments, "filters": positive_int}

    def _store_arguments(
        self, arguments: Mapping[str, Any], omit: Sequence[str] = ()
    ) -> None:
        super()._store_arguments(arguments, omit)
        name, padding = type(self).__name__, arguments["output_padding"]
        if padding is not None:
            self.output_padding = per_axis(padding, self.rank)
        pairs = zip(self.output_padding or (), self.strides, strict=False)
        if any(padding >= stride for padding, stride in pairs):
            raise ArgumentError(
                f"{name}: `output_padding` must be smaller than `strides`. "
                f"Received: output_padding={self.output_padding}, "
                f"strides={self.strides}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{name}: `strides` and `dilation_rate` cannot both be above 1. "
                f"Received: strides={self.strides}, "
                f"dilation_rate={self.dilation_rate}."
            )

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernel and the bias."""
        shape = (*self.kernel_size, self.filters, self.fix_channels(input_shape))
        self._create_weight("kernel", shape)
        self.add_bias(self.filters)

    def call(self, inputs: Array) -> Array:
        padding = self.output_padding
        outputs = ops.conv_transpose(
            inputs, self.kernel, output_padding=padding, **self.window()
        )
        return self.apply_bias_and_activation(outputs)


def _arguments(rank: int) -> dict[str, Check]:
    padding = optional(sizes(rank, zero=True))
    return {**TransposedConvolution.arguments, "output_padding": padding}


class ConvTranspose(TransposedConvolution):
    """Transposed convolution, also called deconvolution.

    Each input element adds a multiple of the kernel to a window of the output.

    Args:
        filters: number of output channels.
        kernel_size: size of the window along each spatial axis.
        strides: distance between the output windows of adjacent input elements.
        padding: `"valid"` for all outputs that a window covers, `"same"` for `strides`
            times as many outputs as inputs.
        output_padding: number of elements added to the shortest possible output;
            `None` to derive it from `padding`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernel, (*kernel_size, filters,
            channels).
        bias_initializer: initializer of the bias, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Raises:
        ArgumentError: `output_padding` is not smaller than `strides`, or both
            `strides` and `dilation_rate` are above 1.
        ShapeError: the input has the wrong rank or number of channels.

    Reference: Zeiler et al. 2010, https://doi.org/10.1109/CVPR.2010.5539957
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())


class Conv1DTranspose(ConvTranspose):
    """1D transposed convolution; takes the arguments of `ConvTranspose`.

    Shape:
        (batch, steps, channels) to (batch, new steps, filters), or with the channels
        second.

    Example:
        >>> Conv1DTranspose(8, 3, strides=2)(jnp.ones((2, 10, 4))).shape
        (2, 21, 8)
    """

    rank = 1
    arguments = _arguments(1)


class Conv2DTranspose(ConvTranspose):
    """2D transposed convolution; takes the arguments of `ConvTranspose`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, filters),
        or with the channels second.

    Example:
        >>> Conv2DTranspose(8, 3, 2, padding="same")(jnp.ones((2, 7, 7, 4))).shape
        (2, 14, 14, 8)
    """

    rank = 2
    arguments = _arguments(2)


class Conv3DTranspose(TransposedConvolution):
    """3D transposed convolution.

    Takes the arguments of `ConvTranspose`; as in Keras, `data_format` comes before
    `output_padding`.

    Args:
        filters: number of output channels.
        kernel_size: size of the window along each spatial axis.
        strides: distance between the output windows of adjacent input elements.
        padding: `"valid"` for all outputs that a window covers, `"same"` for `strides`
            times as many outputs as inputs.
        data_format: `"channels_last"` or `"channels_first"`.
        output_padding: number of elements added to the shortest possible output;
            `None` to derive it from `padding`.
        dilation_rate: distance between the elements of a window.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernel, (*kernel_size, filters,
            channels).
        bias_initializer: initializer of the bias, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, new depth, new rows, new
        columns, filters), or with the channels second.

    Example:
        >>> Conv3DTranspose(2, 2, strides=2)(jnp.ones((1, 3, 4, 5, 3))).shape
        (1, 6, 8, 10, 2)
    """

    rank = 3
    arguments = _arguments(3)

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: int | Sequence[int] | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
