"""Modules as pure functions: bind values to variables, run, collect what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.scope import RunKey, StateScope, local
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, StateError

__all__ = [
    "ATTEMPTS",
    "bind",
    "call",
    "new_variable_error",
    "value_and_grad",
]

# A trace may meet variables that were not bound, and so may the next one, of layers
# that the first one built. After that they are being made anew.
ATTEMPTS = 4


def bind(
    variables: Sequence[Variable],
    values: Sequence[Any],
    numbers: Mapping[tuple[int, str], Any] | None = None,
    run: RunKey | None = None,
) -> StateScope:
    """A scope in which each variable reads as the value at its place."""
    if len(variables) != len(values):
        raise ArgumentError(
            f"{len(variables)} variables can't be bound to {len(values)} values."
        )
    bound = {
        id(v): jnp.asarray(value) for v, value in zip(variables, values, strict=True)
    }
    return StateScope(bound, numbers, run)


def call(
    function: Callable[..., Any],
    variables: Sequence[Variable],
    values: Sequence[Any],
    *args: Any,
    **kwargs: Any,
) -> tuple[Any, list[Any]]:
    """Call a function that uses variables as a pure function of their values.

    Returns:
        The function's result, and the variables' values afterwards.
    """
    with bind(variables, values) as scope:
        result = function(*args, **kwargs)
    return result, [scope.values[id(v)] for v in variables]


def value_and_grad(
    function: Callable[[], Any],
    variables: Sequence[Variable],
    has_aux: bool = False,
    watch: bool = True,
) -> tuple[Any, list[jax.Array]]:
    """A function's value and its gradients by variables.

    Args:
        function: takes nothing, reads variables, returns a scalar, or a pair of a
            scalar and anything else with `has_aux`.
        variables: what to differentiate by.
        has_aux: whether `function` returns a pair.
        watch: whether `fit` stops before a step in which the value is not finite.

    Returns:
        The function's result, and one gradient for each variable.

    Example:
        >>> w = Variable([3.0], name="w")
        >>> value, (slope,) = value_and_grad(lambda: (w.value ** 2).sum(), [w])
        >>> float(value), float(slope[0])
        (9.0, 6.0)
    """
    held = [v.raw if local.state is None else local.state.read(v) for v in variables]
    written: list[Variable] = []

    def pure(values: list[Any]) -> tuple[Any, Any]:
        with bind(variables, values) as scope:
            result = function()
        loss, aux = result if has_aux else (result, None)
        written[:] = scope.assigned.values()
        return loss, (aux, [scope.values[id(v)] for v in written])

    (loss, (aux, values)), gradients = jax.value_and_grad(pure, has_aux=True)(held)
    for variable, value in zip(written, values, strict=True):
        variable.assign(value)
    if watch and local.state is not None:
        local.state.watch(loss)
    return ((loss, aux) if has_aux else loss), gradients


def new_variable_error(met: Mapping[int, Variable]) -> StateError:
    """The error for a function in which each trace meets variables not seen before."""
    path = next(iter(met.values())).path
    return StateError(
        f"Variable {path!r} is made anew each time the step or call runs, so nothing "
        "can be kept in it. Make layers, metrics and variables once, in `__init__` or "
        "`build`."
    )
