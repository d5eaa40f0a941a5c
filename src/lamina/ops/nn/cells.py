"""Steps of the recurrent cells, and loops over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from lamina.typing import Array, PyTree

Arrays: TypeAlias = list[Array]


class CellSpec(NamedTuple):
    """Recurrent cell without its weights.

    Args:
        kind: "simple", "lstm", "gru", or "gru_reset_before".
        activation: activation of candidates and outputs.
        gate: activation of gates.
        standard: whether these two are tanh and the logistic function.
    """

    kind: str
    activation: Callable[[Any], Any]
    gate: Callable[[Any], Any]
    standard: bool

    @property
    def gates(self) -> int:
        """Number of gates, the candidate included."""
        return {"simple": 1, "lstm": 4}.get(self.kind, 3)


class Weights(NamedTuple):
    """Recurrent kernel and bias of a cell.

    Args:
        kernel: (units, gates * units).
        bias: (gates * units,) or `None`; kind "gru" has a second row, for the
            recurrent part.
    """

    kernel: Any
    bias: Any

    def biases(self, cell: CellSpec) -> tuple[Any, Any]:
        """Return the biases of the projected inputs and of the recurrent part."""
        if self.bias is None:
            return 0, 0
        return tuple(self.bias) if cell.kind == "gru" else (self.bias, 0)

    def advance(
        self, cell: CellSpec, projected: Array, states: Arrays, noise: Arrays
    ) -> Arrays:
        """Return the states after a step, the output first.

        Args:
            cell: the cell.
            projected: the inputs' part of the gates, (batch, gates * units).
            states: each (batch, units).
            noise: dropout masks of the recurrent input: none, or one for each gate.
        """
        input_bias, recurrent_bias = self.biases(cell)
        x = jnp.split(projected + input_bias, cell.gates, -1)
        if cell.kind == "gru_reset_before":
            return _gru_reset_before(cell, x, states[0], self.kernel, noise)
        u = matmul_by_gate(states[0], self.kernel, noise, cell.gates) + recurrent_bias
        return _STEPS[cell.kind](cell, x, jnp.split(u, cell.gates, -1), states)


def matmul_by_gate(x: Array, kernel: Array, noise: Arrays, gates: int) -> Array:
    """Compute `x @ kernel` with one dropout mask for all gates, or one for each."""
    if len(noise) <= 1:
        return _matmul_flat(x * noise[0] if noise else x, kernel)
    parts = zip(noise, jnp.split(kernel, gates, -1), strict=True)
    return jnp.concatenate([_matmul_flat(x * mask, part) for mask, part in parts], -1)


def _matmul_flat(x: Array, kernel: Array) -> Array:
    # XLA's gradient of a batched product takes a tenth longer than that of a matrix.
    flat = x.reshape(-1, x.shape[-1]) @ kernel
    return flat.reshape(*x.shape[:-1], kernel.shape[-1])


def _simple(cell: CellSpec, x: Arrays, u: Arrays, states: Arrays) -> Arrays:
    return [cell.activation(x[0] + u[0])]


def lstm_step(cell: CellSpec, x: Arrays, u: Arrays, states: Arrays) -> Arrays:
    """Return the output and the memory after a step of an LSTM.

    Args:
        cell: the cell.
        x: the inputs' parts of the gates i, f, g and o.
        u: the recurrent parts of the gates.
        states: the last output and the memory.
    """
    i, f, g, o = (a + b for a, b in zip(x, u, strict=True))
    c = cell.gate(f) * states[1] + cell.gate(i) * cell.activation(g)
    return [cell.gate(o) * cell.activation(c), c]


def _gru(cell: CellSpec, x: Arrays, u: Arrays, states: Arrays) -> Arrays:
    z, r = cell.gate(x[0] + u[0]), cell.gate(x[1] + u[1])
    candidate = cell.activation(x[2] + r * u[2])
    return [z * states[0] + (1 - z) * candidate]


_STEPS = {"simple": _simple, "lstm": lstm_step, "gru": _gru}


def _gru_reset_before(
    cell: CellSpec, x: Arrays, h: Array, kernel: Array, noise: Arrays
) -> Arrays:
    gate_kernel, candidate_kernel = jnp.split(kernel, [2 * h.shape[-1]], -1)
    u = jnp.split(matmul_by_gate(h, gate_kernel, noise[:2], 2), 2, -1)
    z, r = cell.gate(x[0] + u[0]), cell.gate(x[1] + u[1])
    candidate = cell.activation(
        x[2] + matmul_by_gate(r * h, candidate_kernel, noise[2:], 1)
    )
    return [z * h + (1 - z) * candidate]


class Loop(NamedTuple):
    """Options of a loop over time.

    Args:
        mask: (time, batch) booleans; the states of a row do not change where false.
        reverse: whether to run from the last step to the first.
        unroll: whether to unroll the loop, or how many steps of it.
        zero_masked: whether masked steps output zeros instead of the last output.
        keep_outputs: whether to return the output of each step.
    """

    mask: Any = None
    reverse: bool = False
    unroll: bool | int = False
    zero_masked: bool = False
    keep_outputs: bool = True


class Run(NamedTuple):
    """Result of a recurrence."""

    outputs: Any  # (time, batch, ...) in the order of the inputs, or None
    last: Any  # the output of the step computed last
    states: Any


def run_states(
    advance: Callable[[list[Any], Any], list[Any]],
    states: list[Any],
    inputs: PyTree,
    loop: Loop,
    scan: Callable[..., Any] = lax.scan,
) -> Run:
    """Run a recurrence along time; the first of the states is the output.

    Args:
        advance: takes the states and the inputs of one step, returns the new states.
        states: the initial states.
        inputs: (time, batch, ...).
        loop: options of the loop.
        scan: replacement for `lax.scan`.
    """

    def body(old: list[Any], step: tuple[Array, Array | None]) -> tuple[list[Any], Any]:
        step_inputs, mask = step
        new = advance(old, step_inputs)
        if mask is not None:
            new = jax.tree.map(lambda n, o: select_states(mask, n, o), new, old)
        return new, new[0] if loop.keep_outputs else None

    states, outputs = scan(
        body, states, (inputs, loop.mask), reverse=loop.reverse, unroll=loop.unroll
    )
    return collect_run(outputs, states, loop)


def collect_run(outputs: Array | None, states: Arrays, loop: Loop) -> Run:
    """Make the result of a loop, with masked outputs zeroed if `loop` asks for it."""
    last = states[0]
    if loop.mask is not None and loop.zero_masked:
        if outputs is not None:
            outputs = select_states(loop.mask, outputs, jnp.zeros_like(outputs))
        last_mask = loop.mask[0 if loop.reverse else -1]
        last = select_states(last_mask, last, jnp.zeros_like(last))
    return Run(outputs, last, states)


def select_states(mask: Array, new: Array, old: Array) -> Array:
    """Select `new` where `mask`, which has the leading axes, is true, else `old`."""
    return jnp.where(mask.reshape(mask.shape + (1,) * (new.ndim - mask.ndim)), new, old)
