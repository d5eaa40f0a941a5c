"""What ops take: anything that can become an array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lamina import config
from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.errors import ArgumentError

__all__ = [
    "Axis",
    "Shape",
    "Tensor",
    "array_of",
    "float_array",
    "known_size",
    "operand",
    "upcast",
]

Tensor: TypeAlias = ArrayLike | Variable | SymbolicTensor | Sequence[Any]
Axis: TypeAlias = int | Sequence[int] | None
Shape: TypeAlias = int | Sequence[Any]

_OPERANDS = (jax.Array, np.ndarray, np.number, np.bool, int, float, complex)


def operand(x: Any) -> ArrayLike:
    """x as functions of JAX take it.

    Numbers stay Python's: their types give way to those of arrays, and compiled
    programs know them as constants.
    """
    return x if isinstance(x, _OPERANDS) else jnp.asarray(x)


def array_of(x: Any) -> jax.Array:
    """A JAX array of a number, a list, a NumPy array, a variable or an array."""
    if isinstance(x, jax.Array):
        return x
    if isinstance(x, np.ndarray):
        # `jnp.asarray` would compile a program for every new shape. The copy is
        # ours: the caller may write to its own array later.
        return jax.device_put(np.array(x))
    return jnp.asarray(x)


def float_array(x: Any) -> jax.Array:
    """The same, and integers and truth values become `config.floatx()`."""
    x = array_of(x)
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return x
    return x.astype(config.floatx())


def upcast(x: jax.Array) -> jax.Array:
    """16-bit numbers in 32 bits, for sums that would overflow or lose digits."""
    return x.astype("float32") if x.dtype.itemsize < 4 else x


@contextmanager
def known_size(function: str, advice: str) -> Iterator[None]:
    """Inside this block, a size is taken from values.

    Args:
        function: the op's name.
        advice: what to do where values are not known.

    Raises:
        ArgumentError: the values are not known: a program is being compiled, or a
            model wired.
    """
    try:
        yield
    except (
        jax.errors.ConcretizationTypeError, jax.errors.NonConcreteBooleanIndexError
    ):  # fmt: skip
        raise ArgumentError(
            f"{function}: the size of the result depends on values, which are not "
            f"known while a model is wired or a program compiled. {advice}"
        ) from None
