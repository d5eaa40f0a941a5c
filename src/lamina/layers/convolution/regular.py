"""Convolutions over one, two or three spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from lamina import activations, ops
from lamina.core.check import boolean, one_of, positive_int
from lamina.core.module import overridable
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base import CommonOptions, Converted, InputSpec, weight
from lamina.layers.core.lora import Adaptable, adaptable_weight
from lamina.layers.spatial import PerAxis, Spatial
from lamina.ops.nn.convolution import add_bias
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class Convolution(Spatial):
    """Base class of convolutions: a sliding window, a bias and an activation."""

    kernel_size = PerAxis()
    strides = PerAxis()
    padding = Converted(str.lower)
    dilation_rate = PerAxis()
    activation: Converted[Callable[[Array], Array]] = Converted(activations.get)
    use_bias: bool
    kernel: Variable = weight()
    bias: Variable | None = weight()
    arguments = {
        **Spatial.arguments,
        "padding": one_of("valid", "same"),
        "use_bias": boolean,
    }

    def fix_channels(self, input_shape: PartialShape) -> int | None:
        """Return the number of channels, and require it of all inputs."""
        channels = input_shape[self.channel_axis]
        axes = {self.channel_axis: channels}
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=axes)
        return channels

    def check_kernel(self, input_shape: PartialShape) -> None:
        """Raise `ShapeError` if the kernel is larger than the input."""
        if self.padding == "valid":
            pairs = zip(self.kernel_size, self.dilation_rate, strict=True)
            spans = [(size - 1) * rate + 1 for size, rate in pairs]
            self.check_window(input_shape, spans, "kernel")

    def add_bias(self, channels: int) -> None:
        """Create the bias, if it is used."""
        self._create_weight("bias", (channels,) if self.use_bias else None)

    def window(self) -> dict[str, Any]:
        """Return the arguments that convolutions of arrays share."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def apply_bias_and_activation(self, outputs: Array) -> Array:
        """Add the bias and apply the activation."""
        if self.bias is not None:
            outputs = add_bias(outputs, self.bias.value, self.data_format)
        return self.activation(outputs)


class Conv(Adaptable, Convolution):
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
        lora_rank: rank of a low-rank update (LoRA), which is trained instead of the
            kernel; see `enable_lora`.
        lora_alpha: scale of the update, times `lora_rank`; `lora_rank` by default.

    Raises:
        ArgumentError: `groups` does not divide `filters`.
        ShapeError: the input has the wrong rank or number of channels, or is smaller
            than the kernel.
    """

    filters: int
    groups: int
    kernel: Variable = adaptable_weight()
    arguments = {
        **Adaptable.arguments,
        **Convolution.arguments,
        "filters": positive_int,
        "groups": positive_int,
    }

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
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        if filters % groups:
            raise ArgumentError(
                f"{type(self).__name__}: `filters` must be a multiple of `groups`. "
                f"Received: filters={filters}, groups={groups}."
            )

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernel and the bias."""
        channels = self.fix_channels(input_shape)
        self.check_kernel(input_shape)
        if channels is not None and channels % self.groups:
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) divides the channels "
                f"into {self.groups} groups, but its input {tuple(input_shape)} has "
                f"{channels} channels. Choose a `groups` that divides {channels}."
            )
        depth = None if channels is None else channels // self.groups
        self._create_weight("kernel", (*self.kernel_size, depth, self.filters))
        self.add_bias(self.filters)

    @overridable
    def convolution_op(self, inputs: Array, kernel: Array) -> Array:
        """Convolve with a kernel; override this to change the kernel before its use."""
        return ops.conv(inputs, kernel, **self.window())

    def call(self, inputs: Array) -> Array:
        outputs = self.convolution_op(inputs, self.kernel)
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
    arguments = {**Conv.arguments, "padding": one_of("valid", "same", "causal")}


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
