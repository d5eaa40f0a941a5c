"""Matrix products, norms and decompositions."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import scipy

from lamina.core.graph import op
from lamina.ops.families import unary
from lamina.ops.types import Axis, Tensor, axes_of, float_array
from lamina.typing import Array

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "inv",
    "norm",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]


def __dir__() -> list[str]:
    return __all__


det = unary(jnp.linalg.det, "Compute the determinant.", float_array)
inv = unary(jnp.linalg.inv, "Compute the inverse matrix.", float_array)


@op
def cholesky(x: Tensor, upper: bool = False) -> Array:
    """Compute the lower triangular L with L L^T = x; its transpose with `upper`."""
    return jnp.linalg.cholesky(float_array(x), upper=upper)


@op
def eigh(x: Tensor) -> tuple[Array, Array]:
    """Compute the eigenvalues, increasing, and eigenvectors of symmetric matrices."""
    values, vectors = jnp.linalg.eigh(float_array(x))
    return values, vectors


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
    """
    return jnp.linalg.norm(float_array(x), ord, axes_of(axis), keepdims)


@op
def qr(x: Tensor, mode: str = "reduced") -> tuple[Array, Array]:
    """Compute q with orthonormal columns and upper triangular r, with q r = x."""
    q, r = jnp.linalg.qr(float_array(x), mode)
    return q, r


@op
def solve(a: Tensor, b: Tensor) -> Array:
    """Solve a x = b for x."""
    return jnp.linalg.solve(float_array(a), float_array(b))


@op
def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Array:
    """Solve a x = b for x, where a is triangular."""
    return scipy.linalg.solve_triangular(float_array(a), float_array(b), lower=lower)


@op
def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Compute u, s, v with u diag(s) v = x; with `compute_uv=False`, s alone."""
    result = jnp.linalg.svd(float_array(x), full_matrices, compute_uv)
    return tuple(result) if compute_uv else result
