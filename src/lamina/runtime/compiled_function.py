"""Functions that use variables, called as compiled programs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import jax

from lamina.core.process import is_split, use_device
from lamina.core.variable import state_lock
from lamina.runtime.executable import Program, argument_shapes
from lamina.runtime.module_state import ModuleState, ProgramCache
from lamina.runtime.placement import (
    count_dispatch,
    current,
    gathered,
    place,
    put_batch,
)
from lamina.runtime.pure_function import PureFunction
from lamina.typing import PyTree
from lamina.value_errors import VALUE_ERRORS


class CompiledFunction:
    """A compiled function of arrays that reads and assigns a module's variables.

    Args:
        function: takes arrays, and keyword arguments that are static.
        describe: returns the variables and hyperparameters that the function is
            expected to use; others that tracing finds are added.
        allows_eager: returns whether the function may run op by op if it needs
            values of arrays in Python, so that it cannot be compiled.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        describe: Callable[[], ModuleState],
        allows_eager: Callable[[], bool] = lambda: False,
    ) -> None:
        self._function, self._allows_eager = function, allows_eager
        self._cache: ProgramCache[_CompiledCall] = ProgramCache(describe)
        self._uncompilable: set[Hashable] = set()  # keys of calls

    def __call__(self, *args: Any, **static: Any) -> Any:
        use_device()
        distribution = current()
        if distribution is not None:
            args = put_batch(args)
            place(self._cache.state().variables)
        key = tuple(sorted(static.items())), argument_shapes(args), distribution

        def make(state: ModuleState) -> _CompiledCall:
            def function(*args: Any) -> Any:
                return gathered(self._function(*args, **static))

            return _CompiledCall(function, state, args)

        if self._uncompilable and key in self._uncompilable:
            return self._function(*args, **static)
        try:
            program = self._cache.get(key, make)
        except VALUE_ERRORS:
            if not self._allows_eager():
                raise
            self._uncompilable.add(key)
            return self._function(*args, **static)
        return program(args)


class _CompiledCall:
    """A function compiled for one state of modules and one set of shapes."""

    def __init__(
        self, function: Callable[..., Any], state: ModuleState, args: tuple[Any, ...]
    ) -> None:
        self._pure = PureFunction(function, state)
        self.state, self.captured = state, self._pure.captured
        inputs = self._inputs(args)
        self._communicates = any(map(is_split, jax.tree.leaves(inputs)))
        self._executable = Program(self._pure).executable(*inputs)

    def __call__(self, args: tuple[Any, ...]) -> Any:
        if self._communicates:
            count_dispatch()
        # Under the lock, no dispatch of another thread overwrites the values.
        with state_lock:
            result = self._executable(*self._inputs(args))
        self._pure.apply(result)
        return result.outputs

    def _inputs(self, args: tuple[Any, ...]) -> tuple[PyTree, ...]:
        values = [v.storage.array for v in self.state.variables]
        return values, self.state.hyperparameters(), args
