"""What recurrent layers do at one step of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from lamina import activations, constraints, initializers, regularizers
from lamina.core import random
from lamina.core.check import boolean, fraction, positive_int
from lamina.core.module import Number
from lamina.core.random import SeedGenerator
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec

__all__ = ["GRUCell", "LSTMCell", "RecurrentCell", "SimpleRNNCell", "zero_states"]


class RecurrentCell(Layer):
    """A cell whose gates are affine in the input and in the state.

    The input's part, `project`, does not depend on the state, so a layer computes it
    for all steps at once; `advance` is what is left for each step.
    """

    gates: ClassVar[int] = 1
    dropout = Number()
    recurrent_dropout = Number()
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
        seed: int | SeedGenerator | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = self.output_size = units
        self.state_size: int | list[int] = units
        self.activation = activations.get(activation)
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

    def input_bias(self) -> list[Any]:
        """What is added to the projected input of each gate."""
        if self.bias is None:
            return [0] * self.gates
        return jnp.split(self.bias.value, self.gates)

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

    def project(self, inputs: Any, training: bool | None = None) -> list[Any]:
        """The input's part of each gate, for one step or for many in front."""
        noise = self.noise("dropout", inputs, training)
        projected = by_gate(inputs, self.kernel.value, noise, self.gates)
        return [x + b for x, b in zip(projected, self.input_bias(), strict=True)]

    def advance(
        self, projected: list[Any], states: list[Any], noise: list[Any]
    ) -> list[Any]:
        """The states after a step, the output first."""
        raise NotImplementedError

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        nested = isinstance(states, (list, tuple))
        old = list(states) if nested else [states]
        noise = self.recurrent_noise(old, training)
        new = self.advance(self.project(inputs, training), old, noise)
        return new[0], (new if nested else new[0])

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Zeros for each state."""
        return zero_states(self.state_size, batch_size, self.compute_dtype)


def zero_states(state_size: Any, batch_size: int, dtype: Any) -> list[Any]:
    """Zeros for states of these sizes."""
    sizes = state_size if isinstance(state_size, (list, tuple)) else [state_size]
    return [jnp.zeros((batch_size, size), dtype) for size in sizes]


def by_gate(inputs: Any, kernel: Any, noise: Sequence[Any], gates: int) -> list[Any]:
    """`inputs @ kernel`, cut into gates, with one dropout mask for all or one each."""
    # Gates that lie apart make the loop's elementwise part a third faster on a CPU.
    if len(noise) <= 1:
        product = _product(inputs * noise[0] if noise else inputs, kernel)
        return jnp.split(product, gates, axis=-1)
    parts = zip(noise, jnp.split(kernel, gates, axis=-1), strict=True)
    return [_product(inputs * mask, part) for mask, part in parts]


def _product(inputs: Any, kernel: Any) -> Any:
    # As one matrix: XLA's gradient of a batch of products takes a tenth longer.
    flat = inputs.reshape(-1, inputs.shape[-1]) @ kernel
    return flat.reshape(*inputs.shape[:-1], kernel.shape[-1])


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

    def advance(self, projected: Any, states: list[Any], noise: list[Any]) -> list[Any]:
        """The states after a step, the output first."""
        (fed_back,) = by_gate(states[0], self.recurrent_kernel.value, noise, 1)
        return [self.activation(projected[0] + fed_back)]


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

    gates = 4
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
        seed: int | SeedGenerator | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
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

    def advance(self, projected: Any, states: list[Any], noise: list[Any]) -> list[Any]:
        """The states after a step, the output first."""
        h, c = states
        fed_back = by_gate(h, self.recurrent_kernel.value, noise, 4)
        i, f, g, o = (x + y for x, y in zip(projected, fed_back, strict=True))
        gate, squash = self.recurrent_activation, self.activation
        c = gate(f) * c + gate(i) * squash(g)
        return [gate(o) * squash(c), c]


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

    gates = 3
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
        seed: int | SeedGenerator | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation, use_bias,
            kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """One row for the input's part, and one for the state's with `reset_after`."""
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)

    def input_bias(self) -> list[Any]:
        """What is added to the projected input of each gate."""
        if self.bias is None or not self.reset_after:
            return super().input_bias()
        return jnp.split(self.bias.value[0], 3)

    def advance(
        self, projected: list[Any], states: list[Any], noise: list[Any]
    ) -> list[Any]:
        """The states after a step, the output first."""
        x_z, x_r, x_n = projected
        h, kernel = states[0], self.recurrent_kernel.value
        gate = self.recurrent_activation
        if self.reset_after:
            h_z, h_r, h_n = by_gate(h, kernel, noise, 3)
            if self.bias is not None:
                b_z, b_r, b_n = jnp.split(self.bias.value[1], 3)
                h_z, h_r, h_n = h_z + b_z, h_r + b_r, h_n + b_n
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            candidate = self.activation(x_n + r * h_n)
        else:
            to_gates, to_candidate = jnp.split(kernel, [2 * self.units], axis=-1)
            h_z, h_r = by_gate(h, to_gates, noise[:2], 2)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            (h_n,) = by_gate(r * h, to_candidate, noise[2:], 1)
            candidate = self.activation(x_n + h_n)
        return [z * h + (1 - z) * candidate]
