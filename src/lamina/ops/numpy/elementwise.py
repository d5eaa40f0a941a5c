"""Element-wise arithmetic and mathematical functions."""

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
    """Compute the absolute value element-wise."""
    return jnp.abs(array_of(x))


abs = absolute


@op
def add(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 + x2 element-wise."""
    return jnp.add(operand(x1), operand(x2))


@op
def angle(x: Tensor) -> jax.Array:
    """Compute the angle of complex numbers, in radians."""
    return jnp.angle(array_of(x))


@op
def arccos(x: Tensor) -> jax.Array:
    """Compute the inverse cosine, in [0, pi]."""
    return jnp.arccos(array_of(x))


@op
def arccosh(x: Tensor) -> jax.Array:
    """Compute the inverse hyperbolic cosine."""
    return jnp.arccosh(array_of(x))


@op
def arcsin(x: Tensor) -> jax.Array:
    """Compute the inverse sine, in [-pi/2, pi/2]."""
    return jnp.arcsin(array_of(x))


@op
def arcsinh(x: Tensor) -> jax.Array:
    """Compute the inverse hyperbolic sine."""
    return jnp.arcsinh(array_of(x))


@op
def arctan(x: Tensor) -> jax.Array:
    """Compute the inverse tangent, in (-pi/2, pi/2)."""
    return jnp.arctan(array_of(x))


@op
def arctan2(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute the angle of the point (x2, x1), in [-pi, pi]."""
    return jnp.arctan2(operand(x1), operand(x2))


@op
def arctanh(x: Tensor) -> jax.Array:
    """Compute the inverse hyperbolic tangent."""
    return jnp.arctanh(array_of(x))


@op
def cbrt(x: Tensor) -> jax.Array:
    """Compute the cube root."""
    return jnp.cbrt(array_of(x))


@op
def ceil(x: Tensor) -> jax.Array:
    """Round up to the nearest integer."""
    return jnp.ceil(float_array(x))


@op
def clip(x: Tensor, x_min: Tensor | None, x_max: Tensor | None) -> jax.Array:
    """Clip x to [x_min, x_max]."""
    x = array_of(x)
    if x.dtype == bool:
        x = x.astype("int32")
    low = None if x_min is None else operand(x_min)
    high = None if x_max is None else operand(x_max)
    return jnp.clip(x, low, high)


@op
def conjugate(x: Tensor) -> jax.Array:
    """Compute the complex conjugate."""
    return jnp.conjugate(array_of(x))


conj = conjugate


@op
def cos(x: Tensor) -> jax.Array:
    """Compute the cosine."""
    return jnp.cos(array_of(x))


@op
def cosh(x: Tensor) -> jax.Array:
    """Compute the hyperbolic cosine."""
    return jnp.cosh(array_of(x))


@op
def deg2rad(x: Tensor) -> jax.Array:
    """Convert degrees to radians."""
    return jnp.deg2rad(array_of(x))


@op
def divide(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 / x2 element-wise."""
    return jnp.divide(operand(x1), operand(x2))


true_divide = divide


@op
def divide_no_nan(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 / x2, with 0 where x2 is 0."""
    x1, x2 = array_of(x1), array_of(x2)
    zero = x2 == 0
    # Dividing by 1 keeps the gradient of the unused branch finite.
    return jnp.where(zero, 0, x1 / jnp.where(zero, 1, x2))


@op
def erf(x: Tensor) -> jax.Array:
    """Compute the error function."""
    return lax.erf(float_array(x))


@op
def erfc(x: Tensor) -> jax.Array:
    """Compute 1 - erf(x), accurate for large x."""
    return lax.erfc(float_array(x))


@op
def erfinv(x: Tensor) -> jax.Array:
    """Compute the inverse of the error function."""
    return lax.erf_inv(float_array(x))


@op
def exp(x: Tensor) -> jax.Array:
    """Compute e to the power x."""
    return jnp.exp(array_of(x))


@op
def exp2(x: Tensor) -> jax.Array:
    """Compute 2 to the power x."""
    return jnp.exp2(array_of(x))


@op
def expm1(x: Tensor) -> jax.Array:
    """Compute exp(x) - 1, accurate for small x."""
    return jnp.expm1(array_of(x))


@op
def floor(x: Tensor) -> jax.Array:
    """Round down to the nearest integer."""
    return jnp.floor(float_array(x))


@op
def floor_divide(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 / x2, rounded down."""
    return jnp.floor_divide(operand(x1), operand(x2))


@op
def fmod(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute the remainder of x1 / x2, with the sign of x1."""
    return jnp.fmod(operand(x1), operand(x2))


@op
def heaviside(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return 0 where x1 < 0, x2 where x1 is 0, and 1 where x1 > 0."""
    return jnp.heaviside(operand(x1), operand(x2))


@op
def hypot(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute sqrt(x1**2 + x2**2) without overflow."""
    return jnp.hypot(operand(x1), operand(x2))


@op
def imag(x: Tensor) -> jax.Array:
    """Return the imaginary part."""
    return jnp.imag(array_of(x))


@op
def log(x: Tensor) -> jax.Array:
    """Compute the natural logarithm."""
    return jnp.log(array_of(x))


@op
def log10(x: Tensor) -> jax.Array:
    """Compute the logarithm to base 10."""
    return jnp.log10(array_of(x))


@op
def log1p(x: Tensor) -> jax.Array:
    """Compute log(1 + x), accurate for small x."""
    return jnp.log1p(array_of(x))


@op
def log2(x: Tensor) -> jax.Array:
    """Compute the logarithm to base 2."""
    return jnp.log2(array_of(x))


@op
def logaddexp(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute log(exp(x1) + exp(x2)) without overflow."""
    return jnp.logaddexp(operand(x1), operand(x2))


@op
def fabs(x: Tensor) -> jax.Array:
    """Compute the absolute value as a float."""
    return jnp.fabs(array_of(x))


@op
def fmax(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return the larger element; if one is NaN, the other one."""
    return jnp.fmax(operand(x1), operand(x2))


@op
def fmin(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return the smaller element; if one is NaN, the other one."""
    return jnp.fmin(operand(x1), operand(x2))


@op
def logaddexp2(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute log2(2**x1 + 2**x2)."""
    return jnp.logaddexp2(operand(x1), operand(x2))


@op
def maximum(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return the larger element of two arrays."""
    return jnp.maximum(operand(x1), operand(x2))


@op
def minimum(x1: Tensor, x2: Tensor) -> jax.Array:
    """Return the smaller element of two arrays."""
    return jnp.minimum(operand(x1), operand(x2))


@op
def mod(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute the remainder of x1 / x2, with the sign of x2."""
    return jnp.mod(operand(x1), operand(x2))


@op
def multiply(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 * x2 element-wise."""
    return jnp.multiply(operand(x1), operand(x2))


@op
def nan_to_num(
    x: Tensor,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> jax.Array:
    """Replace NaN and infinity by finite numbers.

    Args:
        x: any array.
        nan: replacement of NaN.
        posinf: replacement of infinity; `None` for the largest finite number.
        neginf: replacement of minus infinity; `None` for the smallest finite number.
    """
    return jnp.nan_to_num(array_of(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def negative(x: Tensor) -> jax.Array:
    """Compute -x."""
    return jnp.negative(array_of(x))


@op
def power(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 to the power x2."""
    return jnp.power(operand(x1), operand(x2))


@op
def rad2deg(x: Tensor) -> jax.Array:
    """Convert radians to degrees."""
    return jnp.rad2deg(array_of(x))


@op
def real(x: Tensor) -> jax.Array:
    """Return the real part."""
    return jnp.real(array_of(x))


@op
def reciprocal(x: Tensor) -> jax.Array:
    """Compute 1 / x."""
    return jnp.reciprocal(array_of(x))


@op
def round(x: Tensor, decimals: int = 0) -> jax.Array:
    """Round to `decimals` decimals, with halves to the nearest even digit."""
    return jnp.round(array_of(x), decimals)


@op
def rsqrt(x: Tensor) -> jax.Array:
    """Compute 1 / sqrt(x)."""
    return lax.rsqrt(float_array(x))


@op
def sign(x: Tensor) -> jax.Array:
    """Return -1, 0 or 1 by the sign of x."""
    return jnp.sign(array_of(x))


@op
def sin(x: Tensor) -> jax.Array:
    """Compute the sine."""
    return jnp.sin(array_of(x))


@op
def signbit(x: Tensor) -> jax.Array:
    """Return whether x is negative, including -0.0."""
    return jnp.signbit(array_of(x))


@op
def sinc(x: Tensor) -> jax.Array:
    """Compute sin(pi * x) / (pi * x), which is 1 at 0."""
    return jnp.sinc(float_array(x))


@op
def sinh(x: Tensor) -> jax.Array:
    """Compute the hyperbolic sine."""
    return jnp.sinh(array_of(x))


@op
def sqrt(x: Tensor) -> jax.Array:
    """Compute the square root."""
    return jnp.sqrt(array_of(x))


@op
def square(x: Tensor) -> jax.Array:
    """Compute x * x."""
    return jnp.square(array_of(x))


@op
def subtract(x1: Tensor, x2: Tensor) -> jax.Array:
    """Compute x1 - x2 element-wise."""
    return jnp.subtract(operand(x1), operand(x2))


@op
def tan(x: Tensor) -> jax.Array:
    """Compute the tangent."""
    return jnp.tan(array_of(x))


@op
def tanh(x: Tensor) -> jax.Array:
    """Compute the hyperbolic tangent."""
    return jnp.tanh(array_of(x))


@op
def trunc(x: Tensor) -> jax.Array:
    """Round towards 0 to the nearest integer."""
    return jnp.trunc(array_of(x))
