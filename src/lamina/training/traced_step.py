"""A model's step, traced into a pure function of the variables that it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp

from lamina.core import stateless
from lamina.core.scope import RunKey
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.variable import Variable
from lamina.runtime.executable import in_process_compile
from lamina.runtime.module_state import ModuleState


class TracedStep(NamedTuple):
    """A pure function of a batch, and the variables that it is a function of."""

    functions: list[Callable[..., Any]]  # one for each shape of a batch
    changed: list[Variable]  # variables that it assigns
    fixed: list[Variable]  # variables that it only reads
    state: ModuleState  # what it was traced with: its hyperparameters are inputs
    logs: Any  # shapes of the logs that it returns

    def __call__(
        self,
        shape: int,
        changed: Any,
        fixed: Any,
        hyperparameters: Any,
        key: Any,
        batch: Any,
    ) -> Any:
        """Run the step on a batch.

        Args:
            shape: which of the traced shapes the batch has.
            changed: values of the variables that are assigned.
            fixed: values of those that are only read.
            hyperparameters: values of the hyperparameters.
            key: the `RunKey` of the step.
            batch: the batch.

        Returns:
            New values of `changed`, the logs, and whether everything is finite.
        """
        flat = jax.tree.leaves((changed, fixed, hyperparameters, key, batch))
        return self.functions[shape](flat)


def trace_step(
    function: Callable[[Any], Any],
    state: ModuleState,
    batches: Sequence[Any],
    guard: bool = False,
) -> tuple[TracedStep, dict[int, Variable]]:
    """Trace a step for batches of one or a few shapes.

    Args:
        function: takes a batch, reads and assigns variables, returns logs.
        state: the variables and hyperparameters that it is expected to use.
        batches: the shapes of a batch, for each of its kinds.
        guard: whether to check that losses and gradients are finite.

    Returns:
        The step, and variables that it uses besides those of `state`. If there are
        any, trace again with a state that has them.
    """
    traces = [_trace(function, state, batch, guard) for batch in batches]
    captured = {k: v for trace in traces for k, v in trace.captured.items()}
    return _joined(traces, state), captured


class _Trace(NamedTuple):
    """A step traced for one shape of a batch."""

    function: Callable[..., Any]  # takes values of all variables, then the rest
    assigned: list[int]
    captured: dict[int, Variable]
    logs: Any


def _trace(
    function: Callable[[Any], Any], state: ModuleState, batch: Any, guard: bool
) -> _Trace:
    variables = state.variables
    assigned: list[int] = []
    captured: dict[int, Variable] = {}

    def pure(values: Any, hyperparameters: Any, key: RunKey, batch: Any) -> Any:
        bound = state.bind_hyperparameters(hyperparameters)
        with (
            StoredAttributes(state.modules),
            stateless.bind(variables, values, bound, key) as scope,
        ):
            logs = function(batch)
        captured.update(scope.captured)
        assigned[:] = [i for i, v in enumerate(variables) if id(v) in scope.assigned]
        new = [scope.values[id(variables[i])] for i in assigned]
        return new, logs, scope.is_finite() if guard else jnp.bool_(True)

    key = RunKey(*[jax.ShapeDtypeStruct((), jnp.uint32)] * 2)
    values = [jax.ShapeDtypeStruct(v.shape, v.raw.dtype) for v in variables]
    args = values, state.hyperparameters(), key, batch
    with in_process_compile():
        closed, shapes = jax.make_jaxpr(pure, return_shape=True)(*args)
    structure = jax.tree.structure(shapes)
    flat_function = jax.extend.core.jaxpr_as_fun(closed)

    def traced(values: list[Any], rest: list[Any]) -> Any:
        return jax.tree.unflatten(structure, flat_function(*values, *rest))

    return _Trace(traced, assigned, captured, shapes[1])


def _joined(traces: list[_Trace], state: ModuleState) -> TracedStep:
    """Make traces for several shapes functions of the same variables."""
    variables = state.variables
    assigned = sorted({i for trace in traces for i in trace.assigned})
    order = [*assigned, *(i for i in range(len(variables)) if i not in assigned)]
    position = {i: n for n, i in enumerate(order)}

    def make(trace: _Trace) -> Callable[..., Any]:
        def run(flat: list[Any]) -> Any:
            values = [flat[position[i]] for i in range(len(variables))]
            new, logs, finite = trace.function(values, flat[len(variables) :])
            after = dict(zip(trace.assigned, new, strict=True))
            return [after.get(i, values[i]) for i in assigned], logs, finite

        return run

    count = len(assigned)
    return TracedStep(
        [make(trace) for trace in traces],
        [variables[i] for i in order[:count]],
        [variables[i] for i in order[count:]],
        state,
        traces[0].logs,
    )
