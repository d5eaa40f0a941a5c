"""Calls that gradient tapes record, each with its pullback.

While a tape is active, `local.recorder` is set: ops and operators of arrays then pass
through `record`. An array is known by its `id`, as in `lamina.core.masks`; a tape holds
the arrays that it watches, so that no other object gets their `id`.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.masks import get_mask, set_mask
from lamina.core.scope import local, override
from lamina.core.tracing.trace_state import is_tracing
from lamina.core.variable import Variable
from lamina.runtime.executable import Program, argument_shapes
from lamina.typing import Array


class Call(NamedTuple):
    """A call that was differentiated."""

    function: Callable[..., list[Array]]  # of the inputs
    inputs: list[Array]
    outputs: list[Array]
    pullback: Callable[..., Sequence[Array]]  # of a list of cotangents of the outputs


class Record:
    """Watched arrays, and the calls that depend on them.

    Args:
        watches_variables: whether trainable variables are watched when they are read.
    """

    def __init__(self, watches_variables: bool) -> None:
        self.watches_variables = watches_variables
        self.clear()

    def clear(self) -> None:
        """Forget all arrays and calls."""
        self.calls: list[Call] = []
        self.arrays: dict[int, Array] = {}
        # The arrays that each variable has had.
        self.reads: dict[int, tuple[Variable, dict[int, Array]]] = {}

    def watch(self, array: Array) -> None:
        """Record the calls that use an array."""
        self.arrays[id(array)] = array

    def watch_reads(self, variable: Variable) -> None:
        """Record the calls that use the values that a variable will have."""
        self.reads.setdefault(id(variable), (variable, {}))

    def variables(self) -> tuple[Variable, ...]:
        """Return the variables that were read."""
        return tuple(v for v, arrays in self.reads.values() if arrays)

    def arrays_of(self, source: Variable | Array) -> list[Array]:
        """Return the watched arrays that are the values of a source of gradients."""
        if isinstance(source, Variable):
            return list(self.reads.get(id(source), (source, {}))[1].values())
        return [source]

    def add(self, call: Call) -> None:
        """Add a call if it depends on a watched array, and watch its outputs."""
        if any(id(array) in self.arrays for array in call.inputs):
            self.calls.append(call)
            self.arrays |= {id(array): array for array in call.outputs}

    def read(self, variable: Variable, array: Array) -> None:
        """Watch the current value of a variable, if it is to be watched."""
        is_trained = self.watches_variables and variable.trainable
        if is_trained or id(variable) in self.reads:
            reads = self.reads.setdefault(id(variable), (variable, {}))
            reads[1][id(array)] = array
            self.watch(array)


class _Active(threading.local):
    records: tuple[Record, ...] = ()


active = _Active()


def activate(records: tuple[Record, ...]) -> None:
    """Set the records that calls of this thread are added to."""
    active.records = records
    local.recorder = record if records else None


def is_variable(value: object) -> bool:
    """Return whether a value is a variable."""
    return isinstance(value, Variable)


def read(variable: Variable) -> Array:
    """Return a variable's value, which the active tapes may watch."""
    with override(autocast=None):
        return variable.value


def note_read(variable: Variable, value: Array) -> Array:
    """Return the value of a variable that was read, after tapes have noted it."""
    if local.recorder is not None:
        for tape in active.records:
            tape.read(variable, value)
    return value


def is_watched(value: object) -> bool:
    """Return whether an active tape watches an array."""
    return isinstance(value, jax.Array) and any(
        id(value) in tape.arrays for tape in active.records
    )


def is_input(leaf: object) -> bool:
    """Return whether a leaf is an input of a program rather than a part of it."""
    if isinstance(leaf, np.ndarray):
        return leaf.dtype.kind in "biufc"
    return isinstance(leaf, (float, jax.Array))


def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose calls are recorded while a tape is active."""

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        if local.recorder is None or local.infers_shapes:
            return function(*args, **kwargs)
        return record(function, args, kwargs)

    return call


def record(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    is_user_defined: bool = False,
) -> Any:
    """Call a function, and record the call if a tape watches an argument.

    A function that is called again and again is compiled, with its pullback, unless it
    is user-defined: it may do more than compute. Outputs that are arrays of floats have
    gradients.
    """
    flat = FlatCall(args, kwargs)
    program = None
    if flat.inputs and not is_user_defined:
        program = _program(function, flat)
    if program is not None:
        smooth, pullback, others = program.forward(flat.arrays())
        pullback = compiled_pullback(program.backward, pullback)
        pure, structure = program.pure(flat.leaves), program.flat
    else:
        pure, structure = flat.pure(_without_rest(function), flat.leaves), flat
        if not flat.inputs:
            smooth, (others, _) = pure()
            return flat.outputs(smooth, others)
        smooth, pullback, (others, _) = jax.vjp(pure, *flat.inputs, has_aux=True)
    smooth = add_call(lambda *arrays: pure(*arrays)[0], flat.inputs, smooth, pullback)
    return structure.outputs(smooth, others)


def _without_rest(function: Callable[..., Any]) -> Callable[..., tuple[Any, None]]:
    return lambda *args, **kwargs: (function(*args, **kwargs), None)


class _OpProgram:
    """A function with its pullback, compiled for one kind of arguments."""

    def __init__(self, function: Callable[..., Any], flat: FlatCall) -> None:
        self._function = _without_rest(function)
        self.flat = flat.template()
        self.forward = Program(self._differentiate)
        self.backward = Program(pull)

    def pure(self, leaves: Sequence[Any]) -> Callable[..., Any]:
        """Return a pure function of the watched arrays."""
        return self.flat.pure(self._function, leaves)

    def _differentiate(self, arrays: Sequence[Any]) -> tuple[Any, Any, Any]:
        leaves = self.flat.filled(arrays)
        inputs = [leaves[i] for i in self.flat.positions]
        found = jax.vjp(self.pure(leaves), *inputs, has_aux=True)
        smooth, pullback, (others, _) = found
        return smooth, pullback, others


def pull(pullback: Callable[..., Any], cotangents: object) -> Any:
    """Return the cotangents of the inputs of a call."""
    return pullback(cotangents)


def compiled_pullback(
    program: Program, pullback: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a compiled pullback that JAX may also transform, as for a Jacobian.

    Args:
        program: compiled `pull`.
        pullback: its first argument.
    """

    def call(cotangents: object) -> Any:
        return (pull if is_tracing() else program)(pullback, cotangents)

    return call


