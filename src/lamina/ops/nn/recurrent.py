"""Recurrent cells along time; `kernels` may register a faster kernel."""

from __future__ import annotations

from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import RecurrenceCall
from lamina.ops.nn.cells import Arrays, CellSpec, Loop, Run, Weights, run_states
from lamina.typing import Array


@register_reference("recurrence")
def reference_recurrence(call: RecurrenceCall) -> Run:
    """Run the cell step by step."""
    cell, projected, states, weights, noise, loop = call

    def advance(old: Arrays, x: Array) -> Arrays:
        return weights.advance(cell, x, old, noise)

    return run_states(advance, states, projected, loop)


def recurrence(
    cell: CellSpec,
    projected: Array,
    states: Arrays,
    weights: Weights,
    noise: Arrays,
    loop: Loop,
) -> Run:
    """Run a cell along time.

    Args:
        cell: the cell.
        projected: the inputs' part of the gates, (time, batch, gates * units).
        states: the initial states, each (batch, units).
        weights: its recurrent kernel and bias.
        noise: dropout masks of the recurrent input: none, or one for each gate.
        loop: options of the loop over time.
    """
    call = RecurrenceCall(cell, projected, states, weights, noise, loop)
    return dispatch("recurrence", call)
