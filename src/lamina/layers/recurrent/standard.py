"""The recurrent layers that are a cell of their own name run along time."""

from __future__ import annotations

from typing import Any

from lamina.core.check import Check, boolean, fraction, positive_int
from lamina.core.module import described_names
from lamina.layers.base.spec import InputSpec
from lamina.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from lamina.layers.recurrent.rnn import RNN

__all__ = ["GRU", "LSTM", "SimpleRNN"]

_use_cudnn = Check(
    "'auto' or False: XLA compiles these layers on every device",
    lambda v: v == "auto" or v is False,
    (True, "always", None),
)


def _of_cell(name: str) -> property:
    return property(
        lambda self: getattr(self.cell, name),
        lambda self, value: setattr(self.cell, name, value),
        doc=f"The cell's `{name}`.",
    )


class _Standard(RNN):
    """A recurrent layer that makes its own cell and answers for it.

    Args:
        cell: the cell.
        *args: as of `RNN`.
        implementation: ignored; code and files of older Kerases have it.
        **kwargs: as of `RNN`.
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

    units = _of_cell("units")
    activation = _of_cell("activation")
    use_bias = _of_cell("use_bias")
    kernel_initializer = _of_cell("kernel_initializer")
    recurrent_initializer = _of_cell("recurrent_initializer")
    bias_initializer = _of_cell("bias_initializer")
    kernel_regularizer = _of_cell("kernel_regularizer")
    recurrent_regularizer = _of_cell("recurrent_regularizer")
    bias_regularizer = _of_cell("bias_regularizer")
    kernel_constraint = _of_cell("kernel_constraint")
    recurrent_constraint = _of_cell("recurrent_constraint")
    bias_constraint = _of_cell("bias_constraint")
    dropout = _of_cell("dropout")
    recurrent_dropout = _of_cell("recurrent_dropout")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell, and make the states that pass from batch to batch."""
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, those of the cell as they are now."""
        config = super().get_config()
        for name in ("use_cudnn", "cell", "implementation"):
            config.pop(name, None)
        own = {"name", "dtype", "trainable"}
        of_cell = {*described_names(type(self))} - own
        cell = self.cell.get_config().items()
        return config | {k: v for k, v in cell if k in of_cell}


def _for_cell(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a layer that its cell shares."""
    return {k: options[k] for k in ("dtype", "trainable") if k in options}


class SimpleRNN(_Standard):
    """A fully connected recurrence: `h' = activation(x @ W + h @ U + b)`.

    Args:
        units: size of the state and of the output.
        activation: function of the sum.
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
        dropout: share of the inputs zeroed in training, the same ones at each step.
        recurrent_dropout: share of the state zeroed where it is fed back.
        return_sequences: whether to return the output of each step, not of the last.
        return_state: whether to return the last state too, after the output.
        go_backwards: whether to go from the last step to the first; the outputs then
            come in that order.
        stateful: whether states pass on to the next batch, row by row.
        unroll: whether to write the loop out: for short sequences only.
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
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
            name="simple_rnn_cell", **_for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip


class LSTM(_Standard):
    """A long short-term memory, which learns what to keep over many steps.

    With gates i, f, g, o, each `x @ W + h @ U + b` on its quarter of the weights:
    `c' = s(f) * c + s(i) * a(g)` and `h' = s(o) * a(c')`, where `a` is `activation`
    and `s` is `recurrent_activation`.

    Args:
        units: size of the states and of the output.
        activation: `a` above.
        recurrent_activation: `s` above.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of W, (features, 4 * units).
        recurrent_initializer: initializer of U, (units, 4 * units).
        bias_initializer: initializer of b, (4 * units,).
        unit_forget_bias: whether the forget gate's bias starts at one.
        kernel_regularizer: penalty on W.
        recurrent_regularizer: penalty on U.
        bias_regularizer: penalty on b.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: share of the inputs zeroed in training, the same ones at each step.
        recurrent_dropout: share of the output zeroed where it is fed back.
        seed: seed of the dropout.
        return_sequences: whether to return the output of each step, not of the last.
        return_state: whether to return the last h and c too, after the output.
        go_backwards: whether to go from the last step to the first; the outputs then
            come in that order.
        stateful: whether states pass on to the next batch, row by row.
        unroll: whether to write the loop out: for short sequences only.
        use_cudnn: kept for Keras's code.

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
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
            name="lstm_cell", **_for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    recurrent_activation = _of_cell("recurrent_activation")
    unit_forget_bias = _of_cell("unit_forget_bias")


class GRU(_Standard):
    """A gated recurrent unit: an LSTM's lighter relative.

    With gates z, r and a candidate n, `h' = z * h + (1 - z) * n`, where
    `z = s(x @ Wz + h @ Uz + b)`, r likewise, and
    `n = a(x @ Wn + r * (h @ Un + c) + b)`, or `a(x @ Wn + (r * h) @ Un + b)` with
    `reset_after=False`; `a` is `activation` and `s` is `recurrent_activation`.

    Args:
        units: size of the state and of the output.
        activation: `a` above.
        recurrent_activation: `s` above.
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
        dropout: share of the inputs zeroed in training, the same ones at each step.
        recurrent_dropout: share of the state zeroed where it is fed back.
        seed: seed of the dropout.
        return_sequences: whether to return the output of each step, not of the last.
        return_state: whether to return the last state too, after the output.
        go_backwards: whether to go from the last step to the first; the outputs then
            come in that order.
        stateful: whether states pass on to the next batch, row by row.
        unroll: whether to write the loop out: for short sequences only.
        reset_after: whether the reset gate acts after the matrix product.
        use_cudnn: kept for Keras's code.

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
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
            name="gru_cell", **_for_cell(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    recurrent_activation = _of_cell("recurrent_activation")
    reset_after = _of_cell("reset_after")
