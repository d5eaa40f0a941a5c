"""Convolutions whose kernel differs at each position."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from lamina import activations, constraints, initializers, ops, regularizers, typing
from lamina.errors import ArgumentError
from lamina.layers import Layer


def local_convolution(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_sizes: Sequence[int],
) -> Any:
    """Multiply each window by a kernel of its own.

    Args:
        inputs: (batch, *space, channels).
        kernel: (positions, window * channels, filters).
        kernel_size: size of the window.
        strides: distance between windows.
        output_sizes: number of windows along each axis.
    """
    windows: list[Any] = []
    for offset in itertools.product(*map(range, kernel_size)):
        axes = zip(offset, strides, output_sizes, strict=True)
        window = [slice(o, o + (n - 1) * s + 1, s) for o, s, n in axes]
        windows.append(inputs[(slice(None), *window)])
    count, size, filters = kernel.shape
    rows = ops.reshape(ops.stack(windows, axis=-2), (-1, count, size))
    result = ops.einsum("bpi,pio->bpo", rows, kernel)
    return ops.reshape(result, (-1, *output_sizes, filters))


class LocallyConnected1D(Layer):
    """Convolution whose kernel differs at each step, without padding.

    Args:
        filters: number of output channels.
        kernel_size: steps that each output depends on.
        strides: distance between them.
        activation: activation of the output.
        use_bias: whether there is a bias, which differs at each step too.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        kernel_constraint: constraint on the kernel.
        bias_constraint: constraint on the bias.
        implementation: accepted, and not needed.
        **kwargs: options of every layer.

    Shape:
        (batch, steps, channels) to (batch, new_steps, filters).
    """

    axes = 1

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        activation: typing.ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: typing.InitializerLike = "glorot_uniform",
        bias_initializer: typing.InitializerLike = "zeros",
        kernel_regularizer: typing.RegularizerLike = None,
        bias_regularizer: typing.RegularizerLike = None,
        kernel_constraint: typing.ConstraintLike = None,
        bias_constraint: typing.ConstraintLike = None,
        implementation: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if padding != "valid" or data_format != "channels_last":
            raise ArgumentError(
                f"{type(self).__name__}: only padding='valid' and "
                "data_format='channels_last' are supported."
            )
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size = self._sizes(kernel_size)
        self.strides = self._sizes(strides)
        self.activation = activations.get(activation)
        self.kernel_options = {
            "initializer": initializers.get(kernel_initializer),
            "regularizer": regularizers.get(kernel_regularizer),
            "constraint": constraints.get(kernel_constraint),
        }
        self.bias_options = {
            "initializer": initializers.get(bias_initializer),
            "regularizer": regularizers.get(bias_regularizer),
            "constraint": constraints.get(bias_constraint),
        }

    def _sizes(self, value: int | Sequence[int]) -> tuple[int, ...]:
        return (value,) * self.axes if isinstance(value, int) else tuple(value)

    def build(self, input_shape: typing.Shape) -> None:
        """Create a kernel and a bias for each output position."""
        axes = zip(input_shape[1:-1], self.kernel_size, self.strides, strict=True)
        self.output_sizes = tuple((n - k) // s + 1 for n, k, s in axes)
        count = math.prod(self.output_sizes)
        window = math.prod(self.kernel_size) * input_shape[-1]
        self.kernel = self.add_weight(
            (count, window, self.filters), name="kernel", **self.kernel_options
        )
        self.bias = None
        if self.use_bias:
            shape = (*self.output_sizes, self.filters)
            self.bias = self.add_weight(shape, name="bias", **self.bias_options)

    def call(self, inputs: typing.Array) -> Any:
        """Multiply each window by its kernel."""
        sizes = self.kernel_size, self.strides, self.output_sizes
        result = local_convolution(inputs, self.kernel, *sizes)
        return self.activation(
            result if self.bias is None else ops.add(result, self.bias)
        )


class LocallyConnected2D(LocallyConnected1D):
    """Convolution whose kernel differs at each position, without padding.

    Its arguments are those of `LocallyConnected1D`, with a pair for sizes.

    Shape:
        (batch, rows, columns, channels) to (batch, new_rows, new_columns, filters).
    """

    axes = 2
