"""What recurrent layers do at one step of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from lamina import activations, constraints, initializers, regularizers
from lamina.core import random
from lamina.core.check import Check, boolean, fraction, positive_int
from lamina.core.module import Number
from lamina.core.random import SeedGenerator
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec

__all__ = [
    "GRUCell",
    "LSTMCell",
    "RecurrentCell",
    "SimpleRNNCell",
    "StackedRNNCells",
    "is_cell",
]


def is_cell(value: Any) -> bool:
    """Whether an object can be the cell of an `RNN`."""
    return hasattr(value, "call") and hasattr(value, "state_size")


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

    def input_bias(self) -> Any:
        """What is added to the projected input."""
        return 0 if self.bias is None else self.bias.value

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
        """The input's part of all gates, for one step or for many in front."""
        noise = self.noise("dropout", inputs, training)
        return by_gate(inputs, self.kernel.value, noise) + self.input_bias()

    def advance(self, projected: Any, states: list[Any], noise: list[Any]) -> list[Any]:
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


def by_gate(inputs: Any, kernel: Any, noise: Sequence[Any]) -> Any:
    """`inputs @ kernel`, the inputs dropped out alike for all gates or for each."""
    if not noise:
        return inputs @ kernel
    parts = jnp.split(kernel, len(noise), axis=-1)
    products = [(inputs * mask) @ part for mask, part in zip(noise, parts, strict=True)]
    return jnp.concatenate(products, -1)


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
        fed_back = by_gate(states[0], self.recurrent_kernel.value, noise)
        return [self.activation(projected + fed_back)]


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
        z = projected + by_gate(h, self.recurrent_kernel.value, noise)
        i, f, g, o = jnp.split(z, 4, axis=-1)
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

    def input_bias(self) -> Any:
        """What is added to the projected input."""
        bias = super().input_bias()
        return bias[0] if self.use_bias and self.reset_after else bias

    def advance(self, projected: Any, states: list[Any], noise: list[Any]) -> list[Any]:
        """The states after a step, the output first."""
        h = states[0]
        gate = self.recurrent_activation
        x_z, x_r, x_n = jnp.split(projected, 3, axis=-1)
        kernel = self.recurrent_kernel.value
        if self.reset_after:
            fed_back = by_gate(h, kernel, noise)
            if self.bias is not None:
                fed_back = fed_back + self.bias.value[1]
            h_z, h_r, h_n = jnp.split(fed_back, 3, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            candidate = self.activation(x_n + r * h_n)
        else:
            to_gates, to_candidate = jnp.split(kernel, [2 * self.units], axis=-1)
            h_z, h_r = jnp.split(by_gate(h, to_gates, noise[:2]), 2, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            candidate = self.activation(x_n + by_gate(r * h, to_candidate, noise[2:]))
        return [z * h + (1 - z) * candidate]


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before.

    Args:
        cells: the cells, the one next to the input first.

    Example:
        >>> stack = StackedRNNCells([LSTMCell(4), GRUCell(2)])
        >>> stack.state_size
        [[4, 4], 2]

    Raises:
        ArgumentError: there are no cells, or something else is among them.
    """

    arguments = {
        "cells": Check(
            "a list of cells, objects with `call` and `state_size`",
            lambda v: (
                isinstance(v, (list, tuple)) and len(v) > 0 and all(map(is_cell, v))
            ),
            (3, (), ("LSTMCell",)),
        )
    }

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of each cell's states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build the cells."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Where each cell begins."""
        return [
            first_states(cell, batch_size, self.compute_dtype) for cell in self.cells
        ]

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        new_states = []
        for cell, old in zip(self.cells, states, strict=True):
            run = cell if callable(cell) else cell.call
            inputs, new = run(inputs, old)
            new_states.append(new)
        return inputs, new_states


def output_size_of(cell: Any) -> int:
    """The size of a cell's output: that of its first state unless it says another."""
    size = getattr(cell, "output_size", None) or cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def first_states(cell: Any, batch_size: int, dtype: Any) -> list[Any]:
    """Where a cell begins: what it says itself, else zeros."""
    if not hasattr(cell, "get_initial_state"):
        return zero_states(cell.state_size, batch_size, dtype)
    states = cell.get_initial_state(batch_size=batch_size)
    return list(states) if isinstance(states, (list, tuple)) else [states]
