"""What recurrent layers do at one step of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from lamina import activations, constraints, initializers, regularizers
from lamina.core import random
from lamina.core.check import boolean, fraction, positive_int
from lamina.core.module import Hyperparameter
from lamina.core.random import SeedGenerator
from lamina.layers.base.attributes import ActivationAttribute
from lamina.layers.base.layer import Layer
from lamina.layers.base.spec import InputSpec
from lamina.ops.nn.cells import CellSpec, Weights, matmul_by_gate

__all__ = ["GRUCell", "LSTMCell", "RecurrentCell", "SimpleRNNCell", "zero_states"]


class RecurrentCell(Layer):
    """A cell whose gates are affine in the input and in the state.

    The input's part, `project`, does not depend on the state, so a layer computes it
    for all steps at once; `rule` and `fed_back` say what is left for each step.
    """

    activation = ActivationAttribute()
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
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
        """Make the kernels and the bias."""
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
                self.first_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias."""
        return (self.gates * self.units,)

    def first_bias(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """The bias before training."""
        return self.bias_initializer(shape, dtype=dtype)

    @property
    def rule(self) -> CellSpec:
        """What the cell does, apart from its weights."""
        activation = self.activation
        gate = getattr(self, "recurrent_activation", activations.sigmoid)
        standard = activation is activations.tanh and gate is activations.sigmoid
        return CellSpec(self.kind, activation, gate, standard)

    @property
    def gates(self) -> int:
        """How many gates the cell has, the candidate included."""
        return self.rule.gates

    @property
    def fed_back(self) -> Weights:
        """The weights that are used at every step."""
        bias = None if self.bias is None else self.bias.value
        return Weights(self.recurrent_kernel.value, bias)

    def noise(self, rate: str, like: Any, training: bool | None) -> list[Any]:
        """Dropout masks for one step: none, one, or one for each gate."""
        # Whether there is dropout at all is structure; how much is a number.
        if not training or vars(self)[rate] == 0:
            return []
        count = self.gates if vars(self)["recurrent_dropout"] else 1
        ones = jnp.ones(like.shape[-2:], like.dtype)
        share, seed = getattr(self, rate), self.seed_generator
        return [random.dropout(ones, share, seed=seed) for _ in range(count)]

    def recurrent_noise(
        self, states: Sequence[Any], training: bool | None
    ) -> list[Any]:
        """Dropout masks for the output that is fed back."""
        return self.noise("recurrent_dropout", states[0], training)

    def project(self, inputs: Any, training: bool | None = None) -> Any:
        """The input's part of the gates, for one step or for many in front."""
        noise = self.noise("dropout", inputs, training)
        return matmul_by_gate(inputs, self.kernel.value, noise, self.gates)

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        nested = isinstance(states, (list, tuple))
        old = list(states) if nested else [states]
        noise = self.recurrent_noise(old, training)
        projected = self.project(inputs, training)
        new = self.fed_back.advance(self.rule, projected, old, noise)
        return new[0], (new if nested else new[0])

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Zeros for each state."""
        return zero_states(self.state_size, batch_size, self.compute_dtype)


def zero_states(state_size: Any, batch_size: int, dtype: Any) -> list[Any]:
    """Zeros for states of these sizes."""
    sizes = state_size if isinstance(state_size, (list, tuple)) else [state_size]
    return [jnp.zeros((batch_size, size), dtype) for size in sizes]


class SimpleRNNCell(RecurrentCell):
    """One step of a fully connected recurrence: `activation(x @ W + h @ U + b)`.

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
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: share of the inputs zeroed in training, the same ones at each step.
        recurrent_dropout: share of the state zeroed where it is fed back.
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
    """One step of a long short-term memory.

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
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of b after each update.
        dropout: share of the inputs zeroed in training, the same ones at each step.
        recurrent_dropout: share of the output zeroed where it is fed back.
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

    recurrent_activation = ActivationAttribute()
    kind = "lstm"
    arguments = {**RecurrentCell.arguments, "unit_forget_bias": boolean}

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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

    def first_bias(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """The bias before training: ones for the forget gate, unless told not to."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        one = (self.units,)
        forget = jnp.ones(one, dtype)
        rest = self.bias_initializer((2 * self.units,), dtype=dtype)
        return jnp.concatenate([self.bias_initializer(one, dtype=dtype), forget, rest])


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit.

    With gates z, r and a candidate n, `h' = z * h + (1 - z) * n`, where
    `z = s(x @ Wz + h @ Uz + b)`, r likewise, and
    `n = a(x @ Wn + r * (h @ Un + c) + b)`, or `a(x @ Wn + (r * h) @ Un + b)` with
    `reset_after=False`.

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
        kernel_constraint: projection of W after each update.
        recurrent_constraint: projection of U after each update.
        bias_constraint: projection of the biases after each update.
        dropout: share of the inputs zeroed in training, the same ones at each step.
        recurrent_dropout: share of the state zeroed where it is fed back.
        reset_after: whether the reset gate acts after the matrix product.
        seed: seed of the dropout.

    Shape:
        (batch, features) and [(batch, units)] to (batch, units) and [(batch, units)].

    Example:
        >>> output, states = GRUCell(4)(jnp.ones((2, 3)), [jnp.zeros((2, 4))])
        >>> output.shape
        (2, 4)

    Reference: Cho et al. 2014, https://arxiv.org/abs/1406.1078
    """

    recurrent_activation = ActivationAttribute()
    arguments = {**RecurrentCell.arguments, "reset_after": boolean}

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
        """Which of the two the cell is."""
        return "gru" if self.reset_after else "gru_reset_before"

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """One row for the input's part, and one for the state's with `reset_after`."""
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)
