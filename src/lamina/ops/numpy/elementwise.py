"""Arithmetic and functions of one number, element by element."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.graph import op
from lamina.ops.types import Tensor, array_of, float_array, operand

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
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "imag",
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
    "power",
    "rad2deg",
    "real",
    "reciprocal",
    "round",
    "rsqrt",
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
]


@op
def absolute(x: Tensor) -> jax.Array:
    """The distance from 0."""
    return jnp.abs(array_of(x))


abs = absolute


@op
def add(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 + x2."""
    return jnp.add(operand(x1), operand(x2))


@op
def angle(x: Tensor) -> jax.Array:
    """The angle of a complex number, in radians."""
    return jnp.angle(array_of(x))


@op
def arccos(x: Tensor) -> jax.Array:
    """The inverse cosine, in [0, pi]."""
    return jnp.arccos(array_of(x))


@op
def arccosh(x: Tensor) -> jax.Array:
    """The inverse hyperbolic cosine."""
    return jnp.arccosh(array_of(x))


@op
def arcsin(x: Tensor) -> jax.Array:
    """The inverse sine, in [-pi/2, pi/2]."""
    return jnp.arcsin(array_of(x))


@op
def arcsinh(x: Tensor) -> jax.Array:
    """The inverse hyperbolic sine."""
    return jnp.arcsinh(array_of(x))


@op
def arctan(x: Tensor) -> jax.Array:
    """The inverse tangent, in (-pi/2, pi/2)."""
    return jnp.arctan(array_of(x))


@op
def arctan2(x1: Tensor, x2: Tensor) -> jax.Array:
    """The angle of the point (x2, x1), in [-pi, pi]."""
    return jnp.arctan2(operand(x1), operand(x2))


@op
def arctanh(x: Tensor) -> jax.Array:
    """The inverse hyperbolic tangent."""
    return jnp.arctanh(array_of(x))


@op
def cbrt(x: Tensor) -> jax.Array:
    """The cube root."""
    return jnp.cbrt(array_of(x))


@op
def ceil(x: Tensor) -> jax.Array:
    """The smallest whole number not below x."""
    return jnp.ceil(float_array(x))


@op
def clip(x: Tensor, x_min: Tensor | None, x_max: Tensor | None) -> jax.Array:
    """x, moved into [x_min, x_max]."""
    x = array_of(x)
    if x.dtype == bool:
        x = x.astype("int32")
    low = None if x_min is None else operand(x_min)
    high = None if x_max is None else operand(x_max)
    return jnp.clip(x, low, high)


@op
def conjugate(x: Tensor) -> jax.Array:
    """The complex conjugate."""
    return jnp.conjugate(array_of(x))


conj = conjugate


@op
def cos(x: Tensor) -> jax.Array:
    """The cosine."""
    return jnp.cos(array_of(x))


@op
def cosh(x: Tensor) -> jax.Array:
    """The hyperbolic cosine."""
    return jnp.cosh(array_of(x))


@op
def deg2rad(x: Tensor) -> jax.Array:
    """Degrees as radians."""
    return jnp.deg2rad(array_of(x))


