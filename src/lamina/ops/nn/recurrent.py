"""Recurrent cells along time; `kernels` may register a faster kernel."""

from __future__ import annotations

from functools import partial
from types import FunctionType
from typing import Any

import jax
from jax.core import Tracer

from lamina import config
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
    arrays = projected, states, weights, noise, loop.mask
    loop = loop._replace(mask=None)
    is_traced = any(isinstance(array, Tracer) for array in jax.tree.leaves(arrays))
    if is_traced or not (_is_pure(cell.activation) and _is_pure(cell.gate)):
        return _recurrence(cell, loop, arrays)
    return _compiled_recurrence(cell, loop, arrays, config.kernel("recurrence"))


def _is_pure(activation: object) -> bool:
    """Return whether an activation is a function of lamina; others may read weights."""
    is_function = isinstance(activation, FunctionType)
    return is_function and activation.__module__.startswith("lamina.")


def _recurrence(cell: CellSpec, loop: Loop, arrays: tuple[Any, ...]) -> Run:
    projected, states, weights, noise, mask = arrays
    loop = loop._replace(mask=mask)
    call = RecurrenceCall(cell, projected, states, weights, noise, loop)
    return dispatch("recurrence", call)


@partial(jax.jit, static_argnums=(0, 1, 3))
def _compiled_recurrence(
    cell: CellSpec, loop: Loop, arrays: tuple[Any, ...], kernel: str | None
) -> Run:
    """Run a recurrence of arrays that nothing traces.

    JAX would compile the loop again in each call, since its body is a new function.
    """
    return _recurrence(cell, loop, arrays)
