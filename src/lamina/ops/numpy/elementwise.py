"""Element-wise arithmetic and mathematical functions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.errors import ArgumentTypeError, invalid
from lamina.ops.families import binary, float_unary, unary
from lamina.ops.types import Tensor, array_of, float_array, operand
from lamina.typing import Array

__all__ = [
    "abs",
    "absolute",
    "add",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
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
    "heaviside",
    "hypot",
    "i0",
    "imag",
    "lcm",
    "ldexp",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "power",
    "rad2deg",
    "real",
    "reciprocal",
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

absolute = abs = unary(
    jnp.absolute, "Compute the absolute value element-wise.", "[-2, 0, 1] -> [2, 0, 1]"
)
angle = unary(
    jnp.angle,
    "Compute the angle of complex numbers, in radians.",
    "[1.0, -1.0] -> [0.0, 3.14159...]",
)
arccos = unary(
    jnp.arccos,
    "Compute the inverse cosine, in [0, pi].",
    "[1.0, -1.0] -> [0.0, 3.14159...]",
)
arccosh = unary(
    jnp.arccosh,
    "Compute the inverse hyperbolic cosine.",
    "[1.0, 2.0] -> [0.0, 1.31695...]",
)
arcsin = unary(
    jnp.arcsin,
    "Compute the inverse sine, in [-pi/2, pi/2].",
    "[0.0, 1.0] -> [0.0, 1.57079...]",
)
arcsinh = unary(
    jnp.arcsinh,
    "Compute the inverse hyperbolic sine.",
    "[0.0, 1.0] -> [0.0, 0.88137...]",
)
arctan = unary(
    jnp.arctan,
    "Compute the inverse tangent, in (-pi/2, pi/2).",
    "[0.0, 1.0] -> [0.0, 0.78539...]",
)
arctanh = unary(
    jnp.arctanh,
    "Compute the inverse hyperbolic tangent.",
    "[0.0, 0.5] -> [0.0, 0.54930...]",
)
cbrt = unary(jnp.cbrt, "Compute the cube root.", "[8.0, -27.0] -> [2.0, -3.0]")
ceil = float_unary(
    jnp.ceil, "Round up to the nearest integer.", "[0.5, -1.5] -> [1.0, -1.0]"
)
conj = conjugate = unary(
    jnp.conjugate, "Compute the complex conjugate.", "[1 + 2j] -> [(1-2j)]"
)
cos = unary(jnp.cos, "Compute the cosine.", "[0.0, jnp.pi] -> [1.0, -1.0]")
cosh = unary(
    jnp.cosh, "Compute the hyperbolic cosine.", "[0.0, 1.0] -> [1.0, 1.54308...]"
)
deg2rad = unary(
    jnp.deg2rad, "Convert degrees to radians.", "[0.0, 180.0] -> [0.0, 3.14159...]"
)
exp = unary(jnp.exp, "Compute e to the power x.", "[0.0, 1.0] -> [1.0, 2.71828...]")
exp2 = unary(
    jnp.exp2, "Compute 2 to the power x.", "[0.0, 3.0, -1.0] -> [1.0, 8.0, 0.5]"
)
expm1 = unary(
    jnp.expm1,
    "Compute exp(x) - 1, accurate for small x.",
    "[0.0, 1e-10] -> [0.0, 1.0...e-10]",
)
floor = float_unary(
    jnp.floor, "Round down to the nearest integer.", "[0.5, -1.5] -> [0.0, -2.0]"
)
i0 = float_unary(
    jnp.i0,
    "Compute the modified Bessel function of order 0.",
    "1.0 -> 1.26606...",
)
imag = unary(jnp.imag, "Return the imaginary part.", "[1 + 2j, 3] -> [2.0, 0.0]")
log = unary(jnp.log, "Compute the natural logarithm.", "[1.0, 0.0] -> [0.0, -inf]")
log10 = unary(
    jnp.log10, "Compute the logarithm to base 10.", "[1.0, 100.0] -> [0.0, 2.0]"
)
log1p = unary(
    jnp.log1p,
    "Compute log(1 + x), accurate for small x.",
    "[0.0, 1e-10] -> [0.0, 1.0...e-10]",
)
log2 = unary(
    jnp.log2, "Compute the logarithm to base 2.", "[1.0, 8.0, 0.5] -> [0.0, 3.0, -1.0]"
)
fabs = unary(
    jnp.fabs, "Compute the absolute value as a float.", "[-2, 1] -> [2.0, 1.0]"
)
negative = unary(jnp.negative, "Compute -x.", "[1, -2] -> [-1, 2]")
rad2deg = unary(
    jnp.rad2deg, "Convert radians to degrees.", "[0.0, jnp.pi] -> [0.0, 180.0]"
)
real = unary(jnp.real, "Return the real part.", "[1 + 2j, 3] -> [1.0, 3.0]")
reciprocal = unary(jnp.reciprocal, "Compute 1 / x.", "[2.0, 0.5] -> [0.5, 2.0]")
sign = unary(
    jnp.sign, "Return -1, 0 or 1 by the sign of x.", "[-5, 0, 2] -> [-1, 0, 1]"
)
sin = unary(jnp.sin, "Compute the sine.", "[0.0, jnp.pi / 2] -> [0.0, 1.0]")
signbit = unary(
    jnp.signbit,
    "Return whether x is negative, including -0.0.",
    "[-1.0, -0.0, 0.0] -> [True, True, False]",
)
sinc = float_unary(
    jnp.sinc,
    "Compute sin(pi * x) / (pi * x), which is 1 at 0.",
    "[0.0, 0.5] -> [1.0, 0.63661...]",
)
sinh = unary(
    jnp.sinh, "Compute the hyperbolic sine.", "[0.0, 1.0] -> [0.0, 1.17520...]"
)
sqrt = unary(jnp.sqrt, "Compute the square root.", "[4.0, 9.0] -> [2.0, 3.0]")
square = unary(jnp.square, "Compute x * x.", "[3, -2] -> [9, 4]")
tan = unary(jnp.tan, "Compute the tangent.", "[0.0, 1.0] -> [0.0, 1.55740...]")
tanh = unary(
    jnp.tanh, "Compute the hyperbolic tangent.", "[0.0, 1.0] -> [0.0, 0.76159...]"
)
trunc = unary(
    jnp.trunc, "Round towards 0 to the nearest integer.", "[1.5, -1.5] -> [1.0, -1.0]"
)

add = binary(jnp.add, "Compute x1 + x2 element-wise.", "[1, 2], 10 -> [11, 12]")
arctan2 = binary(
    jnp.arctan2,
    "Compute the angle of the point (x2, x1), in [-pi, pi].",
    "[1.0, -1.0], 0.0 -> [1.57079..., -1.57079...]",
)
true_divide = divide = binary(
    jnp.divide, "Compute x1 / x2 element-wise.", "[1, 3], 2 -> [0.5, 1.5]"
)
floor_divide = binary(
    jnp.floor_divide, "Compute x1 / x2, rounded down.", "[7, -7], 2 -> [3, -4]"
)
fmod = binary(
    jnp.fmod,
    "Compute the remainder of x1 / x2, with the sign of x1.",
    "[7, -7], 3 -> [1, -1]",
)
gcd = binary(
    jnp.gcd, "Compute the greatest common divisor of integers.", "[12, 18], 8 -> [4, 2]"
)
heaviside = binary(
    jnp.heaviside,
    "Return 0 where x1 < 0, x2 where x1 is 0, and 1 where x1 > 0.",
    "[-1.0, 0.0, 2.0], 0.5 -> [0.0, 0.5, 1.0]",
)
hypot = binary(
    jnp.hypot, "Compute sqrt(x1**2 + x2**2) without overflow.", "3.0, 4.0 -> 5.0"
)
lcm = binary(
    jnp.lcm, "Compute the least common multiple of integers.", "[4, 6], 10 -> [20, 30]"
)
logaddexp = binary(
    jnp.logaddexp,
    "Compute log(exp(x1) + exp(x2)) without overflow.",
    "0.0, 0.0 -> 0.69314...",
)
fmax = binary(
    jnp.fmax,
    "Return the larger element; if one is NaN, the other one.",
    "[1.0, jnp.nan], [2.0, 3.0] -> [2.0, 3.0]",
)
fmin = binary(
    jnp.fmin,
    "Return the smaller element; if one is NaN, the other one.",
    "[1.0, jnp.nan], [2.0, 3.0] -> [1.0, 3.0]",
)
logaddexp2 = binary(
    jnp.logaddexp2,
    "Compute log2(2**x1 + 2**x2).",
    "[0.0, 3.0], [0.0, 3.0] -> [1.0, 4.0]",
)
maximum = binary(
    jnp.maximum, "Return the larger element of two arrays.", "[1, 5], [4, 2] -> [4, 5]"
)
minimum = binary(
    jnp.minimum, "Return the smaller element of two arrays.", "[1, 5], [4, 2] -> [1, 2]"
)
mod = binary(
    jnp.mod,
    "Compute the remainder of x1 / x2, with the sign of x2.",
    "[7, -7], 3 -> [1, 2]",
)
multiply = binary(
    jnp.multiply, "Compute x1 * x2 element-wise.", "[1, 2], [3, 4] -> [3, 8]"
)
nextafter = binary(
    jnp.nextafter,
    "Return the float next to x1 towards x2.",
    "1.0, 2.0 -> 1.00000011...",
)
power = binary(jnp.power, "Compute x1 to the power x2.", "[2, 3], [3, 2] -> [8, 9]")
subtract = binary(jnp.subtract, "Compute x1 - x2 element-wise.", "[5, 2], 1 -> [4, 1]")


@op
def clip(x: Tensor, x_min: Tensor | None, x_max: Tensor | None) -> Array:
    """Clip x to [x_min, x_max].

    Example:
        >>> clip([-1, 2, 9], 0, 5).tolist()
        [0, 2, 5]
    """
    x = array_of(x)
    if x.dtype == bool:
        x = x.astype("int32")
    low = None if x_min is None else operand(x_min)
    high = None if x_max is None else operand(x_max)
    return jnp.clip(x, low, high)


@op
def divide_no_nan(x1: Tensor, x2: Tensor) -> Array:
    """Compute x1 / x2, with 0 where x2 is 0.

    Example:
        >>> divide_no_nan([1.0, 3.0], [0.0, 2.0]).tolist()
        [0.0, 1.5]
    """
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

    Example:
        >>> nan_to_num([1.0, jnp.nan, jnp.inf], posinf=9.0).tolist()
        [1.0, 0.0, 9.0]
    """
    return jnp.nan_to_num(array_of(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def round(x: Tensor, decimals: int = 0) -> Array:
    """Round to `decimals` decimals, with halves to the nearest even digit.

    Example:
        >>> round([0.5, 1.5, 2.7]).tolist()
        [0.0, 2.0, 3.0]
        >>> round([125, 186], decimals=-1).tolist()
        [120, 190]
    """
    x = array_of(x)
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.round(float_array(x), decimals).astype(x.dtype)
    return jnp.round(x, decimals)


@op
def ldexp(x1: Tensor, x2: Tensor) -> Array:
    """Compute x1 * 2**x2 for integers x2.

    Raises:
        ArgumentTypeError: x2 has another element type.

    Example:
        >>> ldexp([1.0, 3.0], [2, -1]).tolist()
        [4.0, 1.5]
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
