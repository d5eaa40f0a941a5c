"""Functions that use variables, called as compiled programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.core import stateless
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.variable import Variable, state_lock
from lamina.runtime.executable import Program
from lamina.runtime.module_state import ModuleState, ProgramCache


class CompiledFunction:
    """A compiled function of arrays that reads and assigns a module's variables.

    Args:
        function: takes arrays, and keyword arguments that are static.
        describe: returns the variables and hyperparameters that the function is
            expected to use; others that tracing finds are added.
    """

    def __init__(
        self, function: Callable[..., Any], describe: Callable[[], ModuleState]
    ) -> None:
        self._function = function
        self._cache = ProgramCache(describe)

    def __call__(self, *args: Any, **static: Any) -> Any:
        key = tuple(sorted(static.items()))
        captured: dict[int, Variable] = {}
        for _ in range(stateless.ATTEMPTS):
            traced = self._cache.find(key)
            if traced is None:
                traced = _Traced(self._function, self._cache.state(), static)
            outputs, effects = traced.run(args)
            if not traced.captured:
                traced.apply(effects)
                if self._cache.find(key) is None:
                    self._cache.store(key, traced, traced.state)
                return outputs
            # The trace has read variables that were not bound: bind them and retry.
            captured = traced.captured
            self._cache.add_variables(captured)
        raise stateless.new_variable_error(captured)


class _Traced:
    """A function compiled for one state of modules."""

    def __init__(
        self, function: Callable[..., Any], state: ModuleState, static: dict[str, Any]
    ) -> None:
        self.state = state
        self.captured: dict[int, Variable] = {}
        # For each trace, functions that assign the attributes that the call stores.
        self._stored: list[list[Callable[[Any], None]]] = []

        def pure(values: Any, hyperparameters: Any, args: Any) -> Any:
            bound = state.bind_hyperparameters(hyperparameters)
            with (
                StoredAttributes(state.modules) as attributes,
                stateless.bind(state.variables, values, bound) as scope,
            ):
                outputs = function(*args, **static)
            self.captured.update(scope.captured)
            # By position: other shapes may assign other variables.
            changed = {
                i: scope.values[id(v)]
                for i, v in enumerate(state.variables)
                if id(v) in scope.assigned
            }
            self._stored.append(attributes.stored)
            return outputs, (changed, {len(self._stored) - 1: attributes.tracers})

        self._program = Program(pure)

    def run(self, args: Any) -> tuple[Any, Any]:
        """Return the outputs, and the argument of `apply`."""
        variables, rates = self.state.variables, self.state.hyperparameters()
        call = self._program.executable([v.raw for v in variables], rates, args)
        # Under the lock, no dispatch of another thread overwrites the values.
        with state_lock:
            return call([v.raw for v in variables], rates, args)

    def apply(self, effects: Any) -> None:
        """Assign the variables and attributes that the call has assigned."""
        changed, stored = effects
        for i, value in changed.items():
            self.state.variables[i].raw = value
        ((trace, arrays),) = stored.items()
        for assign, leaves in zip(self._stored[trace], arrays, strict=True):
            assign(leaves)
