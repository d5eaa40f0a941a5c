"""A traced program as a flat list of its operations, and the origin of bad values."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from lamina.runtime.executable import in_process_compile
from lamina.runtime.placement import splits_variables
from lamina.tracebacks import is_library_file
from lamina.typing import Array

# Calls whose body is part of the list. Loops and branches are one operation.
_INLINED = frozenset(
    {
        "closed_call",
        "core_call",
        "custom_jvp_call",
        "custom_vjp_call",
        "jit",
        "pjit",
        "remat2",
    }
)
# Operations that pass values on: a constant -inf, as in masks, may enter here.
_PASSES_ON = frozenset(
    {"broadcast_in_dim", "concatenate", "convert_element_type", "pad", "select_n"}
)
_TRANSFORMS = re.compile(
    r"\b(?:jit\(\w*\)|transpose\(?|jvp\(?|vmap\(?|rematted_computation|checkpoint/)|\)"
)
_T = TypeVar("_T")


def scope_path(name: str) -> str:
    """Return the names in one of JAX's name stacks, without those of transformations.

    Example:
        >>> scope_path("transpose(jvp(model))/dense/mul")
        'model/dense/mul'
    """
    inner = name.rsplit("jvp(", 1)[-1]
    return "/".join(part for part in _TRANSFORMS.sub("", inner).split("/") if part)


def innermost(path: str, known: Mapping[str, _T]) -> tuple[str, _T] | None:
    """Return the innermost known object that a path leads into, and the path to it.

    The path begins with the outer model; the keys of `known` may not.
    """
    names = path.split("/")
    for end in range(len(names), 0, -1):
        for start in range(end):
            found = known.get("/".join(names[start:end]))
            if found is not None:
                return "/".join(names[1:end]) or names[0], found
    return None


class SourceLine(NamedTuple):
    """A line of a user's program."""

    file: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.number}: {self.text}"


class Operation(NamedTuple):
    """An operation of a program; values are numbered."""

    equation: Any
    scope: str  # JAX's name stack
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of its primitive, such as "log"."""
        return self.equation.primitive.name

    @property
    def path(self) -> str:
        """The names of the scopes that it is in."""
        return scope_path(self.scope)

    @property
    def is_backward(self) -> bool:
        """Whether it computes a gradient."""
        return "transpose(" in self.scope

    def source_line(self) -> SourceLine | None:
        """Return the user's line that called it, unless a layer of lamina did."""
        traceback = self.equation.source_info.traceback
        for frame in traceback.frames if traceback else ():
            if not is_library_file(frame.file_name):
                text = linecache.getline(frame.file_name, frame.line_num).strip()
                return SourceLine(frame.file_name, frame.line_num, text)
            if "/lamina/layers/" in frame.file_name or "/losses/" in frame.file_name:
                return None
        return None

    def bind(self, values: Sequence[Array]) -> list[Array]:
        """Compute the outputs."""
        primitive = self.equation.primitive
        params = primitive.get_bind_params(self.equation.params)
        outputs = primitive.bind(*values, **params)
        return list(outputs) if primitive.multiple_results else [outputs]


