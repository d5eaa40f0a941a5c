"""Element-wise comparisons, logic and bitwise operations."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.ops.types import Tensor, array_of, operand

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


@op
def allclose(
    x1: Tensor,
    x2: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> jax.Array:
    """Return whether `isclose` is true for all elements."""
    return jnp.allclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def bitwise_and(x: Tensor, y: Tensor) -> jax.Array:
    """Compute the bitwise AND of x and y."""
    return jnp.bitwise_and(operand(x), operand(y))


@op
def bitwise_not(x: Tensor) -> jax.Array:
    """Invert the bits of x."""
    return jnp.bitwise_not(array_of(x))


bitwise_invert = bitwise_not


@op
def bitwise_left_shift(x: Tensor, y: Tensor) -> jax.Array:
    """Shift the bits of x to the left by y."""
    return jnp.left_shift(operand(x), operand(y))


left_shift = bitwise_left_shift


@op
def bitwise_or(x: Tensor, y: Tensor) -> jax.Array:
    """Compute the bitwise OR of x and y."""
    return jnp.bitwise_or(operand(x), operand(y))


@op
def bitwise_right_shift(x: Tensor, y: Tensor) -> jax.Array:
    """Shift the bits of x to the right by y."""
    return jnp.right_shift(operand(x), operand(y))


right_shift = bitwise_right_shift


@op
def bitwise_xor(x: Tensor, y: Tensor) -> jax.Array:
    """Compute the bitwise XOR of x and y."""
    return jnp.bitwise_xor(operand(x), operand(y))


@op
def equal(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 == x2 element-wise."""
    return jnp.equal(operand(x1), operand(x2))


@op
def greater(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 > x2 element-wise."""
    return jnp.greater(operand(x1), operand(x2))


@op
def greater_equal(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 >= x2 element-wise."""
    return jnp.greater_equal(operand(x1), operand(x2))


@op
def isclose(
    x1: Tensor,
    x2: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> jax.Array:
    """Return whether |x1 - x2| <= atol + rtol * |x2|."""
    return jnp.isclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def isfinite(x: Tensor) -> jax.Array:
    """Return whether x is neither infinite nor NaN."""
    return jnp.isfinite(array_of(x))


@op
def isin(
    x1: Tensor, x2: Tensor, assume_unique: bool = False, invert: bool = False
) -> jax.Array:
    """Return whether each element of x1 is in x2.

    Args:
        x1: the elements to test.
        x2: the elements to test against.
        assume_unique: whether x1 and x2 have no duplicates, which may be faster.
        invert: whether to negate the result.
    """
    return jnp.isin(operand(x1), operand(x2), assume_unique, invert)


@op
def isneginf(x: Tensor) -> jax.Array:
    """Return whether x is minus infinity."""
    return jnp.isneginf(array_of(x))


@op
def isposinf(x: Tensor) -> jax.Array:
    """Return whether x is plus infinity."""
    return jnp.isposinf(array_of(x))


@op
def isinf(x: Tensor) -> jax.Array:
    """Return whether x is infinite."""
    return jnp.isinf(array_of(x))


@op
def isnan(x: Tensor) -> jax.Array:
    """Return whether x is NaN."""
    return jnp.isnan(array_of(x))


@op
def less(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 < x2 element-wise."""
    return jnp.less(operand(x1), operand(x2))


@op
def less_equal(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 <= x2 element-wise."""
    return jnp.less_equal(operand(x1), operand(x2))


@op
def logical_and(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return whether both x1 and x2 are true."""
    return jnp.logical_and(operand(x1), operand(x2))


@op
def logical_not(x: Tensor) -> jax.Array:
    """Return whether x is false."""
    return jnp.logical_not(array_of(x))


@op
def logical_or(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return whether x1, x2 or both are true."""
    return jnp.logical_or(operand(x1), operand(x2))


@op
def logical_xor(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return whether exactly one of x1 and x2 is true."""
    return jnp.logical_xor(operand(x1), operand(x2))


@op
def not_equal(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 != x2 element-wise."""
    return jnp.not_equal(operand(x1), operand(x2))