# Number of calls of a kind, and its program after `_HOT` calls; `None` if it cannot
# be compiled.
_HOT, _LIMIT = 4, 256
_counts: Counter[Hashable] = Counter()
_op_programs: OrderedDict[Hashable, _OpProgram | None] = OrderedDict()


def _program(function: Callable[..., Any], flat: FlatCall) -> _OpProgram | None:
    """Return the program for calls of a kind, if there were several."""
    if local.state is not None or is_tracing():
        return None
    static = flat.key()
    if static is None or any(get_mask(leaf) is not None for leaf in flat.inputs):
        return None
    key = function, static
    if key in _op_programs:
        return _op_programs[key]
    _counts[key] += 1
    if _counts[key] < _HOT:
        return None
    if len(_counts) > _LIMIT:
        _counts.clear()
    found: _OpProgram | None = _OpProgram(function, flat)
    try:
        found.forward.executable(flat.arrays())
    # Such as a function that needs the value of an argument, or draws random numbers.
    except Exception:
        found = None
    _op_programs[key] = found
    if len(_op_programs) > _LIMIT:
        _op_programs.popitem(last=False)
    return found


def add_call(
    function: Callable[..., list[Array]],
    inputs: list[Array],
    outputs: list[Array],
    pullback: Callable[..., Any],
) -> list[Array]:
    """Add a differentiated call to the active tapes, and return its outputs.

    An output that is an input is copied, so that it has an `id` of its own.
    """
    known = {id(array) for array in inputs}
    outputs = [jnp.array(array) if id(array) in known else array for array in outputs]
    for tape in active.records:
        tape.add(Call(function, inputs, outputs, pullback))
    return outputs


class FlatCall:
    """Arguments of a call as a list of leaves, some of them watched.

    Args:
        args: positional arguments; variables in them are read.
        kwargs: keyword arguments.
    """

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        tree = tuple(args), dict(kwargs)
        leaves, self.structure = jax.tree.flatten(tree, is_leaf=is_variable)
        self.leaves = [read(v) if isinstance(v, Variable) else v for v in leaves]
        self.positions = [i for i, v in enumerate(self.leaves) if is_watched(v)]
        self.inputs = [self.leaves[i] for i in self.positions]
        self._outputs: list[Any] = []

    def template(self) -> FlatCall:
        """Return a copy that has `None` in place of arrays, which it does not hold."""
        result = copy.copy(self)
        result.leaves = [None if is_input(v) else v for v in self.leaves]
        result.inputs, result._outputs = [], []
        return result

    def arrays(self) -> list[Any]:
        """Return the leaves that are inputs of a program."""
        return [leaf for leaf in self.leaves if is_input(leaf)]

    def filled(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the leaves with arrays in place of `None`."""
        found = iter(arrays)
        return [next(found) if leaf is None else leaf for leaf in self.leaves]

    def key(self) -> Hashable:
        """Return what a program for the call depends on; `None` if it has no hash."""
        static = tuple([None if is_input(v) else _hashable(v) for v in self.leaves])
        if not all(isinstance(value, Hashable) for value in static):
            return None
        shapes = argument_shapes(self.arrays())
        return self.structure, tuple(self.positions), static, shapes

    def pure(
        self, function: Callable[..., tuple[Any, Any]], leaves: Sequence[Any]
    ) -> Callable[..., tuple[list[Array], Any]]:
        """Return a pure function of the watched arrays.

        Args:
            function: returns outputs, and results that have no gradients.
            leaves: the leaves of the arguments.
        """

        def call(*arrays: Array) -> tuple[list[Array], Any]:
            filled = [*leaves]
            for i, array in zip(self.positions, arrays, strict=True):
                filled[i] = array
                mask = get_mask(leaves[i])
                if mask is not None:
                    set_mask(array, mask)
            args, kwargs = jax.tree.unflatten(self.structure, filled)
            with override(recorder=None):
                outputs, rest = function(*args, **kwargs)
            results, structure = jax.tree.flatten(outputs)
            self._outputs[:] = [structure]
            smooth = [r for r in results if _is_smooth(r)]
            return smooth, ([None if _is_smooth(r) else r for r in results], rest)

        return call

    def outputs(self, smooth: Sequence[Array], others: Sequence[Any]) -> Any:
        """Return the outputs of a call from the two parts of their leaves."""
        found = iter(smooth)
        results = [next(found) if value is None else value for value in others]
        return jax.tree.unflatten(self._outputs[0], results)


def _is_smooth(value: object) -> bool:
    return isinstance(value, jax.Array) and bool(
        jnp.issubdtype(value.dtype, jnp.inexact)
    )


def _hashable(value: object) -> Any:
    if isinstance(value, slice):
        return slice, value.start, value.stop, value.step
    return type(value), value