@op
def divide(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 / x2."""
    return jnp.divide(operand(x1), operand(x2))


true_divide = divide


@op
def divide_no_nan(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 / x2, and 0 where x2 is 0."""
    x1, x2 = array_of(x1), array_of(x2)
    zero = x2 == 0
    # Dividing by a harmless number keeps the unused branch's gradient finite.
    return jnp.where(zero, 0, x1 / jnp.where(zero, 1, x2))


@op
def erf(x: Tensor) -> jax.Array:
    """The error function."""
    return lax.erf(float_array(x))


@op
def erfc(x: Tensor) -> jax.Array:
    """1 - erf(x), exact for large x."""
    return lax.erfc(float_array(x))


@op
def erfinv(x: Tensor) -> jax.Array:
    """The inverse of the error function."""
    return lax.erf_inv(float_array(x))


@op
def exp(x: Tensor) -> jax.Array:
    """e to the power x."""
    return jnp.exp(array_of(x))


@op
def exp2(x: Tensor) -> jax.Array:
    """2 to the power x."""
    return jnp.exp2(array_of(x))


@op
def expm1(x: Tensor) -> jax.Array:
    """exp(x) - 1, exact for small x."""
    return jnp.expm1(array_of(x))


@op
def floor(x: Tensor) -> jax.Array:
    """The largest whole number not above x."""
    return jnp.floor(float_array(x))


@op
def floor_divide(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 / x2, rounded down."""
    return jnp.floor_divide(operand(x1), operand(x2))


@op
def fmod(x1: Tensor, x2: Tensor) -> jax.Array:
    """The remainder of x1 / x2, with the sign of x1."""
    return jnp.fmod(operand(x1), operand(x2))


@op
def heaviside(x1: Tensor, x2: Tensor) -> jax.Array:
    """0 where x1 < 0, x2 where it is 0, 1 where x1 > 0."""
    return jnp.heaviside(operand(x1), operand(x2))


@op
def hypot(x1: Tensor, x2: Tensor) -> jax.Array:
    """sqrt(x1**2 + x2**2), without overflow."""
    return jnp.hypot(operand(x1), operand(x2))


@op
def imag(x: Tensor) -> jax.Array:
    """The imaginary part."""
    return jnp.imag(array_of(x))


@op
def log(x: Tensor) -> jax.Array:
    """The natural logarithm."""
    return jnp.log(array_of(x))


@op
def log10(x: Tensor) -> jax.Array:
    """The logarithm to base 10."""
    return jnp.log10(array_of(x))


@op
def log1p(x: Tensor) -> jax.Array:
    """log(1 + x), exact for small x."""
    return jnp.log1p(array_of(x))


@op
def log2(x: Tensor) -> jax.Array:
    """The logarithm to base 2."""
    return jnp.log2(array_of(x))


@op
def logaddexp(x1: Tensor, x2: Tensor) -> jax.Array:
    """log(exp(x1) + exp(x2)), without overflow."""
    return jnp.logaddexp(operand(x1), operand(x2))


@op
def fabs(x: Tensor) -> jax.Array:
    """The distance from 0."""
    return jnp.fabs(array_of(x))


@op
def fmax(x1: Tensor, x2: Tensor) -> jax.Array:
    """The larger of two, of which one may be no number."""
    return jnp.fmax(operand(x1), operand(x2))


@op
def fmin(x1: Tensor, x2: Tensor) -> jax.Array:
    """The smaller of two, of which one may be no number."""
    return jnp.fmin(operand(x1), operand(x2))


@op
def logaddexp2(x1: Tensor, x2: Tensor) -> jax.Array:
    """log2(2**x1 + 2**x2)."""
    return jnp.logaddexp2(operand(x1), operand(x2))


@op
def maximum(x1: Tensor, x2: Tensor) -> jax.Array:
    """The larger of two."""
    return jnp.maximum(operand(x1), operand(x2))


@op
def minimum(x1: Tensor, x2: Tensor) -> jax.Array:
    """The smaller of two."""
    return jnp.minimum(operand(x1), operand(x2))


@op
def mod(x1: Tensor, x2: Tensor) -> jax.Array:
    """The remainder of x1 / x2, with the sign of x2."""
    return jnp.mod(operand(x1), operand(x2))


@op
def multiply(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 * x2."""
    return jnp.multiply(operand(x1), operand(x2))


@op
def nan_to_num(
    x: Tensor,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> jax.Array:
    """x, with numbers in the place of NaN and infinity.

    Args:
        x: any array.
        nan: the number for NaN.
        posinf: the number for infinity; `None` for the largest there is.
        neginf: the number for minus infinity; `None` for the smallest there is.
    """
    return jnp.nan_to_num(array_of(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def negative(x: Tensor) -> jax.Array:
    """-x."""
    return jnp.negative(array_of(x))


@op
def power(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 to the power x2."""
    return jnp.power(operand(x1), operand(x2))


@op
def rad2deg(x: Tensor) -> jax.Array:
    """Radians as degrees."""
    return jnp.rad2deg(array_of(x))


@op
def real(x: Tensor) -> jax.Array:
    """The real part."""
    return jnp.real(array_of(x))


@op
def reciprocal(x: Tensor) -> jax.Array:
    """1 / x."""
    return jnp.reciprocal(array_of(x))


@op
def round(x: Tensor, decimals: int = 0) -> jax.Array:
    """x to the nearest number of `decimals` decimals, halves to the even one."""
    return jnp.round(array_of(x), decimals)


@op
def rsqrt(x: Tensor) -> jax.Array:
    """1 / sqrt(x)."""
    return lax.rsqrt(float_array(x))


@op
def sign(x: Tensor) -> jax.Array:
    """-1, 0 or 1."""
    return jnp.sign(array_of(x))


@op
def sin(x: Tensor) -> jax.Array:
    """The sine."""
    return jnp.sin(array_of(x))


@op
def signbit(x: Tensor) -> jax.Array:
    """Whether x is negative, -0.0 included."""
    return jnp.signbit(array_of(x))


@op
def sinc(x: Tensor) -> jax.Array:
    """sin(pi * x) / (pi * x), 1 at 0."""
    return jnp.sinc(float_array(x))


@op
def sinh(x: Tensor) -> jax.Array:
    """The hyperbolic sine."""
    return jnp.sinh(array_of(x))


@op
def sqrt(x: Tensor) -> jax.Array:
    """The square root."""
    return jnp.sqrt(array_of(x))


@op
def square(x: Tensor) -> jax.Array:
    """x * x."""
    return jnp.square(array_of(x))


@op
def subtract(x1: Tensor, x2: Tensor) -> jax.Array:
    """x1 - x2."""
    return jnp.subtract(operand(x1), operand(x2))


@op
def tan(x: Tensor) -> jax.Array:
    """The tangent."""
    return jnp.tan(array_of(x))


@op
def tanh(x: Tensor) -> jax.Array:
    """The hyperbolic tangent."""
    return jnp.tanh(array_of(x))


@op
def trunc(x: Tensor) -> jax.Array:
    """x without its decimals."""
    return jnp.trunc(array_of(x))
