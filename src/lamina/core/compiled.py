"""A function that uses variables, called as a compiled program."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from lamina.core import stateless
from lamina.core.executable import Program
from lamina.core.module import Module
from lamina.core.variable import Variable, structure_version

__all__ = ["CompiledFunction"]


class CompiledFunction:
    """A function of arrays that reads and assigns a module's variables.

    Args:
        function: takes arrays, and keyword arguments that are part of the program.
        module: whose hyperparameters it uses.
        variables: gives the variables that it is expected to use; others that it
            meets are added.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        module: Module,
        variables: Callable[[], list[Variable]],
    ) -> None:
        self._function, self._module, self._list = function, module, variables
        self._version = -1
        self._variables: list[Variable] = []
        self._numbers: dict[tuple[int, str], float] = {}
        self._extra: dict[int, Variable] = {}
        self._met: dict[int, Variable] = {}
        self._programs: dict[Hashable, tuple[Program, list[int]]] = {}

    def __call__(self, *args: Any, **static: Any) -> Any:
        met: dict[int, Variable] = {}
        for _ in range(stateless.ATTEMPTS):
            outputs, changed, assigned = self._run(args, static)
            if not self._met:
                for i, value in zip(assigned, changed, strict=True):
                    self._variables[i].raw = value
                return outputs
            # Tracing met variables that were not bound: bind them and start over.
            self._extra |= self._met
            met, self._met, self._version = self._met, {}, -1
        raise stateless.new_each_time(met)

    def _run(self, args: Any, static: dict[str, Any]) -> tuple[Any, Any, list[int]]:
        if self._version != structure_version():
            self._look_again()
        key = tuple(sorted(static.items()))
        if key not in self._programs:
            self._programs[key] = self._make(static)
        program, assigned = self._programs[key]
        values = [v.raw for v in self._variables]
        outputs, changed = program(values, list(self._numbers.values()), args)
        return outputs, changed, assigned

    def _look_again(self) -> None:
        """Start over if variables were added or frozen since the last call."""
        found = {id(v): v for v in self._list()} | self._extra
        variables = list(found.values())
        if [id(v) for v in variables] != [id(v) for v in self._variables]:
            self._programs.clear()
        self._variables = variables
        self._numbers = stateless.numbers_of([self._module])
        self._version = structure_version()

    def _make(self, static: dict[str, Any]) -> tuple[Program, list[int]]:
        variables, names = self._variables, list(self._numbers)
        assigned: list[int] = []

        def pure(values: Any, numbers: Any, args: Any) -> Any:
            bound = dict(zip(names, numbers, strict=True))
            with stateless.bind(variables, values, bound) as scope:
                outputs = self._function(*args, **static)
            self._met.update(scope.captured)
            written = scope.assigned
            assigned[:] = [i for i, v in enumerate(variables) if id(v) in written]
            return outputs, [scope.values[id(variables[i])] for i in assigned]

        return Program(pure), assigned
