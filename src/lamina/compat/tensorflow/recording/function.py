"""`tf.function`: functions that are compiled where they can be."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.tensors import TensorSpec
from lamina.compat.tensorflow.recording.record import is_input
from lamina.core.graph import SymbolicTensor
from lamina.core.module import Module
from lamina.core.scope import local, override
from lamina.core.tracing.trace_state import is_tracing
from lamina.errors import ArgumentError
from lamina.runtime.compiled_function import CompiledFunction
from lamina.runtime.module_state import ModuleState
from lamina.typing import PyTree

if TYPE_CHECKING:
    from lamina.optimizers import Optimizer

# A function of numbers is traced for each of their values, up to this number of them.
_LIMIT = 16
_settings = {"run_eagerly": False}


class Function:
    """A function that is compiled for each structure and shape of its arguments.

    Where it cannot be compiled, as when the value of a tensor selects a branch, it runs
    in Python.

    Args:
        function: takes and returns tensors, in any lists, tuples and dicts.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.python_function = function
        self._needs_python = False
        self._calls: set[Hashable] = set()
        self._compiled = CompiledFunction(self._call, self._state)

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        """Return the function of an object's class, with the object bound."""
        return self if owner is None else MethodType(_FunctionOf(self, owner), owner)

    def __call__(self, /, *args: object, **kwargs: object) -> Any:
        is_inside = local.state is not None or local.recorder is not None
        if self._needs_python or is_inside or _settings["run_eagerly"] or is_tracing():
            return self.python_function(*args, **kwargs)
        leaves, structure = jax.tree.flatten((args, kwargs))
        static = tuple([None if is_input(leaf) else leaf for leaf in leaves])
        call = structure, static
        if not all(isinstance(leaf, Hashable) for leaf in static) or (
            call not in self._calls and len(self._calls) >= _LIMIT
        ):
            return self.python_function(*args, **kwargs)
        self._calls.add(call)
        self._found = [*static, *_used(self.python_function)]
        try:
            return self._compiled([v for v in leaves if is_input(v)], call=call)
        # Any exception: the Python function raises it again if it is its own.
        except Exception:
            result = self.python_function(*args, **kwargs)
            self._needs_python = True
            return result

    def _call(self, arrays: list[Any], *, call: tuple[Any, tuple[Any, ...]]) -> Any:
        structure, static = call
        found = iter(arrays)
        leaves = [next(found) if leaf is None else leaf for leaf in static]
        args, kwargs = jax.tree.unflatten(structure, leaves)
        return self.python_function(*args, **kwargs)

    def _state(self) -> ModuleState:
        """Return the variables of the modules that the function names."""
        return ModuleState.of([v for v in self._found if isinstance(v, Module)])

    def get_concrete_function(self, *args: object, **kwargs: object) -> Any:
        """Return the function of the tensors only; other arguments are bound.

        It takes arrays of any shape.
        """
        parameters = inspect.signature(self.python_function).parameters
        if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            first = itertools.takewhile(lambda value: not _has_tensor(value), args)
            return functools.partial(self, *first)
        given = {**dict(zip(parameters, args, strict=False)), **kwargs}
        bound = {n: v for n, v in given.items() if not _has_tensor(v)}
        names = [name for name in parameters if name not in bound]

        def concrete(*tensors: object, **named: object) -> Any:
            return self(**bound, **dict(zip(names, tensors, strict=False)), **named)

        return concrete


class _FunctionOf:
    """A function of a class, as an attribute of one of its objects."""

    def __init__(self, function: Function, owner: object) -> None:
        functools.update_wrapper(self, function)
        self._function, self._owner = function, owner

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self._function(*args, **kwargs)

    def get_concrete_function(self, *args: object, **kwargs: object) -> Any:
        """Return the function of the tensors only, with the object bound."""
        return self._function.get_concrete_function(self._owner, *args, **kwargs)


def _has_tensor(value: PyTree) -> bool:
    kinds = (jax.Array, np.ndarray, SymbolicTensor, TensorSpec)
    return any(isinstance(leaf, kinds) for leaf in jax.tree.leaves(value))


def _used(function: Callable[..., Any]) -> Iterator[object]:
    """Yield the values of the global and outer names that a function uses."""
    function = inspect.unwrap(function)
    if not inspect.isfunction(function):
        return
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield function.__globals__[name]


def function(
    func: Callable[..., Any] | None = None,
    input_signature: PyTree = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    **_: object,
) -> Any:
    """Return a function that is compiled where it can be.

    Args:
        func: the function; without it, a decorator is returned.
        input_signature: has no effect, as the other arguments: each shape is compiled.
        autograph: see `input_signature`.
        jit_compile: see `input_signature`.
        reduce_retracing: see `input_signature`.

    Example:
        >>> @tf.function
        ... def double(x):
        ...     return 2 * x
    """
    if func is None:
        return Function
    if not callable(func):
        raise ArgumentError(
            f"tf.function takes a function. Received: a {type(func).__name__}. Name "
            "the other arguments: `@tf.function(jit_compile=True)`."
        )
    return func if isinstance(func, Function) else Function(func)


# Compiled updates by optimizer and variables: those of a few models.
_updates: OrderedDict[Hashable, CompiledFunction] = OrderedDict()
_UPDATES = 16


def compiled_updates(apply_gradients: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `apply_gradients` of optimizers that is compiled in loops of users."""

    @functools.wraps(apply_gradients)
    def call(
        optimizer: Optimizer,
        grads_and_vars: Iterable[Any],
        global_step: Any = None,
        **unused: object,
    ) -> Any:
        if global_step is not None:
            global_step.assign_add(1)
        pairs = [(g, v) for g, v in grads_and_vars]
        found = [(g, v) for g, v in pairs if g is not None]
        if local.state is not None or is_tracing() or len(found) < len(pairs):
            return apply_gradients(optimizer, pairs)
        gradients, variables = zip(*found, strict=True) if found else ((), ())
        key = optimizer, tuple(map(id, variables))
        if key not in _updates:

            def update(gradients: list[Any]) -> None:
                apply_gradients(optimizer, zip(gradients, variables, strict=True))

            state = functools.partial(ModuleState.of, [optimizer])
            _updates[key] = CompiledFunction(update, state)
            if len(_updates) > _UPDATES:
                _updates.popitem(last=False)
        with override(recorder=None):
            _updates[key]([jnp.asarray(g) for g in gradients])
        return optimizer.iterations

    return call


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Set whether functions run in Python, for debugging."""
    _settings["run_eagerly"] = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Return whether functions run in Python."""
    return _settings["run_eagerly"]