class OperationList:
    """The operations of a function, in their order.

    Args:
        function: takes and returns trees of arrays.
        args: its arguments, or their shapes.
    """

    def __init__(self, function: Callable[..., Any], *args: object) -> None:
        with in_process_compile():
            closed, self.shapes = jax.make_jaxpr(function, return_shape=True)(*args)
        self.operations: list[Operation] = []
        self._constants: dict[int, Any] = {}
        self._count = 0
        self._inputs = [self._new() for _ in closed.jaxpr.invars]
        outputs = self._inline(closed.jaxpr, closed.consts, self._inputs, "")
        # The number of the value behind each output, in the structure of the outputs.
        self.outputs = jax.tree.unflatten(jax.tree.structure(self.shapes), outputs)

    def evaluate(
        self,
        args: object,
        targets: Iterable[int] | None = None,
        visit: Callable[[list[Array]], None] = lambda _: None,
    ) -> dict[int, Array]:
        """Return the values of targets; stop after the operation that makes the last.

        Other values are freed after their last use.

        Args:
            args: the arguments of the function.
            targets: numbers of values; by default those of all outputs.
            visit: called with the outputs of each operation, in order.
        """
        kept = {*(jax.tree.leaves(self.outputs) if targets is None else targets)}
        made_at = {i: n for n, o in enumerate(self.operations, 1) for i in o.outputs}
        operations = self.operations[: max(made_at.get(i, 0) for i in kept)]
        values = dict(self._constants)
        values.update(zip(self._inputs, jax.tree.leaves(args), strict=True))
        last_use = {i: n for n, o in enumerate(operations) for i in o.inputs}
        for n, operation in enumerate(operations):
            results = operation.bind([values[i] for i in operation.inputs])
            visit(results)
            values.update(zip(operation.outputs, results, strict=True))
            for i in {*operation.inputs} - kept:
                if last_use[i] == n:
                    del values[i]
        return values

    def origin(self, flags: Sequence[Any], targets: Iterable[int]) -> int | None:
        """Return the index of the first operation from which bad values reach targets.

        Args:
            flags: whether the outputs of each operation are finite.
            targets: numbers of values.
        """
        bad = {
            number: i
            for i, flag in enumerate(flags)
            if not flag
            for number in self.operations[i].outputs
        }
        wanted, seen = [bad[t] for t in targets if t in bad], set[int]()
        origins: list[int] = []
        while wanted:
            index = wanted.pop()
            if index in seen:
                continue
            seen.add(index)
            earlier = [bad[i] for i in self.operations[index].inputs if i in bad]
            wanted.extend(earlier)
            if not earlier and self.operations[index].name not in _PASSES_ON:
                origins.append(index)
        return min(origins or seen, default=None)

    def _new(self, constant: object = None) -> int:
        self._count += 1
        if constant is not None:
            self._constants[self._count] = constant
        return self._count

    def _inline(
        self, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[int], scope: str
    ) -> list[int]:
        """Append the operations of a function; return the numbers of its results."""
        known = dict(zip(jaxpr.constvars, map(self._new, constants), strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def number(atom: Any) -> int:
            return self._new(atom.val) if hasattr(atom, "val") else known[atom]

        for equation in jaxpr.eqns:
            stack = str(equation.source_info.name_stack)
            inner_scope = "/".join(part for part in (scope, stack) if part)
            numbers = tuple(map(number, equation.invars))
            body = _body(equation)
            if body is None:
                outputs = tuple(self._new() for _ in equation.outvars)
                self.operations.append(
                    Operation(equation, inner_scope, numbers, outputs)
                )
            else:
                outputs = self._inline(*body, numbers, inner_scope)
            known.update(zip(equation.outvars, outputs, strict=True))
        return [number(atom) for atom in jaxpr.outvars]


def _body(equation: Any) -> tuple[Any, Sequence[Any]] | None:
    """Return the function that a call runs, and its constants."""
    if equation.primitive.name not in _INLINED:
        return None
    names = "jaxpr", "call_jaxpr", "fun_jaxpr"
    body = next(equation.params[n] for n in names if n in equation.params)
    return getattr(body, "jaxpr", body), getattr(body, "consts", ())


def is_finite(value: object) -> Array:
    """Return whether all values of an array are finite, as integers always are."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jnp.inexact):
        return jnp.bool_(True)
    return _all_finite(value)


@jax.jit
def _all_finite(value: Array) -> Array:
    return jnp.isfinite(value).all()


# Arrays of at most so many elements are checked together.
_SMALL = 2**16


def all_finite(arrays: Iterable[Array]) -> Array:
    """Return whether all floats are finite; false, too, if a sum of them overflows.

    Small arrays are checked together: XLA compiles each sum in milliseconds, which
    would be most of a deep network's compile time.
    """
    floats = [a for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
    most = 0 if splits_variables() else _SMALL
    totals = [_total(a) for a in floats if a.size > most]
    # `ravel` takes 0.1 ms to trace, also if it returns what it is given.
    small = [a if a.ndim == 1 else a.ravel() for a in floats if a.size <= most]
    if small:
        # The product, 0 or NaN, prevents XLA from making it a sum for each array.
        totals.append(_total(jnp.concatenate(small) * 0))
    return jnp.isfinite(sum(totals, jnp.float32(0)))


def still_finite(new: Iterable[Array], old: Iterable[Array]) -> bool:
    """Return whether everything that was finite still is; a metric may be infinite."""
    pairs = zip(new, old, strict=True)
    return all(bool(_no_new_bad_values(after, before)) for after, before in pairs)


@jax.jit
def _no_new_bad_values(after: Array, before: Array) -> Array:
    return (jnp.isfinite(after) | ~jnp.isfinite(before)).all()


def _total(x: jax.Array) -> jax.Array:
    """Return the sum, in a type that finite 16-bit floats do not overflow."""
    return jnp.sum(x, dtype=jnp.promote_types(x.dtype, jnp.float32))
