"""Element-wise comparisons, logic and bitwise operations."""

from __future__ import annotations

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.ops.families import binary, unary
from lamina.ops.types import Tensor, operand
from lamina.typing import Array

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "left_shift",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "right_shift",
]

bitwise_invert = bitwise_not = unary(jnp.bitwise_not, "Invert the bits of x.")
isfinite = unary(jnp.isfinite, "Return whether x is neither infinite nor NaN.")
isneginf = unary(jnp.isneginf, "Return whether x is minus infinity.")
isposinf = unary(jnp.isposinf, "Return whether x is plus infinity.")
isinf = unary(jnp.isinf, "Return whether x is infinite.")
isnan = unary(jnp.isnan, "Return whether x is NaN.")
logical_not = unary(jnp.logical_not, "Return whether x is false.")

equal = binary(jnp.equal, "Compute x1 == x2 element-wise.")
greater = binary(jnp.greater, "Compute x1 > x2 element-wise.")
greater_equal = binary(jnp.greater_equal, "Compute x1 >= x2 element-wise.")
less = binary(jnp.less, "Compute x1 < x2 element-wise.")
less_equal = binary(jnp.less_equal, "Compute x1 <= x2 element-wise.")
logical_and = binary(jnp.logical_and, "Return whether both x1 and x2 are true.")
logical_or = binary(jnp.logical_or, "Return whether x1, x2 or both are true.")
logical_xor = binary(
    jnp.logical_xor, "Return whether exactly one of x1 and x2 is true."
)
not_equal = binary(jnp.not_equal, "Compute x1 != x2 element-wise.")


@op
def allclose(
    x1: Tensor,
    x2: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Return whether `isclose` is true for all elements."""
    return jnp.allclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def bitwise_and(x: Tensor, y: Tensor) -> Array:
    """Compute the bitwise AND of x and y."""
    return jnp.bitwise_and(operand(x), operand(y))


@op
def bitwise_left_shift(x: Tensor, y: Tensor) -> Array:
    """Shift the bits of x to the left by y."""
    return jnp.left_shift(operand(x), operand(y))


left_shift = bitwise_left_shift


@op
def bitwise_or(x: Tensor, y: Tensor) -> Array:
    """Compute the bitwise OR of x and y."""
    return jnp.bitwise_or(operand(x), operand(y))


@op
def bitwise_right_shift(x: Tensor, y: Tensor) -> Array:
    """Shift the bits of x to the right by y."""
    return jnp.right_shift(operand(x), operand(y))


right_shift = bitwise_right_shift


@op
def bitwise_xor(x: Tensor, y: Tensor) -> Array:
    """Compute the bitwise XOR of x and y."""
    return jnp.bitwise_xor(operand(x), operand(y))


@op
def isclose(
    x1: Tensor,
    x2: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Return whether |x1 - x2| <= atol + rtol * |x2|."""
    return jnp.isclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def isin(
    x1: Tensor, x2: Tensor, assume_unique: bool = False, invert: bool = False
) -> Array:
    """Return whether each element of x1 is in x2.

    Args:
        x1: the elements to test.
        x2: the elements to test against.
        assume_unique: whether x1 and x2 have no duplicates, which may be faster.
        invert: whether to negate the result.
    """
    return jnp.isin(operand(x1), operand(x2), assume_unique, invert)
