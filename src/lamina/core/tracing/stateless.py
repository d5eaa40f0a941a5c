"""Modules as pure functions: bind values to variables, call, collect new values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.scope import RunKey, StateScope, local
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError


def bind(
    variables: Sequence[Variable],
    values: Sequence[Any],
    hyperparameters: Mapping[tuple[int, str], Any] | None = None,
    run: RunKey | None = None,
) -> StateScope:
    """Return a scope in which each variable has the value of the same position."""
    if len(variables) != len(values):
        raise ArgumentError(
            f"{len(variables)} variables cannot be bound to {len(values)} values."
        )
    bound = {
        id(v): jnp.asarray(value) for v, value in zip(variables, values, strict=True)
    }
    return StateScope(bound, hyperparameters, run)


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
    """Evaluate a function and its gradients with respect to variables.

    Args:
        function: takes no arguments, reads variables and returns a scalar, or with
            `has_aux` a pair of a scalar and any other value.
        variables: the variables to differentiate with respect to.
        has_aux: whether `function` returns a pair.
        watch: whether `fit` stops before a step in which the value is not finite.

    Returns:
        The function's result, and one gradient for each variable.

    Example:
        >>> w = Variable([3.0], name="w")
        >>> value, (gradient,) = value_and_grad(lambda: (w.value ** 2).sum(), [w])
        >>> float(value), float(gradient[0])
        (9.0, 6.0)
    """
    current = [v.raw if local.state is None else local.state.read(v) for v in variables]
    written: list[Variable] = []
    has_gradient = True

    def pure(values: list[Any]) -> tuple[Any, Any]:
        nonlocal has_gradient
        with bind(variables, values) as scope:
            result = function()
        loss, aux = result if has_aux else (result, None)
        if np.shape(loss) != ():
            raise ShapeError(
                "value_and_grad: the function must return one number, the loss, but "
                f"it returned an array of shape {np.shape(loss)}. Return its mean: "
                "`ops.mean(loss)`."
            )
        written[:] = scope.assigned.values()
        # JAX differentiates through tracers of one class. What has no derivative, such
        # as rounded values, is not one.
        has_gradient = not values or isinstance(loss, type(values[0]))
        return loss, (aux, [scope.values[id(v)] for v in written])

    (loss, (aux, values)), gradients = jax.value_and_grad(pure, has_aux=True)(current)
    for variable, value in zip(written, values, strict=True):
        variable.assign(value)
    if local.state is not None:
        if watch:
            local.state.watch(loss)
        if not has_gradient:
            local.state.root.has_constant_loss = True
    return ((loss, aux) if has_aux else loss), gradients
