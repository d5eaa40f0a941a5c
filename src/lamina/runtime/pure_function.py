"""Functions that use variables, traced into pure functions of their values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina.core.scope import RunKey
from lamina.core.tracing import stateless
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.variable import Variable
from lamina.runtime.executable import in_process_compile
from lamina.runtime.module_state import ModuleState
from lamina.runtime.placement import in_shape
from lamina.typing import Array, PyTree


class PureResult(NamedTuple):
    """Result of a call of a `PureFunction`."""

    outputs: Any
    changed: dict[int, jax.Array]  # new values of variables, by position in the state
    stored: list[list[Any]]  # arrays in attributes that the call has assigned
    is_finite: Any  # whether all watched values are finite; `None` without a guard


class PureFunction:
    """A function that uses variables, as a pure function of their values.

    After a trace, `captured` has the variables that it uses besides those of `state`,
    and `has_constant_loss` tells whether a loss in it has no gradient.

    Args:
        function: takes arrays; reads and assigns variables.
        state: the variables and hyperparameters that it is expected to use.
        guard: whether to compute whether losses and gradients are finite.
    """

    def __init__(
        self, function: Callable[..., Any], state: ModuleState, guard: bool = False
    ) -> None:
        self._function, self._guard = function, guard
        self.state = state
        self.captured: dict[int, Variable] = {}
        self.has_constant_loss = False
        self._assign: list[Callable[[Sequence[Any]], None]] = []

    def __call__(
        self,
        values: Sequence[Any],
        hyperparameters: Sequence[Any],
        args: tuple[Any, ...] = (),
        key: RunKey | None = None,
    ) -> PureResult:
        """Call the function with variables, hyperparameters and a key bound."""
        variables = self.state.variables
        bound = self.state.bind_hyperparameters(hyperparameters)
        with (
            StoredAttributes(self.state.modules) as attributes,
            stateless.bind(variables, values, bound, key) as scope,
        ):
            outputs = self._function(*args)
        self.captured.update(scope.captured)
        self.has_constant_loss = scope.has_constant_loss
        self._assign = attributes.stored
        changed = {
            i: scope.values[id(v)]
            for i, v in enumerate(variables)
            if id(v) in scope.assigned
        }
        is_finite = scope.is_finite() if self._guard else None
        return PureResult(outputs, changed, attributes.tracers, is_finite)

    def apply(self, result: PureResult) -> None:
        """Assign the variables and attributes that the traced call has assigned."""
        for i, value in result.changed.items():
            self.state.variables[i].raw = value
        for assign, arrays in zip(self._assign, result.stored, strict=True):
            assign(arrays)


class StateFunction:
    """A function of a state's variables alone, traced once.

    A call repeats the operations of the trace, on the variables that they use. `result`
    has the shapes of what it returns.

    Args:
        function: reads and assigns variables; returns arrays.
        state: the variables and hyperparameters that it may use.
    """

    def __init__(self, function: Callable[[], Any], state: ModuleState) -> None:
        # See `lamina.core.tracing.trace_state`.
        from jax.extend.core import jaxpr_as_fun

        values = [jax.ShapeDtypeStruct(v.shape, v.raw.dtype) for v in state.variables]
        scalar = jax.ShapeDtypeStruct((), jnp.result_type(float))
        hyperparameters = [scalar] * len(state.attributes)
        closed, self.result = jax.make_jaxpr(
            PureFunction(function, state), return_shape=True
        )(values, hyperparameters)
        self._function = jaxpr_as_fun(closed)
        jaxpr = closed.jaxpr
        read = {id(atom) for atom in jaxpr.outvars}
        read |= {id(atom) for equation in jaxpr.eqns for atom in equation.invars}
        inputs = zip(jaxpr.invars, [*values, *hyperparameters], strict=True)
        # None for an input that is not used.
        self._input_shapes = [s.shape if id(v) in read else None for v, s in inputs]

    def __call__(
        self, values: Sequence[Array], hyperparameters: Sequence[Array]
    ) -> PureResult:
        """Call the function.

        Args:
            values: values of all variables of the state, in any shape of their size.
            hyperparameters: values of its hyperparameters.
        """
        inputs = zip([*values, *hyperparameters], self._input_shapes, strict=True)
        flat = [None if s is None else in_shape(value, s) for value, s in inputs]
        results = self._function(*flat)
        return jax.tree.unflatten(jax.tree.structure(self.result), results)


class TracedStep(NamedTuple):
    """A step traced for one or a few shapes of a batch."""

    functions: list[Callable[..., PureResult]]  # one for each shape
    assigned: list[int]  # positions of the variables that it assigns
    state: ModuleState  # what it was traced with: its hyperparameters are inputs
    logs: Any  # shapes of the logs that it returns
    captured: dict[int, Variable]  # variables that it uses besides those of `state`
    has_constant_loss: bool  # whether one of its losses has no gradient

    @property
    def changed(self) -> list[Variable]:
        """The variables that the step assigns."""
        return [self.state.variables[i] for i in self.assigned]

    @property
    def fixed(self) -> list[Variable]:
        """The variables that the step only reads."""
        assigned = set(self.assigned)
        return [v for i, v in enumerate(self.state.variables) if i not in assigned]

    def values(self, changed: Sequence[Array], fixed: Sequence[Array]) -> list[Array]:
        """Return the values of all variables in the order of the state."""
        new, rest = dict(zip(self.assigned, changed, strict=True)), iter(fixed)
        count = len(self.state.variables)
        return [new[i] if i in new else next(rest) for i in range(count)]


def trace_step(
    function: Callable[[Any], Any],
    state: ModuleState,
    batches: Sequence[PyTree],
    guard: bool = False,
) -> TracedStep:
    """Trace a step for batches of one or a few shapes.

    Args:
        function: takes a batch, reads and assigns variables, returns logs.
        state: the variables and hyperparameters that it is expected to use.
        batches: the shapes of a batch, for each of its kinds.
        guard: whether to check that losses and gradients are finite.
    """
    pure = PureFunction(function, state, guard)
    key = RunKey(*[jax.ShapeDtypeStruct((), jnp.uint32)] * 2)
    values = [jax.ShapeDtypeStruct(v.shape, v.raw.dtype) for v in state.variables]
    traces = [
        _traced_once(pure, values, state.hyperparameters(), (batch,), key)
        for batch in batches
    ]
    assigned = sorted({i for _, shapes in traces for i in shapes.changed})
    functions = [replay for replay, _ in traces]
    logs, constant = traces[0][1].outputs, pure.has_constant_loss
    return TracedStep(functions, assigned, state, logs, pure.captured, constant)


def _traced_once(
    function: PureFunction, *args: PyTree
) -> tuple[Callable[..., PureResult], PureResult]:
    """Return a function that repeats its trace, and the shapes of its result."""

    def step(*args: Any) -> PureResult:
        result = function(*args)
        logs = result.outputs
        # In the order of the metrics, so that the call does not depend on their names.
        ordered = OrderedDict(logs) if type(logs) is dict else logs
        return result._replace(outputs=ordered)

    # `jit` makes it one call, which `replay` repeats instead of each operation.
    with in_process_compile():
        closed, shapes = jax.make_jaxpr(jax.jit(step), return_shape=True)(*args)
    structure = jax.tree.structure(shapes)
    from jax.extend.core import jaxpr_as_fun  # see `lamina.core.tracing.trace_state`

    flat_function = jaxpr_as_fun(closed)

    def replay(*args: PyTree) -> PureResult:
        return jax.tree.unflatten(structure, flat_function(*jax.tree.leaves(args)))

    return replay, shapes
