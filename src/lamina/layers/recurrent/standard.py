"""`SimpleRNN`, `LSTM` and `GRU`."""

from __future__ import annotations

from typing import Any

from lamina.core.check import Check, boolean, fraction, positive_int
from lamina.core.module import described_names
from lamina.layers.base.spec import InputSpec
from lamina.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from lamina.layers.recurrent.rnn import RNN
from lamina.typing import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)

_use_cudnn = Check(
    "'auto' or False: XLA compiles these layers on every device",
    lambda v: v == "auto" or v is False,
    (True, "always", None),
)


def _cell_attribute(name: str) -> property:
    return property(
        lambda self: getattr(self.cell, name),
        lambda self, value: setattr(self.cell, name, value),
        doc=f"The cell's `{name}`.",
    )


class _StandardRNN(RNN):
    """Base class of recurrent layers that create their cell.

    Args:
        cell: the cell.
        *args: arguments of `RNN`.
        implementation: accepted for older versions of Keras, and ignored.
        **kwargs: arguments of `RNN`.
    """

    arguments = {
        **{k: check for k, check in RNN.arguments.items() if k != "cell"},
        "units": positive_int,
        "use_bias": boolean,
        "dropout": fraction,
        "recurrent_dropout": fraction,
        "unit_forget_bias": boolean,
        "reset_after": boolean,
        "use_cudnn": _use_cudnn,
    }

    input_spec = InputSpec(ndim=3)

    def __init__(
        self, cell: Any, *args: Any, implementation: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(cell, *args, **kwargs)

    units = _cell_attribute("units")
    activation = _cell_attribute("activation")
    use_bias = _cell_attribute("use_bias")
    kernel_initializer = _cell_attribute("kernel_initializer")
    recurrent_initializer = _cell_attribute("recurrent_initializer")
    bias_initializer = _cell_attribute("bias_initializer")
    kernel_regularizer = _cell_attribute("kernel_regularizer")
    recurrent_regularizer = _cell_attribute("recurrent_regularizer")
    bias_regularizer = _cell_attribute("bias_regularizer")
    kernel_constraint = _cell_attribute("kernel_constraint")
    recurrent_constraint = _cell_attribute("recurrent_constraint")
    bias_constraint = _cell_attribute("bias_constraint")
    dropout = _cell_attribute("dropout")
    recurrent_dropout = _cell_attribute("recurrent_dropout")

    def build(
        self, sequences_shape: PartialShape, initial_state_shape: Any = None
    ) -> None:
        """Build the cell, and create the states of a stateful layer."""
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the current ones of the cell."""
        config = super().get_config()
        for name in ("use_cudnn", "cell", "implementation"):
            config.pop(name, None)
        cell_names = {*described_names(type(self))} - {"name", "dtype", "trainable"}
        cell = self.cell.get_config().items()
        return config | {k: v for k, v in cell if k in cell_names}


def _cell_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a layer that its cell shares."""
    return {k: options[k] for k in ("dtype", "trainable") if k in options}


class SimpleRNN(_StandardRNN):
    """Fully connected recurrent layer: `h' = activation(x @ W + h @ U + b)`.

    Args:
        units: size of the state and of the output.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of W, (features, units).
        recurrent_initializer: initializer of U, (units, units).
        bias_initializer: initializer of b, (units,).
        kernel_regularizer: penalty on W.
        recurrent_regularizer: penalty on U.
        bias_regularizer: penalty on b.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        return_sequences: whether to return the outputs of all steps or only the last.
        return_state: whether to return the last state after the output.
        go_backwards: whether to process the sequence in reverse; the outputs are then
            in reverse order.
        stateful: whether the states of each row carry over to the next batch.
        unroll: whether to unroll the loop; only useful for short sequences.
        seed: seed of the dropout.

    Shape:
        (batch, time, features) to (batch, units), or (batch, time, units) with
        `return_sequences`.

    Example:
        >>> import numpy as np
        >>> SimpleRNN(4)(np.ones((2, 5, 3))).shape
        (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units, activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed,
            name="simple_rnn_cell", **_cell_options(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip


class LSTM(_StandardRNN):
    """Long short-term memory layer.

    The gates i, f, g and o are the quarters of `x @ W + h @ U + b`. Then
    `c' = s(f) * c + s(i) * a(g)` and `h' = s(o) * a(c')`, where `a` is `activation`
    and `s` is `recurrent_activation`.

    Args:
        units: size of the states and of the output.
        activation: `a` above, a function or its name.
        recurrent_activation: `s` above, a function or its name.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of W, (features, 4 * units).
        recurrent_initializer: initializer of U, (units, 4 * units).
        bias_initializer: initializer of b, (4 * units,).
        unit_forget_bias: whether to initialize the bias of the forget gate to one.
        kernel_regularizer: penalty on W.
        recurrent_regularizer: penalty on U.
        bias_regularizer: penalty on b.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        seed: seed of the dropout.
        return_sequences: whether to return the outputs of all steps or only the last.
        return_state: whether to return the last h and c after the output.
        go_backwards: whether to process the sequence in reverse; the outputs are then
            in reverse order.
        stateful: whether the states of each row carry over to the next batch.
        unroll: whether to unroll the loop; only useful for short sequences.
        use_cudnn: accepted for Keras: `"auto"` or `False`.

    Shape:
        (batch, time, features) to (batch, units), or (batch, time, units) with
        `return_sequences`.

    Example:
        >>> import numpy as np
        >>> sequences, h, c = LSTM(4, return_sequences=True, return_state=True)(
        ...     np.ones((2, 5, 3))
        ... )
        >>> sequences.shape, h.shape, c.shape
        ((2, 5, 4), (2, 4), (2, 4))

    Reference: Hochreiter & Schmidhuber 1997,
        https://doi.org/10.1162/neco.1997.9.8.1735
    """

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: str | bool = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units, activation, recurrent_activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            unit_forget_bias,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed,
            name="lstm_cell", **_cell_options(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    recurrent_activation = _cell_attribute("recurrent_activation")
    unit_forget_bias = _cell_attribute("unit_forget_bias")


class GRU(_StandardRNN):
    """Gated recurrent unit layer.

    `h' = z * h + (1 - z) * n`, where `z = s(x @ Wz + h @ Uz + b)` is the update gate,
    r, computed likewise, the reset gate, and
    `n = a(x @ Wn + r * (h @ Un + c) + b)`, or `a(x @ Wn + (r * h) @ Un + b)` with
    `reset_after=False`; `a` is `activation` and `s` is `recurrent_activation`.

    Args:
        units: size of the state and of the output.
        activation: `a` above, a function or its name.
        recurrent_activation: `s` above, a function or its name.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of W, (features, 3 * units).
        recurrent_initializer: initializer of U, (units, 3 * units).
        bias_initializer: initializer of the biases, (2, 3 * units), or (3 * units,)
            with `reset_after=False`.
        kernel_regularizer: penalty on W.
        recurrent_regularizer: penalty on U.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of the biases after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        seed: seed of the dropout.
        return_sequences: whether to return the outputs of all steps or only the last.
        return_state: whether to return the last state after the output.
        go_backwards: whether to process the sequence in reverse; the outputs are then
            in reverse order.
        stateful: whether the states of each row carry over to the next batch.
        unroll: whether to unroll the loop; only useful for short sequences.
        reset_after: whether to apply the reset gate after the matrix product.
        use_cudnn: accepted for Keras: `"auto"` or `False`.

    Shape:
        (batch, time, features) to (batch, units), or (batch, time, units) with
        `return_sequences`.

    Example:
        >>> import numpy as np
        >>> GRU(4, return_sequences=True)(np.ones((2, 5, 3))).shape
        (2, 5, 4)

    Reference: Cho et al. 2014, https://arxiv.org/abs/1406.1078
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: str | bool = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units, activation, recurrent_activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, reset_after, seed,
            name="gru_cell", **_cell_options(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    recurrent_activation = _cell_attribute("recurrent_activation")
    reset_after = _cell_attribute("reset_after")
