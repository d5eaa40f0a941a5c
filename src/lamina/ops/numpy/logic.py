"""Comparisons, logic and bits, element-wise."""

from __future__ import annotations

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.ops.families import binary, bitwise, comparison, unary
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
    "isreal",
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

bitwise_invert = bitwise_not = unary(
    jnp.bitwise_not, "Invert the bits of x.", "[0, 5] -> [-1, -6]"
)
isfinite = unary(
    jnp.isfinite,
    "Return whether x is neither infinite nor NaN.",
    "[1.0, jnp.inf, jnp.nan] -> [True, False, False]",
)
isneginf = unary(
    jnp.isneginf,
    "Return whether x is minus infinity.",
    "[-jnp.inf, jnp.inf] -> [True, False]",
)
isposinf = unary(
    jnp.isposinf,
    "Return whether x is plus infinity.",
    "[-jnp.inf, jnp.inf] -> [False, True]",
)
isinf = unary(
    jnp.isinf,
    "Return whether x is infinite.",
    "[-jnp.inf, 1.0, jnp.nan] -> [True, False, False]",
)
isnan = unary(jnp.isnan, "Return whether x is NaN.", "[1.0, jnp.nan] -> [False, True]")
isreal = unary(
    jnp.isreal,
    "Return whether the imaginary part of x is 0.",
    "[1 + 2j, 3] -> [False, True]",
)
logical_not = unary(
    jnp.logical_not, "Return whether x is false.", "[True, False] -> [False, True]"
)

equal = binary(
    jnp.equal, "Compute x1 == x2 element-wise.", "[1, 2], [1, 3] -> [True, False]"
)
greater = binary(
    jnp.greater, "Compute x1 > x2 element-wise.", "[1, 2, 3], 2 -> [False, False, True]"
)
greater_equal = binary(
    jnp.greater_equal,
    "Compute x1 >= x2 element-wise.",
    "[1, 2, 3], 2 -> [False, True, True]",
)
less = binary(
    jnp.less, "Compute x1 < x2 element-wise.", "[1, 2, 3], 2 -> [True, False, False]"
)
less_equal = binary(
    jnp.less_equal,
    "Compute x1 <= x2 element-wise.",
    "[1, 2, 3], 2 -> [True, True, False]",
)
logical_and = binary(
    jnp.logical_and,
    "Return whether both x1 and x2 are true.",
    "[True, True], [True, False] -> [True, False]",
)
logical_or = binary(
    jnp.logical_or,
    "Return whether x1, x2 or both are true.",
    "[True, False], [False, False] -> [True, False]",
)
logical_xor = binary(
    jnp.logical_xor,
    "Return whether exactly one of x1 and x2 is true.",
    "[True, True], [True, False] -> [False, True]",
)
not_equal = binary(
    jnp.not_equal, "Compute x1 != x2 element-wise.", "[1, 2], [1, 3] -> [False, True]"
)

bitwise_and = bitwise(
    jnp.bitwise_and, "Compute the bitwise AND of x and y.", "6, 3 -> 2"
)
bitwise_or = bitwise(jnp.bitwise_or, "Compute the bitwise OR of x and y.", "6, 3 -> 7")
bitwise_xor = bitwise(
    jnp.bitwise_xor, "Compute the bitwise XOR of x and y.", "6, 3 -> 5"
)
left_shift = bitwise(
    jnp.left_shift, "Shift the bits of x to the left by y.", "[1, 3], 2 -> [4, 12]"
)
bitwise_left_shift = left_shift
right_shift = bitwise(
    jnp.right_shift, "Shift the bits of x to the right by y.", "[4, 13], 2 -> [1, 3]"
)
bitwise_right_shift = right_shift

allclose = comparison(
    jnp.allclose,
    "Return whether `isclose` is true everywhere.",
    "[1.0, 2.0], [1.0, 2.00001] -> True",
)
isclose = comparison(
    jnp.isclose,
    "Return whether |x1 - x2| <= atol + rtol * |x2|, element-wise.",
    "[1.0, 2.0], [1.0, 2.1] -> [True, False]",
)


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

    Example:
        >>> isin([1, 2, 3], [1, 3]).tolist()
        [True, False, True]
    """
    return jnp.isin(operand(x1), operand(x2), assume_unique, invert)
