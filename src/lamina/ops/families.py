"""Families of ops that have the same arguments and differ in the JAX function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Protocol

from lamina.core.graph import op
from lamina.ops.types import Axis, Tensor, array_of, axes_of, operand
from lamina.typing import Array

Convert = Callable[[Tensor], Array]


class Unary(Protocol):
    """Function of an array."""

    def __call__(self, x: Tensor) -> Array:
        """Compute the function."""
        ...


class Binary(Protocol):
    """Function of two arrays."""

    def __call__(self, x1: Tensor, x2: Tensor) -> Array:
        """Compute the function."""
        ...


class Reduction(Protocol):
    """Function of the elements along an axis, several axes or all."""

    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Array:
        """Reduce the axes, or keep them with length 1."""
        ...


def unary(function: Callable[..., Any], doc: str, convert: Convert = array_of) -> Unary:
    """Return an op of one array.

    Args:
        function: the JAX function; the op has its name.
        doc: the docstring.
        convert: converts the argument to an array.
    """

    def call(x: Tensor) -> Array:
        return function(convert(x))

    return _make_op(call, function.__name__, doc)


def binary(function: Callable[..., Any], doc: str) -> Binary:
    """Return an op of two arrays, which may be Python numbers."""

    def call(x1: Tensor, x2: Tensor) -> Array:
        return function(operand(x1), operand(x2))

    return _make_op(call, function.__name__, doc)


def reduction(
    function: Callable[..., Any], doc: str, convert: Convert = array_of
) -> Reduction:
    """Return an op that reduces axes; the arguments are those of `unary`."""

    def call(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Array:
        return function(convert(x), axis=axes_of(axis), keepdims=keepdims)

    return _make_op(call, function.__name__, doc, static=["axis"])


def _make_op(
    call: FunctionType, name: str, doc: str, static: Sequence[str] = ()
) -> Any:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    call.__module__ = "lamina.ops"  # where pickle finds it
    return op(call, static=static)
