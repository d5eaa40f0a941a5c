"""Types of op arguments, and their conversion to arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.errors import ConcretizationTypeError, NonConcreteBooleanIndexError
from jax.typing import ArrayLike

from lamina import config
from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from lamina.typing import Array

Tensor: TypeAlias = ArrayLike | Variable | SymbolicTensor | Sequence[Any]
Axis: TypeAlias = int | Sequence[int] | None
Shape: TypeAlias = int | Sequence[Any]

_UNKNOWN_VALUES = (ConcretizationTypeError, NonConcreteBooleanIndexError)
_OPERANDS = (Array, np.ndarray, np.number, np.bool, int, float, complex)


def operand(x: object) -> ArrayLike:
    """Convert x to an argument of a JAX function.

    Python numbers are not converted: they are weakly typed, and constants of compiled
    programs.
    """
    return x if isinstance(x, _OPERANDS) else jnp.asarray(x)


def array_of(x: object) -> Array:
    """Convert a number, a sequence, a NumPy array or a variable to a JAX array."""
    if isinstance(x, Array):
        return x
    if isinstance(x, np.ndarray):
        # `jnp.asarray` would compile a program for every new shape. Copied, since
        # the caller may write to its array later.
        return jax.device_put(np.array(x))
    return jnp.asarray(x)


def float_array(x: object) -> Array:
    """Convert x to a JAX array, with integers and booleans as `config.floatx()`."""
    x = array_of(x)
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return x
    return x.astype(config.floatx())


def upcast(x: Array) -> Array:
    """Cast 16-bit floats to float32, for sums that would overflow or lose precision."""
    return x.astype("float32") if x.dtype.itemsize < 4 else x


def axes_of(axis: Axis) -> int | tuple[int, ...] | None:
    """Convert an axis, or a sequence of them, to the form that JAX takes."""
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


def check_axis(function: str, x: Array, axis: int) -> None:
    """Raise a `ShapeError` if x has no such axis."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{function}: an array of shape {x.shape} has no axis {axis}.")


def check_same_shape(
    function: str,
    first: Sequence[int],
    second: Sequence[int],
    what: str = "both arrays",
) -> None:
    """Raise a `ShapeError` if two shapes differ."""
    if first != second:
        raise ShapeError(
            f"{function}: {what} must have the same shape. Received: {first} and "
            f"{second}."
        )


@contextmanager
def known_size(function: str, advice: str) -> Iterator[None]:
    """Raise an `ArgumentError` if the block needs the values of traced arrays.

    Args:
        function: name of the op.
        advice: how to avoid the dependence on values.

    Raises:
        ArgumentError: the values are not known, since a program is being compiled or
            a functional model is being built.
    """
    try:
        yield
    except _UNKNOWN_VALUES:
        raise ArgumentError(
            f"{function}: the size of the result depends on values, which are not "
            "known while a model is being built or a program is being compiled. "
            f"{advice}"
        ) from None
