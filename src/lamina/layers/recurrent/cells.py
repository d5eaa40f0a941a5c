"""Recurrent cells, which compute one time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from lamina import activations, constraints, initializers, regularizers
from lamina.core.check import boolean, fraction, positive_int
from lamina.core.module import Hyperparameter
from lamina.core.random.masks import dropout
from lamina.core.random.seeds import SeedGenerator
from lamina.layers.base.attributes import Converted
from lamina.layers.base.layer import Layer
from lamina.layers.base.spec import InputSpec
from lamina.ops.nn.cells import CellSpec, Weights, matmul_by_gate
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
)


class RecurrentCell(Layer):
    """Base class of cells whose gates are affine in the input and in the state.

    The projection of the input does not depend on the state, so a layer computes it
    for all steps at once; `spec` and `recurrent_weights` define the rest of a step.

    Args:
        units: size of the state and of the output.
        activation: activation of the candidate and the output.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernel.
        recurrent_initializer: initializer of the recurrent kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: fraction of the inputs to drop in training.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        seed: seed of the dropout.
    """

    activation = Converted(activations.get)
    kind: ClassVar[str]
    dropout = Hyperparameter()
    recurrent_dropout = Hyperparameter()
    arguments = {
        "units": positive_int,
        "use_bias": boolean,
        "dropout": fraction,
        "recurrent_dropout": fraction,
    }

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
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = self.output_size = units
        self.state_size: int | list[int] = units
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the kernels and the bias."""
        features, width = input_shape[-1], self.gates * self.units
        self.kernel = self.add_weight(
            (features, width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape,
                self.initial_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias."""
        return (self.gates * self.units,)

    def initial_bias(self, shape: Sequence[int], dtype: DTypeLike = None) -> Array:
        """Return the initial bias."""
        return self.bias_initializer(shape, dtype=dtype)

    @property
    def spec(self) -> CellSpec:
        """The kind and the activations of the cell."""
        activation = self.activation
        gate = getattr(self, "recurrent_activation", activations.sigmoid)
        standard = activation is activations.tanh and gate is activations.sigmoid
        return CellSpec(self.kind, activation, gate, standard)

    @property
    def gates(self) -> int:
        """The number of gates, the candidate included."""
        return self.spec.gates

    @property
    def recurrent_weights(self) -> Weights:
        """The weights that each step uses."""
        bias = None if self.bias is None else self.bias.value
        return Weights(self.recurrent_kernel.value, bias)

    def dropout_masks(
        self, rate_name: str, like: Array, training: bool | None
    ) -> list[Array]:
        """Return the dropout masks of a step: none, one, or one for each gate."""
        # The rate may be traced; `vars` holds its Python value.
        if not training or vars(self)[rate_name] == 0:
            return []
        count = self.gates if vars(self)["recurrent_dropout"] else 1
        ones = jnp.ones(like.shape[-2:], like.dtype)
        rate, seed = getattr(self, rate_name), self.seed_generator
        return [dropout(ones, rate, seed=seed) for _ in range(count)]

    def recurrent_dropout_masks(
        self, states: Sequence[Array], training: bool | None
    ) -> list[Array]:
        """Return the dropout masks of the recurrent state."""
        return self.dropout_masks("recurrent_dropout", states[0], training)

    def project(self, inputs: Array, training: bool | None = None) -> Array:
        """Project inputs, (..., batch, features), to the gates."""
        masks = self.dropout_masks("dropout", inputs, training)
        return matmul_by_gate(inputs, self.kernel.value, masks, self.gates)

    def call(self, inputs: Array, states: Any, training: bool | None = None) -> Any:
        is_list = isinstance(states, (list, tuple))
        old = list(states) if is_list else [states]
        masks = self.recurrent_dropout_masks(old, training)
        projected = self.project(inputs, training)
        new = self.recurrent_weights.advance(self.spec, projected, old, masks)
        return new[0], (new if is_list else new[0])

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return zeros for each state."""
        return zero_states(self.state_size, batch_size, self.compute_dtype)


def zero_states(
    state_size: int | Sequence[int], batch_size: int, dtype: DTypeLike
) -> list[Array]:
    """Return zeros for states of these sizes."""
    sizes = state_size if isinstance(state_size, (list, tuple)) else [state_size]
    return [jnp.zeros((batch_size, size), dtype) for size in sizes]


class SimpleRNNCell(RecurrentCell):
    """Cell of `SimpleRNN`: `h' = activation(x @ W + h @ U + b)`.

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
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        seed: seed of the dropout.

    Shape:
        (batch, features) and [(batch, units)] to (batch, units) and [(batch, units)].

    Example:
        >>> output, states = SimpleRNNCell(4)(jnp.ones((2, 3)), [jnp.zeros((2, 4))])
        >>> output.shape
        (2, 4)
    """

    kind = "simple"


class LSTMCell(RecurrentCell):
    """Cell of `LSTM`, a long short-term memory.

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
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        seed: seed of the dropout.

    Shape:
        (batch, features) and [h, c] to h and [h, c], each (batch, units).

    Example:
        >>> states = [jnp.zeros((2, 4)), jnp.zeros((2, 4))]
        >>> output, (h, c) = LSTMCell(4)(jnp.ones((2, 3)), states)
        >>> c.shape
        (2, 4)

    Reference: Hochreiter & Schmidhuber 1997,
        https://doi.org/10.1162/neco.1997.9.8.1735
    """

    recurrent_activation = Converted(activations.get)
    kind = "lstm"
    arguments = {**RecurrentCell.arguments, "unit_forget_bias": boolean}

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
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = recurrent_activation
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [units, units]

    def initial_bias(self, shape: Sequence[int], dtype: DTypeLike = None) -> Array:
        """Return the initial bias: ones for the forget gate if `unit_forget_bias`."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        forget = jnp.ones((self.units,), dtype)
        rest = self.bias_initializer((2 * self.units,), dtype=dtype)
        first = self.bias_initializer((self.units,), dtype=dtype)
        return jnp.concatenate([first, forget, rest])


class GRUCell(RecurrentCell):
    """Cell of `GRU`, a gated recurrent unit.

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
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of the biases after each update.
        dropout: fraction of the inputs to drop in training, the same at each step.
        recurrent_dropout: fraction of the recurrent state to drop in training.
        reset_after: whether to apply the reset gate after the matrix product.
        seed: seed of the dropout.

    Shape:
        (batch, features) and [(batch, units)] to (batch, units) and [(batch, units)].

    Example:
        >>> output, states = GRUCell(4)(jnp.ones((2, 3)), [jnp.zeros((2, 4))])
        >>> output.shape
        (2, 4)

    Reference: Cho et al. 2014, https://arxiv.org/abs/1406.1078
    """

    recurrent_activation = Converted(activations.get)
    arguments = {**RecurrentCell.arguments, "reset_after": boolean}

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
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = recurrent_activation
        self.reset_after = reset_after

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The kind of the cell, as `CellSpec` names it."""
        return "gru" if self.reset_after else "gru_reset_before"

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias; with `reset_after`, a second row for the state."""
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)
