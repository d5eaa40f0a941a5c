"""Convolutional LSTM layers and their cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina import ops
from lamina.core.check import positive_int
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base import CommonOptions, Options
from lamina.layers.convolution.regular import Convolution
from lamina.layers.recurrent.cells import LSTMGates
from lamina.layers.recurrent.standard import StandardRNN
from lamina.ops.nn.cells import Loop, Run, lstm_step, run_states
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class ConvLSTMCell(LSTMGates, Convolution):
    """Cell of a convolutional LSTM; a subclass sets `rank`, the number of spatial axes.

    The gates are those of `LSTMCell`, with convolutions in place of matrix products.

    Args:
        filters: number of channels of the states and of the output.
        kernel_size: size of both kernels along each spatial axis.
        strides: distance between the windows of the input's convolution.
        padding: padding of the input's convolution, `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window of the input.
        seed: seed of the dropout.
        **kwargs: arguments of `LSTMCell` other than `units`.
    """

    filters: int
    arguments = {
        **Convolution.arguments,
        **{k: v for k, v in LSTMGates.arguments.items() if k != "units"},
        "filters": positive_int,
    }

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.step_ndim = cls.rank + 2

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                "ConvLSTM: `strides` and `dilation_rate` cannot both be greater than "
                f"1. Received: strides={self.strides}, "
                f"dilation_rate={self.dilation_rate}. Set one of them to 1."
            )

    @property
    def units(self) -> int:  # type: ignore[override]
        """The number of channels of the states."""
        return self.filters

    @property
    def mask_count(self) -> int:
        """The number of dropout masks, one for each gate."""
        return self.gates

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernels and the bias."""
        channels = self.fix_channels(input_shape)
        if None in self.spatial_sizes(input_shape):
            raise ShapeError(
                f"Layer {self.name!r} (ConvLSTM) needs known spatial sizes, since its "
                f"states have them. The shape of a step is {tuple(input_shape)}. Set "
                "them, as in `Input((None, 32, 32, 3))`."
            )
        self.check_kernel(input_shape)
        width = self.gates * self.filters
        self._create_weight("kernel", (*self.kernel_size, channels, width))
        self._create_weight(
            "recurrent_kernel", (*self.kernel_size, self.filters, width)
        )
        bias_shape = self.bias_shape if self.use_bias else None
        self._create_weight("bias", bias_shape, self.initial_bias)
        step = jax.ShapeDtypeStruct((1, *input_shape[1:]), self.variable_dtype)
        gates = jax.eval_shape(self.project, step)
        self._state_shape = jax.eval_shape(self._split, gates)[0].shape[1:]

    @property
    def _channels(self) -> int:
        """The axis of the channels, counted from the last axis."""
        return -1 if self.data_format == "channels_last" else -1 - self.rank

    def _split(self, gates: Array) -> list[Array]:
        return jnp.split(gates, self.gates, self._channels)

    def _convolve(
        self, x: Array, kernel: Array, masks: list[Array], **window: Any
    ) -> Array:
        """Convolve steps, (..., batch, *step), with one mask for each gate, if any."""

        def conv(x: Array, kernel: Array) -> Array:
            leading = x.shape[: x.ndim - self.step_ndim + 1]
            y = ops.conv(x.reshape(-1, *x.shape[len(leading) :]), kernel, **window)
            return y.reshape(*leading, *y.shape[1:])

        window["data_format"] = self.data_format
        if not masks:
            return conv(x, kernel)
        parts = zip(masks, jnp.split(kernel, self.gates, -1), strict=True)
        outputs = [conv(x * mask, part) for mask, part in parts]
        return jnp.concatenate(outputs, self._channels)

    def project(self, inputs: Array, training: bool | None = None) -> Array:
        """Convolve inputs, (..., batch, *step), with the kernels of all gates."""
        masks = self.dropout_masks("dropout", inputs, training)
        gates = self._convolve(inputs, self.kernel.value, masks, **self.window())
        if self.bias is None:
            return gates
        inner = [1] * (-1 - self._channels)  # the axes behind the channels
        return gates + self.bias.value.reshape(-1, *inner)

    def advance(
        self, projected: Array, states: list[Array], masks: list[Array]
    ) -> list[Array]:
        """Return the states after a step, the output first."""
        kernel = self.recurrent_kernel.value
        recurrent = self._convolve(states[0], kernel, masks, padding="same")
        parts = self._split(projected), self._split(recurrent)
        return lstm_step(self.spec, *parts, states)

    def run(
        self, projected: Array, states: list[Array], masks: list[Array], loop: Loop
    ) -> Run:
        """Run the cell along time-major projected inputs."""
        return run_states(
            lambda old, x: self.advance(x, old, masks), states, projected, loop
        )

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Return zeros for both states."""
        shape = (batch_size, *self._state_shape)
        return [jnp.zeros(shape, self.compute_dtype) for _ in range(2)]


class ConvLSTM1DCell(ConvLSTMCell):
    """Cell of `ConvLSTM1D`."""

    rank = 1


class ConvLSTM2DCell(ConvLSTMCell):
    """Cell of `ConvLSTM2D`."""

    rank = 2


class ConvLSTM3DCell(ConvLSTMCell):
    """Cell of `ConvLSTM3D`."""

    rank = 3


class ConvLSTM(StandardRNN):
    """Convolutional LSTM layer, for sequences of images for example.

    The gates and states are those of `LSTM`, with convolutions in place of matrix
    products. The convolution of the state has stride 1 and keeps its size.

    Args:
        filters: number of channels of the states and of the output.
        kernel_size: size of both kernels along each spatial axis.
        strides: distance between the windows of the input's convolution.
        padding: padding of the input's convolution: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance between the elements of a window of the input.
        activation: activation of candidates and outputs.
        recurrent_activation: activation of the gates.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the input's kernel, (*kernel_size, channels,
            4 * filters).
        recurrent_initializer: initializer of the state's kernel, (*kernel_size,
            filters, 4 * filters).
        bias_initializer: initializer of the bias, (4 * filters,).
        unit_forget_bias: whether to initialize the bias of the forget gate to one.
        kernel_regularizer: penalty on the input's kernel.
        recurrent_regularizer: penalty on the state's kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the input's kernel after each update.
        recurrent_constraint: projection of the state's kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        seed: seed of the dropout.
        return_sequences: whether to return the outputs of all steps or only the last.
        return_state: whether to return the last states after the output.
        go_backwards: whether to process the sequence in reverse; the outputs are then
            in reverse order.
        stateful: whether the states of each row carry over to the next batch.

    Raises:
        ArgumentError: `strides` and `dilation_rate` are both greater than 1.
        ShapeError: the input has the wrong rank, a spatial size is unknown, or the
            input is smaller than the kernel.

    Reference: Shi et al. 2015, https://arxiv.org/abs/1506.04214
    """

    cell_name: ClassVar[str] = "conv_lstm_cell"
    arguments = {k: v for k, v in StandardRNN.arguments.items() if k != "use_cudnn"}

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(locals(), **kwargs)


class ConvLSTM1D(ConvLSTM, cell=ConvLSTM1DCell):
    """1D convolutional LSTM layer, for sequences of signals.

    Takes the arguments of `ConvLSTM`.

    Shape:
        (batch, time, steps, channels) to (batch, new steps, filters), or (batch, time,
        new steps, filters) with `return_sequences`; or with the channels third.

    Example:
        >>> ConvLSTM1D(4, 3, padding="same")(jnp.ones((2, 5, 8, 3))).shape
        (2, 8, 4)
    """


class ConvLSTM2D(ConvLSTM, cell=ConvLSTM2DCell):
    """2D convolutional LSTM layer, for sequences of images.

    Takes the arguments of `ConvLSTM`.

    Shape:
        (batch, time, rows, columns, channels) to (batch, new rows, new columns,
        filters), or (batch, time, new rows, new columns, filters) with
        `return_sequences`; or with the channels third.

    Example:
        >>> frames = jnp.ones((2, 5, 8, 8, 3))
        >>> ConvLSTM2D(4, 3, return_sequences=True)(frames).shape
        (2, 5, 6, 6, 4)
    """


class ConvLSTM3D(ConvLSTM, cell=ConvLSTM3DCell):
    """3D convolutional LSTM layer, for sequences of volumes.

    Takes the arguments of `ConvLSTM`.

    Shape:
        (batch, time, depth, rows, columns, channels) to (batch, new depth, new rows,
        new columns, filters), or with the time second with `return_sequences`; or with
        the channels third.

    Example:
        >>> ConvLSTM3D(2, 2)(jnp.ones((1, 3, 4, 4, 4, 1))).shape
        (1, 3, 3, 3, 2)
    """
