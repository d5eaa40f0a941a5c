"""Element-wise arithmetic, comparisons, logic and mathematical functions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.errors import ArgumentTypeError, invalid
from lamina.ops.families import binary, bitwise, comparison, float_unary, unary
from lamina.ops.types import Tensor, array_of, float_array, operand
from lamina.typing import Array

__all__ = [
    "abs",
    "absolute",
    "add",
    "allclose",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "cos",
    "cosh",
    "deg2rad",
    "divide",
    "divide_no_nan",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "gcd",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "i0",
    "imag",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "lcm",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "not_equal",
    "power",
    "rad2deg",
    "real",
    "reciprocal",
    "right_shift",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "vectorize",
]

absolute = abs = unary(jnp.absolute, "Compute the absolute value element-wise.")
angle = unary(jnp.angle, "Compute the angle of complex numbers, in radians.")
arccos = unary(jnp.arccos, "Compute the inverse cosine, in [0, pi].")
arccosh = unary(jnp.arccosh, "Compute the inverse hyperbolic cosine.")
arcsin = unary(jnp.arcsin, "Compute the inverse sine, in [-pi/2, pi/2].")
arcsinh = unary(jnp.arcsinh, "Compute the inverse hyperbolic sine.")
arctan = unary(jnp.arctan, "Compute the inverse tangent, in (-pi/2, pi/2).")
arctanh = unary(jnp.arctanh, "Compute the inverse hyperbolic tangent.")
cbrt = unary(jnp.cbrt, "Compute the cube root.")
ceil = float_unary(jnp.ceil, "Round up to the nearest integer.")
conj = conjugate = unary(jnp.conjugate, "Compute the complex conjugate.")
cos = unary(jnp.cos, "Compute the cosine.")
cosh = unary(jnp.cosh, "Compute the hyperbolic cosine.")
deg2rad = unary(jnp.deg2rad, "Convert degrees to radians.")
exp = unary(jnp.exp, "Compute e to the power x.")
exp2 = unary(jnp.exp2, "Compute 2 to the power x.")
expm1 = unary(jnp.expm1, "Compute exp(x) - 1, accurate for small x.")
floor = float_unary(jnp.floor, "Round down to the nearest integer.")
i0 = float_unary(jnp.i0, "Compute the modified Bessel function of order 0.")
imag = unary(jnp.imag, "Return the imaginary part.")
log = unary(jnp.log, "Compute the natural logarithm.")
log10 = unary(jnp.log10, "Compute the logarithm to base 10.")
log1p = unary(jnp.log1p, "Compute log(1 + x), accurate for small x.")
log2 = unary(jnp.log2, "Compute the logarithm to base 2.")
fabs = unary(jnp.fabs, "Compute the absolute value as a float.")
negative = unary(jnp.negative, "Compute -x.")
rad2deg = unary(jnp.rad2deg, "Convert radians to degrees.")
real = unary(jnp.real, "Return the real part.")
reciprocal = unary(jnp.reciprocal, "Compute 1 / x.")
sign = unary(jnp.sign, "Return -1, 0 or 1 by the sign of x.")
sin = unary(jnp.sin, "Compute the sine.")
signbit = unary(jnp.signbit, "Return whether x is negative, including -0.0.")
sinc = float_unary(jnp.sinc, "Compute sin(pi * x) / (pi * x), which is 1 at 0.")
sinh = unary(jnp.sinh, "Compute the hyperbolic sine.")
sqrt = unary(jnp.sqrt, "Compute the square root.")
square = unary(jnp.square, "Compute x * x.")
tan = unary(jnp.tan, "Compute the tangent.")
tanh = unary(jnp.tanh, "Compute the hyperbolic tangent.")
trunc = unary(jnp.trunc, "Round towards 0 to the nearest integer.")
bitwise_invert = bitwise_not = unary(jnp.bitwise_not, "Invert the bits of x.")
isfinite = unary(jnp.isfinite, "Return whether x is neither infinite nor NaN.")
isneginf = unary(jnp.isneginf, "Return whether x is minus infinity.")
isposinf = unary(jnp.isposinf, "Return whether x is plus infinity.")
isinf = unary(jnp.isinf, "Return whether x is infinite.")
isnan = unary(jnp.isnan, "Return whether x is NaN.")
isreal = unary(jnp.isreal, "Return whether the imaginary part of x is 0.")
logical_not = unary(jnp.logical_not, "Return whether x is false.")

add = binary(jnp.add, "Compute x1 + x2 element-wise.")
arctan2 = binary(jnp.arctan2, "Compute the angle of the point (x2, x1), in [-pi, pi].")
true_divide = divide = binary(jnp.divide, "Compute x1 / x2 element-wise.")
floor_divide = binary(jnp.floor_divide, "Compute x1 / x2, rounded down.")
fmod = binary(jnp.fmod, "Compute the remainder of x1 / x2, with the sign of x1.")
gcd = binary(jnp.gcd, "Compute the greatest common divisor of integers.")
heaviside = binary(
    jnp.heaviside, "Return 0 where x1 < 0, x2 where x1 is 0, and 1 where x1 > 0."
)
hypot = binary(jnp.hypot, "Compute sqrt(x1**2 + x2**2) without overflow.")
lcm = binary(jnp.lcm, "Compute the least common multiple of integers.")
logaddexp = binary(jnp.logaddexp, "Compute log(exp(x1) + exp(x2)) without overflow.")
fmax = binary(jnp.fmax, "Return the larger element; if one is NaN, the other one.")
fmin = binary(jnp.fmin, "Return the smaller element; if one is NaN, the other one.")
logaddexp2 = binary(jnp.logaddexp2, "Compute log2(2**x1 + 2**x2).")
maximum = binary(jnp.maximum, "Return the larger element of two arrays.")
minimum = binary(jnp.minimum, "Return the smaller element of two arrays.")
mod = binary(jnp.mod, "Compute the remainder of x1 / x2, with the sign of x2.")
multiply = binary(jnp.multiply, "Compute x1 * x2 element-wise.")
nextafter = binary(jnp.nextafter, "Return the float next to x1 towards x2.")
power = binary(jnp.power, "Compute x1 to the power x2.")
subtract = binary(jnp.subtract, "Compute x1 - x2 element-wise.")
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

bitwise_and = bitwise(jnp.bitwise_and, "Compute the bitwise AND of x and y.")
bitwise_or = bitwise(jnp.bitwise_or, "Compute the bitwise OR of x and y.")
bitwise_xor = bitwise(jnp.bitwise_xor, "Compute the bitwise XOR of x and y.")
left_shift = bitwise(jnp.left_shift, "Shift the bits of x to the left by y.")
bitwise_left_shift = left_shift
right_shift = bitwise(jnp.right_shift, "Shift the bits of x to the right by y.")
bitwise_right_shift = right_shift

allclose = comparison(jnp.allclose, "Return whether `isclose` is true everywhere.")
isclose = comparison(
    jnp.isclose, "Return whether |x1 - x2| <= atol + rtol * |x2|, element-wise."
)


@op
def clip(x: Tensor, x_min: Tensor | None, x_max: Tensor | None) -> Array:
    """Clip x to [x_min, x_max]."""
    x = array_of(x)
    if x.dtype == bool:
        x = x.astype("int32")
    low = None if x_min is None else operand(x_min)
    high = None if x_max is None else operand(x_max)
    return jnp.clip(x, low, high)


@op
def divide_no_nan(x1: Tensor, x2: Tensor) -> Array:
    """Compute x1 / x2, with 0 where x2 is 0."""
    x1, x2 = array_of(x1), array_of(x2)
    zero = x2 == 0
    # Dividing by 1 keeps the gradient of the unused branch finite.
    return jnp.where(zero, 0, x1 / jnp.where(zero, 1, x2))


@op
def nan_to_num(
    x: Tensor,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Array:
    """Replace NaN and infinity by finite numbers.

    Args:
        x: any array.
        nan: replacement of NaN.
        posinf: replacement of infinity; `None` for the largest finite number.
        neginf: replacement of minus infinity; `None` for the smallest finite number.
    """
    return jnp.nan_to_num(array_of(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def round(x: Tensor, decimals: int = 0) -> Array:
    """Round to `decimals` decimals, with halves to the nearest even digit."""
    x = array_of(x)
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.round(float_array(x), decimals).astype(x.dtype)
    return jnp.round(x, decimals)


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


@op
def ldexp(x1: Tensor, x2: Tensor) -> Array:
    """Compute x1 * 2**x2 for integers x2.

    Raises:
        ArgumentTypeError: x2 has another element type.
    """
    exponent = array_of(x2)
    if not jnp.issubdtype(exponent.dtype, jnp.integer):
        raise ArgumentTypeError(
            f"ldexp: `x2` must be integers. Received: element type {exponent.dtype}. "
            "Cast first: `ops.cast(x2, 'int32')`."
        )
    return jnp.ldexp(array_of(x1), exponent)


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Collection[int | str] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """Return a function that applies another one to each element of arrays.

    Args:
        pyfunc: a function of scalars, or of arrays as `signature` says.
        excluded: positions or names of arguments that are passed as they are.
        signature: shapes that the function takes and returns, such as
            `"(m,n),(n)->(m)"`; the axes before them are batches.

    Raises:
        ArgumentError: `pyfunc` is not callable.

    Example:
        >>> larger = vectorize(lambda a, b: jnp.where(a > b, a, b))
        >>> larger([1, 5, 3], 2).tolist()
        [2, 5, 3]
    """
    if not callable(pyfunc):
        raise invalid("vectorize", "pyfunc", pyfunc, "a function")
    excluded = frozenset(excluded or ())
    return op(jnp.vectorize(pyfunc, excluded=excluded, signature=signature))
