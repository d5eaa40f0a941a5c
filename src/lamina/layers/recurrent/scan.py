"""Scans whose steps may assign variables and add losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.scope import StateScope, local
from lamina.core.tracing.stateless import bind
from lamina.core.variable import Variable
from lamina.typing import Array, PyTree


def abstract_eval(
    function: Callable[..., Any], *args: PyTree
) -> tuple[Any, list[Variable]]:
    """Return the shapes of a call's result, and the variables that it would assign."""
    assigned: list[Variable] = []

    def call(*values: PyTree) -> Any:
        with StateScope() as scope:
            result, _ = _call_with_losses(function, *values)
        assigned[:] = scope.assigned.values()
        return result

    return jax.eval_shape(call, *args), assigned


def stateful_scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: PyTree,
    xs: PyTree,
    reverse: bool = False,
    unroll: bool = False,
) -> tuple[Any, Any]:
    """Run `lax.scan` with steps that may assign variables and add losses.

    Variables are part of the carry; losses are summed over time.
    """
    first = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), xs)
    _, written = abstract_eval(step, carry, first)

    def pure(full_carry: tuple[PyTree, list[Array]], x: PyTree) -> tuple[Any, Any]:
        old, values = full_carry
        with bind(written, values) as scope:
            (new, y), losses = _call_with_losses(step, old, x)
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


def _call_with_losses(
    function: Callable[..., Any], *args: PyTree
) -> tuple[Any, Sequence[Any]]:
    """Return a call's result, and the losses it added, removed from the scope."""
    losses = [] if local.call is None else local.call.losses
    count = len(losses)
    result = function(*args)
    added = losses[count:]
    del losses[count:]
    return result, added
