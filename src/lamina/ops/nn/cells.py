"""One step of the recurrent cells, and loops over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

__all__ = [
    "Loop",
    "CellSpec",
    "Run",
    "Weights",
    "by_gate",
    "choose",
    "finished",
    "run_states",
]


class CellSpec(NamedTuple):
    """A cell without its weights.

    Args:
        kind: "simple", "lstm", "gru", or "gru_reset_before".
        activation: function of candidates and outputs.
        gate: function of gates.
        standard: whether these two are tanh and the logistic function.
    """

    kind: str
    activation: Callable[[Any], Any]
    gate: Callable[[Any], Any]
    standard: bool

    @property
    def gates(self) -> int:
        """How many gates there are, the candidate included."""
        return {"simple": 1, "lstm": 4}.get(self.kind, 3)


class Weights(NamedTuple):
    """What a cell multiplies its fed back output by, and what it adds to its gates.

    Args:
        kernel: (units, gates * units).
        bias: (gates * units,) or none; kind "gru" has a second row, for what is fed
            back.
    """

    kernel: Any
    bias: Any

    def biases(self, rule: CellSpec) -> tuple[Any, Any]:
        """What is added to the projected inputs, and to what is fed back."""
        if self.bias is None:
            return 0, 0
        return tuple(self.bias) if rule.kind == "gru" else (self.bias, 0)

    def advance(
        self, rule: CellSpec, projected: Any, states: list[Any], noise: Sequence[Any]
    ) -> list[Any]:
        """The states after a step, the output first.

        Args:
            rule: the cell.
            projected: the inputs' part of the gates, (batch, gates * units).
            states: each (batch, units).
            noise: dropout masks of the output fed back: none, or one for each gate.
        """
        to_inputs, to_fed_back = self.biases(rule)
        x = jnp.split(projected + to_inputs, rule.gates, -1)
        if rule.kind == "gru_reset_before":
            return _gru_reset_before(rule, x, states[0], self.kernel, noise)
        u = by_gate(states[0], self.kernel, noise, rule.gates) + to_fed_back
        return _STEPS[rule.kind](rule, x, jnp.split(u, rule.gates, -1), states)


def by_gate(x: Any, kernel: Any, noise: Sequence[Any], gates: int) -> Any:
    """`x @ kernel`, with one dropout mask for all gates, or one for each."""
    if len(noise) <= 1:
        return _product(x * noise[0] if noise else x, kernel)
    parts = zip(noise, jnp.split(kernel, gates, -1), strict=True)
    return jnp.concatenate([_product(x * mask, part) for mask, part in parts], -1)


def _product(x: Any, kernel: Any) -> Any:
    # As one matrix: XLA's gradient of a batch of products takes a tenth longer.
    flat = x.reshape(-1, x.shape[-1]) @ kernel
    return flat.reshape(*x.shape[:-1], kernel.shape[-1])


def _simple(rule: CellSpec, x: Any, u: Any, states: list[Any]) -> list[Any]:
    return [rule.activation(x[0] + u[0])]


def _lstm(rule: CellSpec, x: Any, u: Any, states: list[Any]) -> list[Any]:
    i, f, g, o = (a + b for a, b in zip(x, u, strict=True))
    c = rule.gate(f) * states[1] + rule.gate(i) * rule.activation(g)
    return [rule.gate(o) * rule.activation(c), c]


def _gru(rule: CellSpec, x: Any, u: Any, states: list[Any]) -> list[Any]:
    z, r = rule.gate(x[0] + u[0]), rule.gate(x[1] + u[1])
    candidate = rule.activation(x[2] + r * u[2])
    return [z * states[0] + (1 - z) * candidate]


_STEPS = {"simple": _simple, "lstm": _lstm, "gru": _gru}


def _gru_reset_before(
    rule: CellSpec, x: Any, h: Any, kernel: Any, noise: Sequence[Any]
) -> list[Any]:
    to_gates, to_candidate = jnp.split(kernel, [2 * h.shape[-1]], -1)
    u = jnp.split(by_gate(h, to_gates, noise[:2], 2), 2, -1)
    z, r = rule.gate(x[0] + u[0]), rule.gate(x[1] + u[1])
    candidate = rule.activation(x[2] + by_gate(r * h, to_candidate, noise[2:], 1))
    return [z * h + (1 - z) * candidate]


class Loop(NamedTuple):
    """How a recurrence goes along time.

    Args:
        mask: (time, batch) truth values; where false, a row keeps its states.
        reverse: whether to go from the last step to the first.
        unroll: whether to write the loop out, step after step, or how many steps of it.
        zero_masked: whether masked steps output zeros instead of the kept state.
        keep_outputs: whether the output of each step is wanted.
    """

    mask: Any = None
    reverse: bool = False
    unroll: bool | int = False
    zero_masked: bool = False
    keep_outputs: bool = True


class Run(NamedTuple):
    """What a recurrence gave."""

    outputs: Any  # (time, batch, ...) in the order of the inputs; None if not kept
    last: Any  # the output of the step computed last
    states: Any


def run_states(
    advance: Callable[[list[Any], Any], list[Any]],
    states: list[Any],
    inputs: Any,
    loop: Loop,
    scan: Callable[..., Any] = lax.scan,
) -> Run:
    """Advance states along time; the first of the states is the output.

    Args:
        advance: takes the states and the inputs of one step, returns the new states.
        states: where to begin.
        inputs: (time, batch, ...).
        loop: how to go.
        scan: what else to use than `lax.scan`.
    """

    def body(old: list[Any], step: Any) -> tuple[list[Any], Any]:
        step_inputs, keep = step
        new = advance(old, step_inputs)
        if keep is not None:
            new = jax.tree.map(lambda n, o: choose(keep, n, o), new, old)
        return new, new[0] if loop.keep_outputs else None

    states, outputs = scan(
        body, states, (inputs, loop.mask), reverse=loop.reverse, unroll=loop.unroll
    )
    return finished(outputs, states, loop)


def finished(outputs: Any, states: list[Any], loop: Loop) -> Run:
    """What a loop gave, with zeros for masked outputs if they are wanted."""
    last = states[0]
    if loop.mask is not None and loop.zero_masked:
        if loop.keep_outputs:
            outputs = choose(loop.mask, outputs, jnp.zeros_like(outputs))
        end = loop.mask[0 if loop.reverse else -1]
        last = choose(end, last, jnp.zeros_like(last))
    return Run(outputs, last, states)


def choose(keep: Any, new: Any, old: Any) -> Any:
    """`new` where `keep`, whose axes are the first ones, is true, else `old`."""
    return jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), new, old)
