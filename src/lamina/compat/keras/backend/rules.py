"""One step of an update rule that a custom optimizer declares in `get_updates`.

Keras 1 and 2 called `get_updates` once, to build a graph: it created the variables of
the rule, and all updates read the values of before the step. Here the function is
called in each step that is traced. Its updates are collected. What `K.zeros`,
`K.variable` and `K.get_value` return is what they returned in its first call.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, TypeVar, cast

import jax
import jax.numpy as jnp

from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable

F = TypeVar("F", bound=Callable[..., Any])


class _Local(threading.local):
    step: RuleStep | None = None


_local = _Local()


class RuleStep:
    """Context manager in which `get_updates` is called; also the loss that it gets.

    Args:
        variables: the variables that are trained.
        gradients: the gradient of each.
        made: what the first call made, empty before it.

    Attributes:
        made: what this call has made.
    """

    def __init__(
        self,
        variables: Sequence[Variable],
        gradients: Sequence[Any],
        made: Iterable[Any] = (),
    ) -> None:
        self._gradients = dict(zip(map(id, variables), gradients, strict=True))
        self._known = list(made)[::-1]
        self.made: list[Any] = []

    def __enter__(self) -> Self:
        self._before, _local.step = _local.step, self
        return self

    def __exit__(self, *error: object) -> None:
        _local.step = self._before

    def gradients(self, variables: Iterable[Variable]) -> list[Any]:
        """Return the gradients of the loss with respect to trained variables."""
        return [self._gradients[id(v)] for v in variables]

    def once(self, make: Callable[[], Any]) -> Any:
        """Return what the first call made, or else make it."""
        if self._known:
            return self._known.pop()
        with jax.ensure_compile_time_eval():
            self.made.append(make())
        return self.made[-1]


def is_declaring() -> bool:
    """Return whether `get_updates` of a custom optimizer is being called."""
    return _local.step is not None


def made_once(function: F) -> F:
    """Decorate a function whose result is that of the first call in a rule."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        def make() -> Any:
            return function(*args, **kwargs)

        return make() if _local.step is None else _local.step.once(make)

    return cast(F, call)


def assigned_later(value: Callable[[Any, Any], Any]) -> Callable[[F], F]:
    """Return a decorator of a function that assigns to a variable.

    In a rule, and with a symbolic tensor, the function returns the variable and its new
    value.

    Args:
        value: function of the variable and the argument that returns the new value.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(x: Variable, *args: Any, **kwargs: Any) -> Any:
            change = (*args, *kwargs.values())[0]
            if is_declaring() or isinstance(change, SymbolicTensor):
                return x, value(x, change)
            return function(x, *args, **kwargs)

        return cast(F, call)

    return decorate


def value_of(x: Any) -> jax.Array:
    """Return a number, an array or a variable as an array."""
    return x.value if isinstance(x, Variable) else jnp.asarray(x)
