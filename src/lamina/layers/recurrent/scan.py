"""Loops over time, compiled as `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.scope import StateScope, local
from lamina.core.stateless import bind
from lamina.core.variable import Variable

__all__ = ["Loop", "Run", "rehearse", "run_states", "stateful_scan"]


class Loop(NamedTuple):
    """How a recurrence goes along time.

    Args:
        mask: (time, batch) truth values; where false, a row keeps its states.
        reverse: whether to go from the last step to the first.
        unroll: whether to write the loop out, step after step.
        zero_masked: whether masked steps output zeros instead of the kept state.
        keep_outputs: whether the output of each step is wanted.
    """

    mask: Any = None
    reverse: bool = False
    unroll: bool = False
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
        scan: `stateful_scan` if steps assign variables or add losses.
    """

    def visible(output: Any, keep: Any) -> Any:
        if keep is None or not loop.zero_masked:
            return output
        return _choose(keep, output, jnp.zeros_like(output))

    def body(old: list[Any], step: Any) -> tuple[list[Any], Any]:
        step_inputs, keep = step
        new = advance(old, step_inputs)
        if keep is not None:
            new = jax.tree.map(lambda n, o: _choose(keep, n, o), new, old)
        return new, (visible(new[0], keep) if loop.keep_outputs else None)

    states, outputs = scan(
        body, states, (inputs, loop.mask), reverse=loop.reverse, unroll=loop.unroll
    )
    end = 0 if loop.reverse else -1
    last_mask = None if loop.mask is None else loop.mask[end]
    return Run(outputs, visible(states[0], last_mask), states)


def _choose(keep: Any, new: Any, old: Any) -> Any:
    return jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), new, old)


def rehearse(function: Callable[..., Any], *args: Any) -> tuple[Any, list[Variable]]:
    """What a call would return, as shapes, and the variables it would assign."""
    with StateScope() as scope:
        result, _ = jax.eval_shape(
            lambda *values: _call_apart(function, *values), *args
        )
    return result, list(scope.assigned.values())


def stateful_scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any,
    reverse: bool = False,
    unroll: bool = False,
) -> tuple[Any, Any]:
    """`lax.scan` whose steps may assign variables and add losses.

    Variables pass from step to step; losses are summed over time.
    """
    first = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), xs)
    _, written = rehearse(step, carry, first)

    def pure(before: Any, x: Any) -> tuple[Any, Any]:
        old, values = before
        with bind(written, values) as scope:
            (new, y), losses = _call_apart(step, old, x)
        return (new, [scope.values[id(v)] for v in written]), (y, losses)

    values = [v.raw if local.state is None else local.state.read(v) for v in written]
    (carry, values), (ys, losses) = lax.scan(
        pure, (carry, values), xs, reverse=reverse, unroll=unroll
    )
    for variable, value in zip(written, values, strict=True):
        variable.assign(value)
    if local.call is not None:
        local.call.losses.extend(jnp.sum(loss, 0) for loss in losses)
    return carry, ys


def _call_apart(function: Callable[..., Any], *args: Any) -> tuple[Any, Sequence[Any]]:
    """A call's result and the losses it added, taken off the layer call's list."""
    losses = [] if local.call is None else local.call.losses
    count = len(losses)
    result = function(*args)
    added = losses[count:]
    del losses[count:]
    return result, added
