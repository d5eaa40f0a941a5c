"""Thread-local context of a call: bound state, autocasting, the current layer call.

A `with` block sets each of them for its thread, so that one thread can trace a program
while another draws progress.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lamina.core.budget import Budget
from lamina.core.tracing.trace_state import trace_state
from lamina.errors import StateError
from lamina.typing import Array, ArrayLike


class BoundVariable(Protocol):
    """Protocol of a variable in a scope; `Variable` itself imports this file."""

    path: str

    @property
    def raw(self) -> Any:
        """The stored array."""


class _Local(threading.local):
    state: StateScope | None = None
    call: CallScope | None = None
    check_interrupt: Callable[[], None] | None = None
    autocast: str | None = None
    budget: Budget | None = None
    # Whether only the shapes of the results matter.
    infers_shapes: bool = False
    # Variables and initializers that `deferred_init` runs at its end.
    uninitialized: list[tuple[Any, Callable[..., Any]]] | None = None
    stores: dict[tuple[int, str], Any] | None = None
    shared_id: Callable[[Any], int | None] | None = None
    remat: Any = None  # a `RematMode`
    # Calls an op with its arguments, such as to differentiate it later.
    recorder: Callable[[Callable[..., Any], Any, Any], Any] | None = None
    names: tuple[str, ...] = ()  # of the active `name_scope` blocks
    names_operations = False  # whether operations get the names of layers
    # Takes the findings of `fit` and the line that calls it; `fit` then does not train.
    on_findings: Callable[[Any, str], None] | None = None
    distribution: Any = None  # that of the call in progress


local = _Local()


class RunKey(NamedTuple):
    """Seed and step of a run, from which its random numbers derive."""

    seed: Any  # uint32 scalar
    step: Any  # uint32 scalar


class StateScope:
    """Context manager in which variables read and write `values`.

    `assigned` holds the variables that were written, `captured` those that were read
    without being bound. A nested scope reads from its parent and keeps its writes to
    itself.

    Args:
        values: value of each bound variable, by `id`.
        hyperparameters: traced values of hyperparameters, by `(id(owner), name)`.
        run: seed and step that random numbers derive from; with `None`, each seed
            generator counts its draws.
    """

    def __init__(
        self,
        values: dict[int, Any] | None = None,
        hyperparameters: Mapping[tuple[int, str], Any] | None = None,
        run: RunKey | None = None,
    ) -> None:
        self.values = {} if values is None else values
        self.hyperparameters = hyperparameters or {}
        # Variables by `id`. `Any`, as callers use them as `Variable`.
        self.assigned: dict[int, Any] = {}
        self.captured: dict[int, Any] = {}
        self.run = run
        self.draws: dict[int, int] = {}
        self.advances: dict[int, tuple[BoundVariable, int]] = {}
        self.watched: list[Any] = []
        # Whether a loss in the scope has no gradient with respect to any variable.
        self.has_constant_loss = False
        # The losses that layers add in the scope, if it collects them.
        self.collected: list[Any] | None = None
        # Pairs of variable and gradient that optimizers get, if it collects them.
        self.gradients: list[tuple[Any, Any]] | None = None
        self.parent: StateScope | None = None

    def __enter__(self) -> StateScope:
        self.parent = local.state
        if self.parent is not None:
            self.hyperparameters = self.hyperparameters or self.parent.hyperparameters
            self.run = self.run or self.parent.run
            self.draws = self.parent.draws
        self.trace = trace_state()
        local.state = self
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            for variable, _count in list(self.advances.values()):
                self.write(variable, self.read(variable))
        local.state = self.parent

    def read(self, variable: BoundVariable) -> Any:
        """Return a variable's value in this scope."""
        key, count = id(variable), 0
        root = self
        scope: StateScope | None = self
        value: Any = None
        while scope is not None and value is None:
            count += scope.advances.get(key, (variable, 0))[1]
            value = scope.values.get(key)
            root, scope = scope, scope.parent
        if value is None:
            root.captured[key] = variable
            value = variable.raw
        return value + np.array([0, count], np.uint32) if count else value

    def advance(self, variable: BoundVariable) -> Any:
        """Return the state of a seed generator and advance it by one.

        Advances are counted and written at the end of the scope: a state computed
        inside `jax.lax.scan` or another transformation could not leave it.
        """
        value = self.read(variable)
        _, count = self.advances.get(id(variable), (variable, 0))
        self.advances[id(variable)] = variable, count + 1
        return value

    @property
    def root(self) -> StateScope:
        """The outermost scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def watch(self, *scalars: ArrayLike) -> None:
        """Record scalars that must be finite for `fit` to accept the new state."""
        self.root.watched.extend(scalars)

    def is_finite(self) -> Any:
        """Return whether all watched scalars are finite, as a traced bool."""
        total = sum(
            (jnp.sum(w, dtype=jnp.float32) * 0 for w in self.watched), jnp.float32(0)
        )
        return total == 0

    def write(self, variable: BoundVariable, value: Array) -> None:
        """Set a variable's value in this scope.

        Raises:
            StateError: the value belongs to a transformation inside the scope.
        """
        if isinstance(value, Tracer) and trace_state() != self.trace:
            raise traced_assignment_error(variable)
        self.read(variable)
        self.advances.pop(id(variable), None)
        self.values[id(variable)] = value
        self.assigned[id(variable)] = variable


def traced_assignment_error(variable: BoundVariable) -> StateError:
    """Return the error for an assignment of a value that cannot leave its trace."""
    return StateError(
        f"Variable {variable.path!r} is assigned inside a function that JAX transforms "
        "(`jax.jit`, `jax.grad`, `jax.lax.scan`, ...), and the new value cannot leave "
        "it. Let the function take and return the values: use `stateless_call` of a "
        "layer, `stateless_update_state` of a metric, `stateless_apply` of an "
        "optimizer."
    )


@contextmanager
def override(**values: object) -> Iterator[None]:
    """Set attributes of `local` inside this block."""
    before = {name: getattr(local, name) for name in values}
    vars(local).update(values)
    try:
        yield
    finally:
        vars(local).update(before)


def no_state() -> AbstractContextManager[None]:
    """Suspend the active scope, so that reads return stored values."""
    return override(state=None)


def autocast(dtype: str | None) -> AbstractContextManager[None]:
    """Cast float variables to `dtype` where they are read inside this block."""
    return override(autocast=dtype)


class CallScope:
    """State that the outermost layer call shares with the calls inside it."""

    def __init__(self, training: bool | None) -> None:
        self.training = training
        self.losses: list[Any] = []
        self.path: tuple[str, ...] = local.names


@contextmanager
def call_scope(name: str, training: bool | None) -> Iterator[CallScope]:
    """Enter a layer's call: join the call in progress, or start one."""
    if local.budget is not None:
        local.budget.take_calls(1)
    if local.state is not None and local.check_interrupt is not None:
        # Tracing a deep model takes seconds and can be abandoned at any layer.
        local.check_interrupt()
    scope = local.call or CallScope(training)
    path, before = scope.path, scope.training
    scope.path, scope.training = (*path, name), training
    try:
        named = jax.named_scope(name) if local.names_operations else nullcontext()
        with override(call=scope), named:
            yield scope
    finally:
        scope.path, scope.training = path, before
