"""Products of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.ops.families import binary
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import MatmulCall
from lamina.ops.types import Tensor, array_of, float_array
from lamina.typing import Array

__all__ = [
    "cross",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "slogdet",
    "tensordot",
    "trace",
    "vdot",
]


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


dot = binary(
    jnp.dot,
    "Compute the dot product over the last axis of x1 and the second to last of x2.",
)


@op
def einsum(subscripts: str, *operands: Tensor, **kwargs: Any) -> Array:
    """Compute a sum of products given by indices, such as "bij,bjk->bik"."""
    return jnp.einsum(subscripts, *[array_of(v) for v in operands], **kwargs)


inner = binary(jnp.inner, "Compute the inner product over the last axes.")


kron = binary(jnp.kron, "Compute the Kronecker product.")


@op
def matmul(x1: Tensor, x2: Tensor) -> Array:
    """Compute the matrix product; leading axes are batches."""
    return dispatch("matmul", MatmulCall(array_of(x1), array_of(x2)))


@register_reference("matmul")
def reference_matmul(call: MatmulCall) -> Array:
    """Multiply by `jnp.matmul`."""
    return jnp.matmul(call.x, call.matrix)


outer = binary(jnp.outer, "Compute the outer product of x1 and x2, both flattened.")


@op
def slogdet(x: Tensor) -> tuple[Array, Array]:
    """Compute the sign and the log of the absolute value of the determinant.

    Args:
        x: square matrices, (..., n, n).
    """
    sign, logarithm = jnp.linalg.slogdet(float_array(x))
    return sign, logarithm


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


vdot = binary(
    jnp.vdot, "Compute the dot product of the flattened arrays, with x1 conjugated."
)
