"""Calls that gradient tapes record, each with its pullback.

While a tape is active, `local.recorder` is set: ops and operators of arrays then pass
through `record`. An array is known by its `id`, as in `lamina.core.masks`; a tape holds
the arrays that it watches, so that no other object gets their `id`.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.masks import get_mask, set_mask
from lamina.core.scope import local, override
from lamina.core.variable import Variable
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
    def call(*args: Any, **kwargs: Any) -> Any:
        if local.recorder is None or local.infers_shapes:
            return function(*args, **kwargs)
        return record(function, args, kwargs)

    return call


def record(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Call a function, and record the call if a tape watches an argument.

    Outputs that are arrays of floats have gradients.
    """
    flat = FlatCall(args, kwargs)

    def call(*args: Any, **kwargs: Any) -> tuple[Any, None]:
        return function(*args, **kwargs), None

    pure = flat.pure(call, flat.leaves)
    if not flat.inputs:
        smooth, (others, _) = pure()
        return flat.outputs(smooth, others)
    smooth, pullback, (others, _) = jax.vjp(pure, *flat.inputs, has_aux=True)
    smooth = add_call(lambda *arrays: pure(*arrays)[0], flat.inputs, smooth, pullback)
    return flat.outputs(smooth, others)


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

    def without_arrays(self, is_array: Callable[[object], bool]) -> FlatCall:
        """Return a copy that has `None` in place of arrays, which it does not hold."""
        result = copy.copy(self)
        result.leaves = [None if is_array(v) else v for v in self.leaves]
        result.inputs, result._outputs = [], []
        return result

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
