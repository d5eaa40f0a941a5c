"""Linear algebra of `tensorflow`: functions of the last two axes, and norms."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.tensorflow.base.declare import array_op, static
from lamina.errors import ArgumentError
from lamina.ops.types import Tensor
from lamina.typing import Array, Axis

Name = str | None


def norm(
    tensor: Tensor,
    ord: float | str = "euclidean",
    axis: Axis = None,
    keepdims: bool = False,
    name: Name = None,
) -> Any:
    """Return the norm of vectors, or of matrices for two axes; of all by default."""
    order: Any = None if ord in ("euclidean", "fro") else ord
    axes = static(axis)
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes

    def calculated(x: Array) -> Array:
        if axes is not None:
            return jnp.linalg.norm(x, order, axes, keepdims)
        found = jnp.linalg.norm(x.reshape(-1), order)
        return found.reshape((1,) * x.ndim) if keepdims else found

    return array_op(calculated)(tensor)


def normalize(
    tensor: Tensor, ord: float | str = "euclidean", axis: Axis = None, name: Name = None
) -> tuple[Any, Any]:
    """Divide by the norm, and return that norm too."""
    size = norm(tensor, ord, axis, keepdims=True)
    return ops.divide(tensor, size), size


def adjoint(matrix: Tensor, name: Name = None) -> Any:
    """Return the conjugate transposes of matrices."""
    return ops.conjugate(ops.swapaxes(matrix, -1, -2))


def _transformed(matrix: Tensor, transpose: bool, conjugate: bool) -> Any:
    """Return matrices, their transposes or their conjugate transposes."""
    if conjugate:
        return adjoint(matrix)
    return ops.swapaxes(matrix, -1, -2) if transpose else matrix


def matmul(
    a: Tensor,
    b: Tensor,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    **_: object,
) -> Any:
    """Return the product of matrices, of which each may be transposed first."""
    a = _transformed(a, transpose_a, adjoint_a)
    return ops.matmul(a, _transformed(b, transpose_b, adjoint_b))


def matvec(
    a: Tensor,
    b: Tensor,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    **_: object,
) -> Any:
    """Return the product of matrices and vectors."""
    column = ops.expand_dims(b, -1)
    return ops.squeeze(matmul(a, column, transpose_a, adjoint_a=adjoint_a), -1)


def inv(input: Tensor, adjoint: bool = False, name: Name = None) -> Any:
    """Return the inverse of matrices."""
    return ops.inv(_transformed(input, False, adjoint))


def solve(matrix: Tensor, rhs: Tensor, adjoint: bool = False, name: Name = None) -> Any:
    """Solve systems of linear equations."""
    return ops.solve(_transformed(matrix, False, adjoint), rhs)


def cholesky_solve(chol: Tensor, rhs: Tensor, name: Name = None) -> Any:
    """Solve equations by the Cholesky factor of their matrix."""
    solved = array_op(lambda c, b: jax.scipy.linalg.cho_solve((c, True), b))
    return solved(chol, rhs)


def triangular_solve(
    matrix: Tensor,
    rhs: Tensor,
    lower: bool = True,
    adjoint: bool = False,
    name: Name = None,
) -> Any:
    """Solve equations with a triangular matrix."""
    solve = functools.partial(
        jax.scipy.linalg.solve_triangular, trans=2 if adjoint else 0, lower=lower
    )
    return array_op(solve)(matrix, rhs)


def diag(diagonal: Tensor, name: Name = None, k: int = 0) -> Any:
    """Return matrices that have the last axis as a diagonal, `k` above the main one.

    Raises:
        ArgumentError: `k` is not an integer.
    """
    if not isinstance(k, int):
        raise ArgumentError(f"tf.linalg.diag: `k` must be an integer, got {k!r}.")

    def matrices(x: Array) -> Array:
        size = x.shape[-1] + abs(k)
        places = np.arange(x.shape[-1])
        empty = jnp.zeros((*x.shape[:-1], size, size), x.dtype)
        return empty.at[..., places + max(-k, 0), places + max(k, 0)].set(x)

    return array_op(matrices)(diagonal)


def diag_part(input: Tensor, name: Name = None, k: int = 0) -> Any:
    """Return the diagonals of matrices, `k` above the main one."""
    return ops.diagonal(input, offset=k, axis1=-2, axis2=-1)


def trace(x: Tensor, name: Name = None) -> Any:
    """Return the sum of the main diagonal of matrices."""
    return ops.trace(x, axis1=-2, axis2=-1)


def tensor_diag(diagonal: Tensor, name: Name = None) -> Any:
    """Return an array with another one as diagonal, of twice as many axes."""

    def placed(x: Array) -> Array:
        return jnp.diag(x.reshape(-1)).reshape(*x.shape, *x.shape)

    return array_op(placed)(diagonal)


def tensor_diag_part(input: Tensor, name: Name = None) -> Any:
    """Return the diagonal of an array whose second half of axes repeats the first."""

    def diagonal(x: Array) -> Array:
        shape = x.shape[: x.ndim // 2]
        return jnp.diagonal(x.reshape(np.prod(shape), -1)).reshape(shape)

    return array_op(diagonal)(input)


def set_diag(input: Tensor, diagonal: Tensor, name: Name = None) -> Any:
    """Return matrices with another main diagonal."""

    def replaced(x: Array, values: Array) -> Array:
        places = np.arange(min(x.shape[-2:]))
        return x.at[..., places, places].set(values)

    return array_op(replaced)(input, diagonal)


def band_part(input: Any, num_lower: int, num_upper: int, name: Name = None) -> Any:
    """Set all but the central diagonals to zero; -1 keeps all of a side."""
    rows, columns = input.shape[-2:]
    below = np.arange(rows)[:, None] - np.arange(columns)
    lower, upper = int(num_lower), int(num_upper)
    is_in = ((lower < 0) | (below <= lower)) & ((upper < 0) | (-below <= upper))
    return ops.where(is_in, input, ops.zeros_like(input))


def svd(
    tensor: Tensor,
    full_matrices: bool = False,
    compute_uv: bool = True,
    name: Name = None,
) -> Any:
    """Return the singular values, then the left and right singular vectors."""
    found = ops.svd(tensor, full_matrices=full_matrices, compute_uv=compute_uv)
    if not compute_uv:
        return found
    u, s, vh = found
    return s, u, adjoint(vh)


def global_norm(t_list: Sequence[Any], name: Name = None) -> Any:
    """Return the Euclidean norm of several arrays together."""
    squares = [ops.sum(ops.square(t)) for t in t_list if t is not None]
    return ops.sqrt(functools.reduce(ops.add, squares))
