"""Products of arrays, and sums of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.ops.families import binary, unary
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import EinsumCall, MatmulCall
from lamina.ops.types import Tensor, array_of, float_array
from lamina.typing import Array

__all__ = [
    "corrcoef",
    "correlate",
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
def correlate(x1: Tensor, x2: Tensor, mode: str = "valid") -> Array:
    """Compute the cross-correlation of two sequences.

    Args:
        x1: (n,).
        x2: (m,).
        mode: "valid" for the offsets at which the shorter one lies in the longer one,
            "same" for max(n, m) offsets, "full" for all.

    Example:
        >>> correlate([1, 2, 3, 4], [1, 1]).tolist()
        [3.0, 5.0, 7.0]
    """
    return jnp.correlate(array_of(x1), array_of(x2), mode)


@op
def cross(
    x1: Tensor,
    x2: Tensor,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """Compute the cross product of vectors of length 3 along an axis.

    Example:
        >>> cross([1, 0, 0], [0, 1, 0]).tolist()
        [0, 0, 1]
    """
    return jnp.cross(array_of(x1), array_of(x2), axisa, axisb, axisc, axis)


corrcoef = unary(
    jnp.corrcoef,
    "Compute the correlation coefficients of the rows of x.",
    "[[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]] -> [[1.0, -1.0], [-1.0, 1.0]]",
)
dot = binary(
    jnp.dot,
    "Compute the dot product over the last axis of x1 and the second to last of x2.",
    "[1, 2, 3], [4, 5, 6] -> 32",
)


@op
def einsum(subscripts: str, *operands: Tensor, **kwargs: Any) -> Array:
    """Compute a sum of products given by indices, such as "bij,bjk->bik".

    Sums of 8-bit integers have 32 bits.

    Example:
        >>> einsum("ij,j->i", [[1, 2], [3, 4]], [10, 1]).tolist()
        [12, 34]
    """
    arrays = [array_of(v) for v in operands]
    if len(arrays) == 2 and not kwargs:
        return dispatch("einsum", EinsumCall(subscripts, *arrays))
    kwargs.setdefault("preferred_element_type", _sum_type(*arrays))
    return jnp.einsum(subscripts, *arrays, **kwargs)


@register_reference("einsum")
def reference_einsum(call: EinsumCall) -> Array:
    """Contract by `jnp.einsum`."""
    return jnp.einsum(*call, preferred_element_type=_sum_type(call.x, call.kernel))


def _sum_type(*arrays: Array) -> str | None:
    return "int32" if all(x.dtype == "int8" for x in arrays) else None


inner = binary(
    jnp.inner,
    "Compute the inner product over the last axes.",
    "[[1, 2], [3, 4]], [10, 1] -> [12, 34]",
)


kron = binary(
    jnp.kron, "Compute the Kronecker product.", "[1, 2], [1, 10] -> [1, 10, 2, 20]"
)


@op
def matmul(x1: Tensor, x2: Tensor) -> Array:
    """Compute the matrix product; leading axes are batches.

    Products of 8-bit integers have 32 bits.

    Example:
        >>> matmul([[1, 2], [3, 4]], [[1, 0], [0, 2]]).tolist()
        [[1, 4], [3, 8]]
    """
    return dispatch("matmul", MatmulCall(array_of(x1), array_of(x2)))


@register_reference("matmul")
def reference_matmul(call: MatmulCall) -> Array:
    """Multiply by `jnp.matmul`."""
    return jnp.matmul(
        call.x, call.matrix, preferred_element_type=_sum_type(call.x, call.matrix)
    )


outer = binary(
    jnp.outer,
    "Compute the outer product of x1 and x2, both flattened.",
    "[1, 2], [3, 4, 5] -> [[3, 4, 5], [6, 8, 10]]",
)


@op
def slogdet(x: Tensor) -> tuple[Array, Array]:
    """Compute the sign and the log of the absolute value of the determinant.

    Args:
        x: square matrices, (..., n, n).

    Example:
        >>> sign, logarithm = slogdet([[0.0, 1.0], [1.0, 0.0]])
        >>> float(sign), float(logarithm)
        (-1.0, 0.0)
    """
    sign, logarithm = jnp.linalg.slogdet(float_array(x))
    return sign, logarithm


@op(static=["axes"])
def tensordot(
    x1: Tensor, x2: Tensor, axes: int | Sequence[int] | Sequence[Sequence[int]] = 2
) -> Array:
    """Compute the product over the last `axes` of x1 and the first of x2, or pairs.

    Example:
        >>> tensordot([[1, 2], [3, 4]], [10, 1], axes=1).tolist()
        [12, 34]
    """
    return jnp.tensordot(array_of(x1), array_of(x2), axes)


@op
def trace(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Compute the sum of a diagonal.

    Example:
        >>> trace([[1, 2], [3, 4]]).tolist()
        5
    """
    return jnp.trace(array_of(x), offset, axis1, axis2)


vdot = binary(
    jnp.vdot,
    "Compute the dot product of the flattened arrays, with x1 conjugated.",
    "[1j, 2], [1j, 3] -> (7+0j)",
)
