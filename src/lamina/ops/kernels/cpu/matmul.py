"""Matrix product kernels for CPUs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.calls import EinsumCall, MatmulCall
from lamina.ops.kernels.table import register_kernel

Pair = tuple[jax.Array, jax.Array]

_PRODUCT = re.compile(r"(\.{3}|[a-zA-Z]+)([a-zA-Z]),\2([a-zA-Z])->\1\3")

# With more columns XLA is as fast; with more rows the transpose takes too long.
_MAX_COLUMNS, _MAX_ROWS = 64, 2**12


def _is_narrow(call: MatmulCall) -> bool:
    has_few_columns = 1 < call.matrix.shape[1] <= _MAX_COLUMNS
    return has_few_columns and math.prod(call.x.shape[:-1]) <= _MAX_ROWS


def _has_leading_axes(call: MatmulCall | EinsumCall) -> bool:
    return call.x.ndim > 2


def _is_float_matrix(call: MatmulCall) -> bool:
    x, matrix = call
    same_float = x.dtype == matrix.dtype and jnp.issubdtype(x.dtype, jnp.floating)
    return same_float and x.ndim > 1 and matrix.ndim == 2


@register_kernel(
    "matmul",
    "cpu",
    "XLA is slow at the gradient with respect to a matrix of few columns.",
    when=_is_narrow,
    supports=_is_float_matrix,
)
def matmul_pretransposed(call: MatmulCall) -> jax.Array:
    """Multiply; the gradient with respect to the matrix transposes x beforehand.

    XLA calls its fast library only for operands that it need not transpose.
    """
    return _multiply_rows(_multiply, call)


@register_kernel(
    "matmul",
    "cpu",
    "XLA is slow at the gradient with respect to a matrix if x has leading axes.",
    when=_has_leading_axes,
    supports=_is_float_matrix,
)
def matmul_by_rows(call: MatmulCall) -> jax.Array:
    """Multiply a matrix of all rows of x.

    For an x of three axes XLA transposes the gradient of the product, and calls a
    library that takes two to three times as long for operands in that order.
    """
    inner, columns = call.matrix.shape
    is_tall = inner > columns
    return _multiply_rows(_multiply_tall if is_tall else jnp.matmul, call)


def _is_product(call: EinsumCall) -> bool:
    """Return whether an einsum multiplies the rows of x by a matrix."""
    match = _PRODUCT.fullmatch(call.subscripts.replace(" ", ""))
    if match is None or not _is_float_matrix(MatmulCall(call.x, call.kernel)):
        return False
    rows, inner, columns = match.groups()
    letters = rows.strip(".") + inner + columns
    is_whole = rows == "..." or call.x.ndim == len(rows) + 1
    is_same_size = call.x.shape[-1] == call.kernel.shape[0]
    return len({*letters}) == len(letters) and is_whole and is_same_size


@register_kernel(
    "einsum",
    "cpu",
    "XLA is slow at the gradient with respect to a matrix if x has leading axes.",
    when=_has_leading_axes,
    supports=_is_product,
)
def einsum_by_rows(call: EinsumCall) -> jax.Array:
    """Compute an einsum such as "abc,cd->abd" as a product of a matrix of all rows."""
    return matmul_by_rows(MatmulCall(call.x, call.kernel))


def _multiply_rows(
    multiply: Callable[[jax.Array, jax.Array], jax.Array], call: MatmulCall
) -> jax.Array:
    """Call `multiply` with the rows of x as one matrix."""
    x, matrix = call
    y = multiply(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), matrix)
    return y.reshape(*x.shape[:-1], matrix.shape[1])


@jax.custom_jvp
def _product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    return x @ matrix


@_product.defjvp
def _tangent(primals: Pair, tangents: Pair) -> Pair:
    x, matrix = primals
    dx, dmatrix = tangents
    transposed = lax.optimization_barrier(x.T)
    weighted = lax.dot_general(transposed, dmatrix, (((0,), (0,)), ((), ())))
    return x @ matrix, dx @ matrix + weighted


@jax.custom_jvp
def _tall_product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """Multiply; the gradient with respect to the matrix is computed transposed.

    XLA's library takes up to twice as long for a tall result as for a wide one.
    """
    return x @ matrix


@_tall_product.defjvp
def _tall_tangent(primals: Pair, tangents: Pair) -> Pair:
    x, matrix = primals
    dx, dmatrix = tangents
    wide = lax.optimization_barrier(dmatrix.T)
    weighted = lax.dot_general(x, wide, (((1,), (1,)), ((), ())))
    return x @ matrix, dx @ matrix + weighted


# Calls for equal shapes are traced and differentiated once: that of 128 dense layers
# takes 0.2 s less. Programs stay the same.
_multiply = jax.jit(_product, inline=True)
_multiply_tall = jax.jit(_tall_product, inline=True)
