"""Products of rows with a matrix, for CPUs."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.table import kernel

__all__ = ["matmul_pretransposed"]

Pair = tuple[jax.Array, jax.Array]

# With more columns XLA's own form is as fast; turning more rows takes its time.
_FEW_COLUMNS, _MANY_ROWS = 64, 2**12


def _is_narrow(x: jax.Array, matrix: jax.Array) -> bool:
    """XLA is slow at the gradient by a matrix of few columns"""
    few = 1 < matrix.shape[1] <= _FEW_COLUMNS
    return few and math.prod(x.shape[:-1]) <= _MANY_ROWS


def _is_rows(x: jax.Array, matrix: jax.Array) -> bool:
    alike = x.dtype == matrix.dtype and jnp.issubdtype(x.dtype, jnp.floating)
    return alike and x.ndim > 1 and matrix.ndim == 2


@kernel("matmul", "cpu", when=_is_narrow, can=_is_rows)
def matmul_pretransposed(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """The product, with the gradient by the matrix as one of rows that were turned.

    XLA has its fast library multiply what it need not turn itself.
    """
    y = _multiply(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), matrix)
    return y.reshape(*x.shape[:-1], matrix.shape[1])


@jax.custom_jvp
def _multiply(x: jax.Array, matrix: jax.Array) -> jax.Array:
    return x @ matrix


@_multiply.defjvp
def _tangent(primals: Pair, tangents: Pair) -> Pair:
    x, matrix = primals
    dx, dmatrix = tangents
    turned = lax.optimization_barrier(x.T)
    along = lax.dot_general(turned, dmatrix, (((0,), (0,)), ((), ())))
    return x @ matrix, dx @ matrix + along
