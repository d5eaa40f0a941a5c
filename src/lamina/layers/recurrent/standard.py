"""`SimpleRNN`, `LSTM` and `GRU`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from lamina.core.check import Check
from lamina.core.custom_objects import snake_case
from lamina.core.module import described_names, signature
from lamina.core.registry import serialize
from lamina.layers.base import InputSpec
from lamina.layers.recurrent.cells import (
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
)
from lamina.layers.recurrent.rnn import RNN
from lamina.typing import (
    ActivationLike,
    Config,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    PyTree,
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


def _select(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given arguments that a function has."""
    names = _parameters(function)
    return {name: value for name, value in given.items() if name in names}


def _parameters(function: Callable[..., Any]) -> set[str]:
    return signature(function).parameters.keys() - {"self", "kwargs"}


class StandardRNN(RNN):
    """Base class of recurrent layers that create their cell.

    `class LSTM(StandardRNN, cell=LSTMCell)` has the cell's arguments as attributes.

    Args:
        arguments: `locals()` of the layer's constructor.
        implementation: accepted for older versions of Keras, and ignored.
        **kwargs: arguments of `RNN`.
    """

    cell_type: ClassVar[type[RecurrentCell]]
    cell_name: ClassVar[str] = ""  # derived from the class if empty
    cell_arguments: ClassVar[set[str]]
    units: int
    activation: Callable[[Any], Any]
    use_bias: bool
    dropout: float
    recurrent_dropout: float
    arguments = {
        **{k: check for k, check in RNN.arguments.items() if k != "cell"},
        "use_cudnn": _use_cudnn,
    }

    def __init_subclass__(
        cls, cell: type[RecurrentCell] | None = None, **kwargs: object
    ) -> None:
        super().__init_subclass__(**kwargs)
        if cell is not None:
            cls.cell_type = cell
            cls.cell_name = cls.cell_name or snake_case(cell.__name__)
            cls.arguments = {**cls.arguments, **cell.arguments}
            cls.input_spec = InputSpec(ndim=cell.step_ndim + 1)
            cls.cell_arguments = _parameters(cell.__init__)
            for name in cls.cell_arguments:
                setattr(cls, name, _cell_attribute(name))

    def __init__(
        self,
        arguments: Mapping[str, Any],
        /,
        implementation: object = None,
        **kwargs: Any,
    ) -> None:
        shared = {k: kwargs[k] for k in ("dtype", "trainable") if k in kwargs}
        shared["name"] = self.cell_name
        cell = self.cell_type(**_select(self.cell_type.__init__, arguments), **shared)
        kwargs["activity_regularizer"] = arguments["activity_regularizer"]
        super().__init__(cell, **_select(RNN.__init__, arguments), **kwargs)

    def build(
        self, sequences_shape: PartialShape, initial_state_shape: PyTree = None
    ) -> None:
        """Build the cell, and create the states of a stateful layer."""
        super().build(sequences_shape, initial_state_shape)
        sizes = enumerate(sequences_shape[2:], 2 - len(sequences_shape))
        self.input_spec = InputSpec(ndim=len(sequences_shape), axes=dict(sizes))

    def get_config(self) -> Config:
        """Return the constructor's arguments, with the current ones of the cell."""
        config = super().get_config()
        for name in ("use_cudnn", "cell", "implementation"):
            config.pop(name, None)
        cell = vars(self.cell)
        names = [n for n in described_names(type(self)) if n in self.cell_arguments]
        return config | {n: serialize(cell[n]) for n in names}


class SimpleRNN(StandardRNN, cell=SimpleRNNCell):
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
        super().__init__(locals(), **kwargs)


class LSTM(StandardRNN, cell=LSTMCell):
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
        super().__init__(locals(), **kwargs)


class GRU(StandardRNN, cell=GRUCell):
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
        super().__init__(locals(), **kwargs)
