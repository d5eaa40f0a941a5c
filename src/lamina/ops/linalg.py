"""Matrix products, norms and decompositions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import scipy

from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.families import binary, unary
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import MatmulCall
from lamina.ops.types import Axis, Tensor, array_of, axes_of, float_array
from lamina.typing import Array

__all__ = [
    "cdist",
    "cholesky",
    "cross",
    "det",
    "dot",
    "eigh",
    "einsum",
    "inner",
    "inv",
    "kron",
    "logdet",
    "matmul",
    "norm",
    "outer",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "tensordot",
    "trace",
    "vdot",
]


def __dir__() -> list[str]:
    return __all__


det = unary(jnp.linalg.det, "Compute the determinant.", float_array)
inv = unary(jnp.linalg.inv, "Compute the inverse matrix.", float_array)
dot = binary(
    jnp.dot,
    "Compute the dot product over the last axis of x1 and the second to last of x2.",
)
inner = binary(jnp.inner, "Compute the inner product over the last axes.")
kron = binary(jnp.kron, "Compute the Kronecker product.")
outer = binary(jnp.outer, "Compute the outer product of x1 and x2, both flattened.")
vdot = binary(
    jnp.vdot, "Compute the dot product of the flattened arrays, with x1 conjugated."
)


@op
def cdist(x: Tensor, y: Tensor) -> Array:
    """Compute the Euclidean distance of each row of x to each row of y.

    Args:
        x: (..., n, width).
        y: (..., m, width).

    Returns:
        (..., n, m).

    Raises:
        ShapeError: the rows differ in width.

    Example:
        >>> cdist([[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0]]).tolist()
        [[1.0], [1.0]]
    """
    x, y = float_array(x), float_array(y)
    if min(x.ndim, y.ndim) < 2 or x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            "cdist: `x` and `y` must have the shapes (..., n, width) and (..., m, "
            f"width). Received: {x.shape} and {y.shape}."
        )
    squares = jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), -1)
    # The square root has no gradient at 0; that of equal rows is set to 0.
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1)), 0)


@op
def cholesky(x: Tensor, upper: bool = False) -> Array:
    """Compute the lower triangular L with L L^T = x; its transpose with `upper`."""
    return jnp.linalg.cholesky(float_array(x), upper=upper)


@op
def cross(
    x1: Tensor,
    x2: Tensor,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """Compute the cross product of vectors of length 3 along an axis."""
    return jnp.cross(array_of(x1), array_of(x2), axisa, axisb, axisc, axis)


@op
def eigh(x: Tensor) -> tuple[Array, Array]:
    """Compute the eigenvalues, increasing, and eigenvectors of symmetric matrices."""
    values, vectors = jnp.linalg.eigh(float_array(x))
    return values, vectors


@op
def einsum(subscripts: str, *operands: Tensor, **kwargs: Any) -> Array:
    """Compute a sum of products given by indices, such as "bij,bjk->bik"."""
    return jnp.einsum(subscripts, *[array_of(v) for v in operands], **kwargs)


@op
def logdet(x: Tensor) -> Array:
    """Compute the logarithm of the absolute value of the determinant.

    Args:
        x: square matrices, (..., n, n).
    """
    return jnp.linalg.slogdet(float_array(x))[1]


@op
def matmul(x1: Tensor, x2: Tensor) -> Array:
    """Compute the matrix product; leading axes are batches."""
    return dispatch("matmul", MatmulCall(array_of(x1), array_of(x2)))


@register_reference("matmul")
def reference_matmul(call: MatmulCall) -> Array:
    """Multiply by `jnp.matmul`."""
    return jnp.matmul(call.x, call.matrix)


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
def slogdet(x: Tensor) -> tuple[Array, Array]:
    """Compute the sign and the log of the absolute value of the determinant.

    Args:
        x: square matrices, (..., n, n).
    """
    sign, logarithm = jnp.linalg.slogdet(float_array(x))
    return sign, logarithm


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


@op(static=["axes"])
def tensordot(
    x1: Tensor, x2: Tensor, axes: int | Sequence[int] | Sequence[Sequence[int]] = 2
) -> Array:
    """Compute the product over the last `axes` of x1 and the first of x2, or pairs."""
    return jnp.tensordot(array_of(x1), array_of(x2), axes)


@op
def trace(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Compute the sum of a diagonal."""
    return jnp.trace(array_of(x), offset, axis1, axis2)
