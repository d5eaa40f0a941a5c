"""Recurrent cells, which compute one time step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Unpack

import jax.numpy as jnp
import numpy as np

from lamina import activations
from lamina.core.check import boolean, fraction, positive_int
from lamina.core.module import Hyperparameter
from lamina.core.random.masks import dropout
from lamina.core.random.seeds import SeedGenerator
from lamina.core.variable import Variable
from lamina.initializers.base import to_array
from lamina.layers.base import Converted, InputSpec, Layer, Options, weight
from lamina.ops.nn.cells import CellSpec, Loop, Run, Weights, matmul_by_gate
from lamina.ops.nn.recurrent import recurrence
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    DTypeLike,
    Initializer,
    InitializerLike,
    PartialShape,
    RegularizerLike,
    Shape,
)


class RecurrentCell(Layer):
    """Base class of cells whose gates are affine in the input and in the state.

    The projection of the input does not depend on the state, so a layer computes it
    for all steps at once; `spec` and `recurrent_weights` define the rest of a step.
    """

    kind: ClassVar[str]
    # The number of axes of a step's input, the batch included.
    step_ndim: ClassVar[int] = 2
    units: int
    activation: Converted[Callable[[Any], Any]] = Converted(activations.get)
    use_bias: bool
    bias_initializer: Initializer
    dropout = Hyperparameter()
    recurrent_dropout = Hyperparameter()
    seed: int | None
    kernel: Variable = weight()
    recurrent_kernel: Variable = weight("recurrent")
    bias: Variable | None = weight()
    arguments = {
        "units": positive_int,
        "use_bias": boolean,
        "dropout": fraction,
        "recurrent_dropout": fraction,
    }

    def _store_arguments(
        self, arguments: Mapping[str, object], omit: Sequence[str] = ()
    ) -> None:
        super()._store_arguments(arguments, omit)
        self.output_size = self.units
        self.state_size: int | list[int] = self.units
        self.seed_generator = SeedGenerator(self.seed)

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernels and the bias."""
        features, width = input_shape[-1], self.gates * self.units
        bias_shape = self.bias_shape if self.use_bias else None
        self._create_weight("kernel", (features, width))
        self._create_weight("recurrent_kernel", (self.units, width))
        self._create_weight("bias", bias_shape, self.initial_bias)
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias."""
        return (self.gates * self.units,)

    def initial_bias(self, shape: Shape, dtype: DTypeLike = None) -> Array:
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
        ones = jnp.ones(like.shape[-self.step_ndim :], like.dtype)
        rate, seed = getattr(self, rate_name), self.seed_generator
        return [dropout(ones, rate, seed=seed) for _ in range(self.mask_count)]

    @property
    def mask_count(self) -> int:
        """The number of dropout masks: one, or one for each gate."""
        return self.gates if vars(self)["recurrent_dropout"] else 1

    def recurrent_dropout_masks(
        self, states: Sequence[Array], training: bool | None
    ) -> list[Array]:
        """Return the dropout masks of the recurrent state."""
        return self.dropout_masks("recurrent_dropout", states[0], training)

    def project(self, inputs: Array, training: bool | None = None) -> Array:
        """Project inputs, (..., batch, features), to the gates."""
        masks = self.dropout_masks("dropout", inputs, training)
        return matmul_by_gate(inputs, self.kernel.value, masks, self.gates)

    def advance(
        self, projected: Array, states: list[Array], masks: list[Array]
    ) -> list[Array]:
        """Return the states after a step, the output first."""
        return self.recurrent_weights.advance(self.spec, projected, states, masks)

    def run(
        self, projected: Array, states: list[Array], masks: list[Array], loop: Loop
    ) -> Run:
        """Run the cell along time-major projected inputs."""
        weights = self.recurrent_weights
        return recurrence(self.spec, projected, states, weights, masks, loop)

    def call(self, inputs: Array, states: Any, training: bool | None = None) -> Any:
        is_list = isinstance(states, (list, tuple))
        old = list(states) if is_list else [states]
        masks = self.recurrent_dropout_masks(old, training)
        projected = self.project(inputs, training)
        new = self.advance(projected, old, masks)
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
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())


class LSTMGates(RecurrentCell):
    """Base class of cells with the gates of a long short-term memory."""

    recurrent_activation: Converted[Callable[[Any], Any]] = Converted(activations.get)
    unit_forget_bias: bool
    kind = "lstm"
    arguments = {**RecurrentCell.arguments, "unit_forget_bias": boolean}

    def _store_arguments(
        self, arguments: Mapping[str, object], omit: Sequence[str] = ()
    ) -> None:
        super()._store_arguments(arguments, omit)
        self.state_size = [self.units, self.units]

    def initial_bias(self, shape: Shape, dtype: DTypeLike = None) -> Array:
        """Return the initial bias: ones for the forget gate if `unit_forget_bias`."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        rest = np.asarray(self.bias_initializer((2 * self.units,), dtype=dtype))
        first = np.asarray(self.bias_initializer((self.units,), dtype=dtype))
        # NumPy concatenates, because JAX would compile three programs.
        forget = np.ones(self.units, first.dtype)
        return to_array(np.concatenate([first, forget, rest]), dtype)


class LSTMCell(LSTMGates):
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
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())


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

    recurrent_activation: Converted[Callable[[Any], Any]] = Converted(activations.get)
    reset_after: bool
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
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The kind of the cell, as `CellSpec` names it."""
        return "gru" if self.reset_after else "gru_reset_before"

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias; with `reset_after`, a second row for the state."""
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)
