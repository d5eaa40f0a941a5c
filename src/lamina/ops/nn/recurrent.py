"""Recurrent cells along time; `kernels` may know a faster form."""

from __future__ import annotations

from typing import Any

from lamina.ops.kernels import call, reference
from lamina.ops.nn.cells import CellSpec, Loop, Run, Weights, run_states

__all__ = ["recurrence"]


@reference("recurrence")
def reference_recurrence(
    rule: CellSpec,
    projected: Any,
    states: list[Any],
    weights: Weights,
    noise: list[Any],
    loop: Loop,
) -> Run:
    """Step after step, as the cell does it."""

    def advance(old: list[Any], x: Any) -> list[Any]:
        return weights.advance(rule, x, old, noise)

    return run_states(advance, states, projected, loop)


def recurrence(
    rule: CellSpec,
    projected: Any,
    states: list[Any],
    weights: Weights,
    noise: list[Any],
    loop: Loop,
) -> Run:
    """Run a cell along time.

    Args:
        rule: the cell.
        projected: the inputs' part of the gates, (time, batch, gates * units).
        states: where to begin, each (batch, units).
        weights: what it multiplies what is fed back by, and adds to its gates.
        noise: dropout masks of the output fed back: none, or one for each gate.
        loop: how to go along time.
    """
    return call("recurrence", rule, projected, states, weights, noise, loop)
