"""Functions that are declared by the name and arguments of TensorFlow's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lamina import ops
from lamina.compat.keras.backend.text import is_symbolic_text, on_symbolic_text
from lamina.compat.tensorflow.base.ragged import RaggedTensor
from lamina.compat.tensorflow.base.tensors import (
    constant,
    dtype_of,
    is_host,
    is_size,
    is_text,
    on_host,
)
from lamina.core.graph import op
from lamina.core.tracing.trace_state import is_tracing
from lamina.errors import ArgumentTypeError
from lamina.lazy import LazyImport


def declared(module: str, table: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module of declared functions.

    Args:
        module: the `__name__` of the module.
        table: by the name of a function, its target and its arguments, as in
            `"transpose a, /, axes:perm"`. The target is a function of `lamina.ops`, or
            of the module that a path names. Arguments before `/` are passed by
            position, others by name; `axes:perm` passes TensorFlow's `perm` as `axes`.
            An entry `"package.module:name"` is another function, as it is.
    """

    def getattr_(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        if ":" in table[name].partition(" ")[0]:
            return LazyImport(table[name]).load()
        return declared_function(name, table[name])

    return getattr_


# Names of arguments in TensorFlow 1.
FORMER = {
    "dim": "axis",
    "dimension": "axis",
    "keep_dims": "keepdims",
    "reduction_indices": "axis",
    "squeeze_dims": "axis",
    "tensor": "input",
}


def with_former_names(
    **former: str,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator of functions that take former names of arguments.

    Args:
        **former: today's name by the former one.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: object, **kwargs: object) -> Any:
            return function(*args, **{former.get(n, n): v for n, v in kwargs.items()})

        return call

    return decorate


@functools.cache
def declared_function(name: str, declaration: str) -> Callable[..., Any]:
    """Return a function from its declaration."""
    path, positional, named = parsed(declaration)
    target, host = _target(path), getattr(np, path.rpartition(".")[2], None)
    order = [*positional, *named]

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(order):
            raise ArgumentTypeError(
                f"tf.{name} takes {len(order)} arguments ({', '.join(order)}), got "
                f"{len(args)}."
            )
        values = dict(zip(order, args, strict=False)) | kwargs
        values.pop("name", None)
        former = {n: FORMER[n] for n in values.keys() & FORMER.keys() - set(order)}
        values = {former.get(n, n): v for n, v in values.items()}
        unknown = [n for n in values if n not in order]
        if unknown:
            raise ArgumentTypeError(
                f"tf.{name} has no argument {unknown[0]!r}. It has: {', '.join(order)}."
            )
        if values.get("dtype") is not None:
            values["dtype"] = dtype_of(values["dtype"])
        first = [values.pop(n) for n in positional if n in values]
        if first and isinstance(first[0], RaggedTensor):
            return _on_rows(call, *first, **values)
        rest = {named[n]: v for n, v in values.items()}
        is_known = is_host(*first) or any(map(is_text, first))
        is_known = is_known or (all(map(is_size, first)) and is_tracing())
        if host is not None and is_symbolic_text(first):
            return on_symbolic_text(host, tuple(first), rest, target)
        if host is not None and is_known:
            found = host(*[_hosted(v) for v in first], **rest)
            return jax.tree.map(on_host, found)
        return target(*first, **rest)

    call.__name__, call.__doc__ = name, f"See `{path}`."
    vars(call)["declaration"] = declaration
    return call


def _on_rows(
    function: Callable[..., Any], rows: RaggedTensor, *args: Any, **options: Any
) -> Any:
    """Call a function of tensors on each row; reductions are of each row or of all."""
    axis = options.pop("axis", None)
    if function.__name__.startswith("reduce_") and axis is None:
        return function(rows.flat_values, *args, **options)
    if axis is None:
        return rows.map(lambda row: function(row, *args, **options))
    if axis not in (1, -1):
        raise ArgumentTypeError(
            f"tf.{function.__name__} takes a RaggedTensor along axis 1 only. "
            "Pad it for other axes: `x.to_tensor()`."
        )
    return constant([function(row, *args, axis=0, **options) for row in rows])


def parsed(declaration: str) -> tuple[str, list[str], dict[str, str]]:
    """Return the target of a declaration, and its arguments by position and by name."""
    path, _, text = declaration.partition(" ")
    before, slash, after = text.partition("/")
    positional = _names(before) if slash else []
    return path, positional, dict(map(_renamed, _names(after if slash else before)))


def _hosted(value: object) -> Any:
    return on_host(value) if is_text(value) or is_size(value) else value


def _names(text: str) -> list[str]:
    return [n.strip() for n in text.split(",") if n.strip()]


def _renamed(parameter: str) -> tuple[str, str]:
    """Return TensorFlow's name of an argument and the target's."""
    new, _, old = parameter.partition(":")
    return old or new, new


def _target(path: str) -> Callable[..., Any]:
    """Return a function of `lamina.ops`, or of another module as an op."""
    module, _, name = path.rpartition(".")
    if not module:
        return getattr(ops, name)
    found = LazyImport(f"{_MODULES.get(module, module)}:{name}").load()
    return found if module.startswith("lamina") else array_op(found)


def array_op(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of JAX as an op that also takes lists of numbers."""
    return op(lambda *args, **named: function(*map(_array, args), **named))


def _array(value: object) -> Any:
    """Return a list or a column of a frame, which JAX does not take, as an array."""
    if isinstance(value, jax.Array):
        return value
    is_sequence = isinstance(value, (list, tuple)) or hasattr(value, "__array__")
    return jnp.asarray(value) if is_sequence else value


_MODULES = {"jnp": "jax.numpy", "nn": "jax.nn", "linalg": "jax.numpy.linalg"}


def static(value: object) -> Any:
    """Return sizes or axes as Python integers where they are known."""
    if isinstance(value, (jax.Array, np.ndarray)) and not isinstance(value, Tracer):
        return np.asarray(value).tolist()
    if isinstance(value, (list, tuple)):
        return tuple(static(v) for v in value)
    return value
