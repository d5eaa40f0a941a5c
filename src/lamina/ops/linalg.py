"""Matrix products, norms and decompositions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import scipy

from lamina.core.check import check_arguments, one_of
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.families import Function, family
from lamina.ops.types import Axis, Tensor, axes_of, float_array
from lamina.typing import Array, PyTree

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]


def __dir__() -> list[str]:
    return __all__


_MODES = {"mode": one_of("reduced", "complete")}


def _matrices(function: str, x: Tensor) -> Array:
    x = float_array(x)
    if x.ndim < 2:
        raise ShapeError(
            f"{function}: matrices must have a rank of at least 2. Received: shape "
            f"{x.shape}."
        )
    return x


def _square(function: str, x: Tensor) -> Array:
    x = _matrices(function, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{function}: matrices must be square. Received: shape {x.shape}."
        )
    return x


@family()
def _of_square(function: Function, x: Tensor) -> Array:
    """Compute a function of square matrices, (..., n, n)."""
    return function(_square(function.__name__, x))


det = _of_square(
    jnp.linalg.det, "Compute the determinant.", "[[1.0, 2.0], [0.0, 3.0]] -> 3.0"
)
inv = _of_square(
    jnp.linalg.inv,
    "Compute the inverse matrix.",
    "[[2.0, 0.0], [0.0, 4.0]] -> [[0.5, 0.0], [0.0, 0.25]]",
)


@op
def cholesky(x: Tensor, upper: bool = False) -> Array:
    """Compute the lower triangular L with L L^T = x; its transpose with `upper`.

    Example:
        >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).tolist()
        [[2.0, 0.0], [1.0, 2.0]]
    """
    return jnp.linalg.cholesky(_square("cholesky", x), upper=upper)


@op
def cholesky_inverse(x: Tensor, upper: bool = False) -> Array:
    """Compute the inverse of a matrix from its Cholesky factor.

    Args:
        x: (..., n, n), the result of `cholesky` with the same `upper`.
        upper: whether the factor is upper triangular.

    Example:
        >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
        [[0.25, 0.0], [0.0, 1.0]]
    """
    x = _square("cholesky_inverse", x)
    identity = jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape)
    inverse = scipy.linalg.solve_triangular(x, identity, lower=not upper)
    transposed = jnp.swapaxes(inverse, -1, -2)
    return inverse @ transposed if upper else transposed @ inverse


@op
def eig(x: Tensor) -> tuple[Array, Array]:
    """Compute the eigenvalues and right eigenvectors of square matrices.

    Both are complex. Runs on CPUs only, and has no gradient of eigenvectors.

    Example:
        >>> values, vectors = eig([[1.0, 2.0], [0.0, 3.0]])
        >>> values.tolist()
        [(1+0j), (3+0j)]
    """
    values, vectors = jnp.linalg.eig(_square("eig", x))
    return values, vectors


@op
def eigh(x: Tensor) -> tuple[Array, Array]:
    """Compute the eigenvalues, increasing, and eigenvectors of symmetric matrices.

    Example:
        >>> values, vectors = eigh([[3.0, 0.0], [0.0, 2.0]])
        >>> values.tolist(), vectors.tolist()
        ([2.0, 3.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    values, vectors = jnp.linalg.eigh(_square("eigh", x))
    return values, vectors


@op
def jvp(
    fun: Callable[..., Any],
    primals: Sequence[PyTree],
    tangents: Sequence[PyTree],
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """Compute a function and its derivative along a direction.

    Args:
        fun: the function.
        primals: the arguments, a list or tuple of arrays or trees of arrays.
        tangents: the direction, in the structure of `primals`.
        has_aux: whether `fun` returns a pair of the result and other data, which is
            not differentiated.

    Returns:
        `(result, derivative)`, or `(result, derivative, data)` with `has_aux`.

    Example:
        >>> value, derivative = jvp(lambda x: x**2, (3.0,), (1.0,))
        >>> float(value), float(derivative)
        (9.0, 6.0)
    """
    return jax.jvp(fun, tuple(primals), tuple(tangents), has_aux=has_aux)


@op
def lstsq(a: Tensor, b: Tensor, rcond: float | None = None) -> Array:
    """Find the x of smallest norm that minimizes the norm of a x - b.

    Args:
        a: (m, n).
        b: (m,) or (m, k).
        rcond: singular values below `rcond` times the largest one count as 0.

    Returns:
        (n,) or (n, k).

    Example:
        >>> lstsq([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], [3.0, 4.0, 5.0]).tolist()
        [3.0, 2.0]
    """
    return jnp.linalg.lstsq(float_array(a), float_array(b), rcond)[0]


@op
def lu_factor(x: Tensor) -> tuple[Array, Array]:
    """Compute the LU decomposition with row pivots of matrices, (..., n, n).

    Returns:
        L and U in one array, without the ones on the diagonal of L, and the row that
        each row was swapped with, (..., n).

    Example:
        >>> lu, pivots = lu_factor([[1.0, 2.0], [2.0, 6.0]])
        >>> lu.tolist(), pivots.tolist()
        ([[2.0, 6.0], [0.5, -1.0]], [1, 1])
    """
    factor = jnp.vectorize(scipy.linalg.lu_factor, signature="(m,n)->(m,n),(k)")
    lu, pivots = factor(_matrices("lu_factor", x))
    return lu, pivots


@op
def matrix_rank(x: Tensor, tol: float | None = None) -> Array:
    """Compute the number of singular values above a tolerance.

    Args:
        x: (..., m, n).
        tol: the tolerance; `None` derives it from the largest singular value.

    Example:
        >>> int(matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
        1
    """
    x = _matrices("matrix_rank", x)
    return jnp.linalg.matrix_rank(x, tol=tol).astype("int32")


@op(static=["axis"])
def norm(
    x: Tensor,
    ord: int | float | str | None = None,
    axis: Axis = None,
    keepdims: bool = False,
) -> Array:
    """Compute a norm of vectors or matrices.

    Args:
        x: any array.
        ord: the order, such as 1, 2, `inf`, "fro" or "nuc"; `None` is Euclidean.
        axis: one axis for vectors, two for matrices, `None` for the whole array.
        keepdims: whether reduced axes remain with length 1.

    Example:
        >>> norm([3.0, 4.0]).tolist()
        5.0
        >>> norm([[1.0, -2.0], [3.0, 4.0]], ord=1, axis=1).tolist()
        [3.0, 7.0]
    """
    return jnp.linalg.norm(float_array(x), ord, axes_of(axis), keepdims)


@op
def pinv(x: Tensor, rcond: float | None = None) -> Array:
    """Compute the pseudoinverse of matrices.

    Args:
        x: (..., m, n).
        rcond: singular values below `rcond` times the largest one count as 0.

    Returns:
        (..., n, m).

    Example:
        >>> pinv([[2.0, 0.0], [0.0, 0.0]]).tolist()
        [[0.5, 0.0], [0.0, 0.0]]
    """
    return jnp.linalg.pinv(_matrices("pinv", x), rcond=rcond)


@op
def qr(x: Tensor, mode: str = "reduced") -> tuple[Array, Array]:
    """Compute q with orthonormal columns and upper triangular r, with q r = x.

    Args:
        x: (..., m, n).
        mode: "reduced" for q of shape (..., m, min(m, n)), "complete" for (..., m, m).

    Example:
        >>> x = jnp.array([[3.0, 1.0], [4.0, 2.0]])
        >>> q, r = qr(x)
        >>> bool(jnp.allclose(q @ r, x))
        True
    """
    check_arguments("qr", _MODES, {"mode": mode})
    q, r = jnp.linalg.qr(_matrices("qr", x), mode.lower())
    return q, r


@op
def solve(a: Tensor, b: Tensor) -> Array:
    """Solve a x = b for x.

    Example:
        >>> solve([[2.0, 0.0], [0.0, 4.0]], [6.0, 8.0]).tolist()
        [3.0, 2.0]
    """
    return jnp.linalg.solve(_square("solve", a), float_array(b))


@op
def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Array:
    """Solve a x = b for x, where a is triangular.

    Example:
        >>> solve_triangular([[1.0, 0.0], [2.0, 4.0]], [3.0, 10.0], lower=True).tolist()
        [3.0, 1.0]
    """
    return scipy.linalg.solve_triangular(
        _square("solve_triangular", a), float_array(b), lower=lower
    )


@op
def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Compute u, s, v with u diag(s) v = x; with `compute_uv=False`, s alone.

    Example:
        >>> x = jnp.array([[0.0, 2.0], [3.0, 0.0]])
        >>> u, s, v = svd(x)
        >>> s.tolist(), bool(jnp.allclose(u * s @ v, x))
        ([3.0, 2.0], True)
    """
    result = jnp.linalg.svd(_matrices("svd", x), full_matrices, compute_uv)
    return tuple(result) if compute_uv else result
