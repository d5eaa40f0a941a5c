"""Convolutions over one, two or three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import activations, constraints, initializers, ops, regularizers
from lamina.core.check import Check, boolean, one_of, positive_int, sizes
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base.attributes import Converted
from lamina.layers.base.spec import InputSpec
from lamina.layers.spatial import Spatial, data_formats, per_axis
from lamina.ops.nn.convolution import add_bias
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    RegularizerLike,
)


def window_arguments(rank: int, *paddings: str) -> dict[str, Check]:
    """Return the argument checks that all convolutions of a rank share."""
    return {
        "kernel_size": sizes(rank),
        "strides": sizes(rank),
        "padding": one_of(*paddings),
        "data_format": data_formats,
        "dilation_rate": sizes(rank),
        "use_bias": boolean,
    }


def _arguments(rank: int, *paddings: str) -> dict[str, Check]:
    return {
        **window_arguments(rank, *paddings),
        "filters": positive_int,
        "groups": positive_int,
    }


class Convolution(Spatial):
    """Base class of convolutions: a sliding window, a bias and an activation.

    Args:
        kernel_size: size of the window along each spatial axis.
        strides: distance between windows.
        padding: `"valid"` for windows inside the input only, `"same"` for as many
            outputs as inputs (at stride 1).
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        bias_initializer: initializer of the bias, (channels,).
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        bias_constraint: projection of the bias after each update.
    """

    activation = Converted(activations.get)

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        activation: ActivationLike,
        use_bias: bool,
        bias_initializer: InitializerLike,
        bias_regularizer: RegularizerLike,
        activity_regularizer: RegularizerLike,
        bias_constraint: ConstraintLike,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            data_format, activity_regularizer=activity_regularizer, **kwargs
        )
        self.kernel_size = per_axis(kernel_size, self.rank)
        self.strides = per_axis(strides, self.rank)
        self.dilation_rate = per_axis(dilation_rate, self.rank)
        self.padding = padding.lower()
        self.activation = activation
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def fix_channels(self, input_shape: Sequence[int | None]) -> int | None:
        """Return the number of channels, and require it of all inputs."""
        channels = input_shape[self.channel_axis]
        axes = {self.channel_axis: channels}
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=axes)
        return channels

    def add_bias(self, channels: int) -> None:
        """Create the bias, if it is used."""
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (channels,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def apply_bias_and_activation(self, outputs: Array) -> Array:
        """Add the bias and apply the activation."""
        if self.bias is not None:
            outputs = add_bias(outputs, self.bias.value, self.data_format)
        return self.activation(outputs)

    @property
    def effective_kernel_size(self) -> list[int]:
        """The size of the kernel along each axis, dilation included."""
        pairs = zip(self.kernel_size, self.dilation_rate, strict=True)
        return [(size - 1) * rate + 1 for size, rate in pairs]


class Conv(Convolution):
    """Convolution: `activation(conv(inputs, kernel) + bias)`.

    As usual in deep learning, this is a cross-correlation: the kernel is not flipped.

    Args:
        filters: number of output channels.
        kernel_size: size of the window along each spatial axis.
        strides: distance between windows.
        padding: `"valid"` for windows inside the input only, `"same"` for as many
            outputs as inputs (at stride 1); in 1D also `"causal"`, where an output
            does not depend on later inputs.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window.
        groups: number of channel groups that are convolved separately.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernel, (*kernel_size,
            channels // groups, filters).
        bias_initializer: initializer of the bias, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Raises:
        ArgumentError: `groups` does not divide `filters`.
        ShapeError: the input has the wrong rank or number of channels, or is smaller
            than the kernel.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation,
            use_bias, bias_initializer, bias_regularizer, activity_regularizer,
            bias_constraint, **kwargs,
        )  # fmt: skip
        self.filters, self.groups = filters, groups
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        if filters % groups:
            raise ArgumentError(
                f"{type(self).__name__}: `filters` must be a multiple of `groups`. "
                f"Received: filters={filters}, groups={groups}."
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the kernel and the bias."""
        channels = self.fix_channels(input_shape)
        if self.padding == "valid":
            self.check_window(input_shape, self.effective_kernel_size, "kernel")
        if channels is not None and channels % self.groups:
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) divides the channels "
                f"into {self.groups} groups, but its input {tuple(input_shape)} has "
                f"{channels} channels. Choose a `groups` that divides {channels}."
            )
        depth = None if channels is None else channels // self.groups
        self.kernel = self.add_weight(
            (*self.kernel_size, depth, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.add_bias(self.filters)

    def call(self, inputs: Array) -> Any:
        outputs = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self.apply_bias_and_activation(outputs)


class Conv1D(Conv):
    """1D convolution, over time steps for example.

    Takes the arguments of `Conv`; `padding` may also be `"causal"`.

    Shape:
        (batch, steps, channels) to (batch, new steps, filters), or with the channels
        second.

    Example:
        >>> Conv1D(8, 3, padding="causal")(jnp.ones((2, 10, 4))).shape
        (2, 10, 8)
    """

    rank = 1
    arguments = _arguments(1, "valid", "same", "causal")


class Conv2D(Conv):
    """2D convolution, over images for example.

    Takes the arguments of `Conv`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, filters),
        or with the channels second.

    Example:
        >>> Conv2D(8, 3, activation="relu")(jnp.ones((2, 28, 28, 1))).shape
        (2, 26, 26, 8)
    """

    rank = 2
    arguments = _arguments(2, "valid", "same")


class Conv3D(Conv):
    """3D convolution, over volumes or videos for example.

    Takes the arguments of `Conv`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, new depth, new rows, new
        columns, filters), or with the channels second.

    Example:
        >>> Conv3D(2, 3)(jnp.ones((1, 5, 6, 7, 3))).shape
        (1, 3, 4, 5, 2)
    """

    rank = 3
    arguments = _arguments(3, "valid", "same")
