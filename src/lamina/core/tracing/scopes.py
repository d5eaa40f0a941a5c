"""Scopes for code that calls layers by hand: values, losses and names of variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.check import check_name
from lamina.core.scope import StateScope, local, override
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError, ShapeError
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, ArrayLike


class StatelessScope(StateScope):
    """Context manager in which variables have given values and keep assigned ones.

    Outside, the variables are unchanged. `stateless_call` of a layer is usually
    simpler.

    Args:
        state_mapping: pairs of a variable and its value in the scope.
        collect_losses: whether `losses` collects what layers pass to `add_loss`.
        initialize_variables: accepted for Keras: a variable that is created in the
            scope has its value at once.

    Raises:
        ArgumentTypeError: a key is not a variable.
        ShapeError: a value does not have the shape of its variable.

    Example:
        >>> counter = Variable(1.0)
        >>> with StatelessScope([(counter, 5.0)]) as scope:
        ...     _ = counter.assign_add(1.0)
        >>> float(scope.get_current_value(counter)), float(counter)
        (6.0, 1.0)
    """

    @filter_traceback
    def __init__(
        self,
        state_mapping: Sequence[tuple[Variable, ArrayLike]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        super().__init__(dict(map(_bound_value, state_mapping or ())))
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Array] = []
        self.collected = self.losses if collect_losses else None

    def get_current_value(self, variable: Variable) -> Array | None:
        """Return a variable's value in the scope, `None` if it has none there."""
        return self.values.get(id(variable))

    def add_update(self, update: tuple[Variable, ArrayLike]) -> None:
        """Set a variable's value in the scope, from a pair of variable and value."""
        variable, value = update
        self.write(variable, jnp.asarray(value, variable.dtype))

    def add_loss(self, loss: Array) -> None:
        """Append a loss to `losses`."""
        self.losses.append(loss)


def _bound_value(pair: tuple[Variable, Any]) -> tuple[int, Array]:
    variable, value = pair
    if not isinstance(variable, Variable):
        raise ArgumentTypeError(
            "StatelessScope: `state_mapping` must have pairs of a Variable and its "
            f"value. Received the key {variable!r}."
        )
    array = jnp.asarray(value, variable.dtype)
    if array.shape != variable.shape:
        raise ShapeError(
            f"StatelessScope: variable {variable.path!r} has shape {variable.shape}, "
            f"but its value in `state_mapping` has shape {array.shape}."
        )
    return id(variable), array


class SymbolicScope(StateScope):
    """Context manager for shape inference: assignments in it have no effect outside.

    Example:
        >>> counter = Variable(1.0)
        >>> with SymbolicScope():
        ...     _ = counter.assign(5.0)
        >>> float(counter)
        1.0
    """

    def __init__(self) -> None:
        super().__init__()


@contextmanager
def name_scope(name: str, **options: object) -> Iterator[None]:
    """Prefix the paths of variables that are created in this block.

    Args:
        name: the prefix, without "/".
        **options: accepted for Keras; paths do not depend on the caller.

    Raises:
        ArgumentError: `name` has a "/".

    Example:
        >>> with name_scope("encoder"):
        ...     print(Variable(1.0, name="scale").path)
        encoder/scale
    """
    check_name("name_scope", name)
    call = local.call
    path = () if call is None else call.path
    if call is not None:
        call.path = (*path, name)
    try:
        with override(names=(*local.names, name)), jax.named_scope(name):
            yield
    finally:
        if call is not None:
            call.path = path
