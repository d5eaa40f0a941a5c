"""What is in force while a call runs: bound state, autocasting, the layer call.

Each is a thread-local value set by a `with` block, so that a program can be traced
in one thread while another one draws progress.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from lamina.errors import StateError

if TYPE_CHECKING:
    from lamina.core.budget import Budget
    from lamina.core.variable import Variable

__all__ = [
    "CallScope",
    "RunKey",
    "StateScope",
    "autocast",
    "call_scope",
    "is_tracing",
    "local",
    "no_state",
]


_EAGER = get_opaque_trace_state()


def is_tracing() -> bool:
    """Whether a function is being transformed by JAX, by lamina or by the user."""
    return get_opaque_trace_state() != _EAGER


class _Local(threading.local):
    state: StateScope | None = None
    call: CallScope | None = None
    check_interrupt: Callable[[], None] | None = None
    autocast: str | None = None
    budget: Budget | None = None
    awaiting: list[Any] | None = None
    stores: dict[tuple[int, str], Any] | None = None
    serialized: Callable[[Any], int | None] | None = None


local = _Local()


class RunKey(NamedTuple):
    """Where a run stands: random numbers derive from these and the call site."""

    seed: Any  # uint32 scalar
    step: Any  # uint32 scalar


class StateScope:
    """Inside this block, variables read and write `values` instead of themselves.

    Args:
        values: value of each bound variable, by `id`.
        numbers: traced value of a hyperparameter, by `(id(owner), name)`.
        run: seed and step that random numbers derive from; `None` lets seed
            generators count by themselves.

    `assigned` holds the variables written to, `captured` those used without being
    bound. A nested block reads through to its parent and keeps its own writes.
    """

    def __init__(
        self,
        values: dict[int, Any] | None = None,
        numbers: Mapping[tuple[int, str], Any] | None = None,
        run: RunKey | None = None,
    ) -> None:
        self.values = {} if values is None else values
        self.numbers = numbers or {}
        self.assigned: dict[int, Variable] = {}
        self.captured: dict[int, Variable] = {}
        self.run = run
        self.draws: dict[int, int] = {}
        self.advances: dict[int, tuple[Variable, int]] = {}
        self.watched: list[Any] = []
        self.parent: StateScope | None = None

    def __enter__(self) -> StateScope:
        self.parent = local.state
        if self.parent is not None:
            self.numbers = self.numbers or self.parent.numbers
            self.run = self.run or self.parent.run
            self.draws = self.parent.draws
        self.trace = get_opaque_trace_state()
        local.state = self
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is None:
            for variable, _count in list(self.advances.values()):
                self.write(variable, self.read(variable))
        local.state = self.parent

    def read(self, variable: Variable) -> Any:
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

    def advance(self, variable: Variable) -> Any:
        """The state of a seed generator, which is one further from now on.

        Steps are counted and written at the end of the scope: a state computed inside
        `jax.lax.scan` or another transformation could not leave it.
        """
        value = self.read(variable)
        _, count = self.advances.get(id(variable), (variable, 0))
        self.advances[id(variable)] = variable, count + 1
        return value

    def watch(self, *scalars: Any) -> None:
        """Note numbers that must be finite for the state to be worth keeping."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        scope.watched.extend(scalars)

    def finite(self) -> Any:
        """Whether everything watched is finite."""
        total = sum(
            (jnp.sum(w, dtype=jnp.float32) * 0 for w in self.watched), jnp.float32(0)
        )
        return total == 0

    def write(self, variable: Variable, value: Any) -> None:
        if isinstance(value, Tracer) and get_opaque_trace_state() != self.trace:
            raise assigned_while_traced(variable)
        self.read(variable)
        self.advances.pop(id(variable), None)
        self.values[id(variable)] = value
        self.assigned[id(variable)] = variable


def assigned_while_traced(variable: Variable) -> StateError:
    """The error for a value that could not leave the transformation it belongs to."""
    return StateError(
        f"Variable {variable.path!r} is assigned inside a function that JAX transforms "
        "(`jax.jit`, `jax.grad`, `jax.lax.scan`, ...), and the new value cannot leave "
        "it. Let the function take and return the values: use `stateless_call` of a "
        "layer, `stateless_update_state` of a metric, `stateless_apply` of an "
        "optimizer."
    )


@contextmanager
def no_state() -> Iterator[None]:
    """Inside this block, variables and numbers are themselves again."""
    before, local.state = local.state, None
    try:
        yield
    finally:
        local.state = before


class CallScope:
    """What the outermost layer call shares with the calls inside it."""

    def __init__(self, training: bool | None) -> None:
        self.training = training
        self.losses: list[Any] = []
        self.path: tuple[str, ...] = ()


@contextmanager
def call_scope(name: str, training: bool | None) -> Iterator[CallScope]:
    """Enter a layer's call: join the call in progress, or start one."""
    if local.budget is not None:
        local.budget.take_calls(1)
    if local.state is not None and local.check_interrupt is not None:
        # Tracing a deep model takes seconds, and leaves nothing behind.
        local.check_interrupt()
    outer = local.call
    scope = CallScope(training) if outer is None else outer
    path, before = scope.path, scope.training
    scope.path, scope.training = (*path, name), training
    local.call = scope
    try:
        yield scope
    finally:
        scope.path, scope.training = path, before
        local.call = outer


@contextmanager
def autocast(dtype: str | None) -> Iterator[None]:
    """Inside this block, float variables read as `dtype`."""
    before = local.autocast
    local.autocast = dtype
    try:
        yield
    finally:
        local.autocast = before
