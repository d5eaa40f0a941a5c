"""Special functions, segments, top k and distances."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.families import Function, family, float_reduction, float_unary
from lamina.ops.types import Tensor, array_of, float_array, known_size
from lamina.typing import Array

__all__ = [
    "cdist",
    "erf",
    "erfc",
    "erfinv",
    "in_top_k",
    "logdet",
    "logsumexp",
    "rsqrt",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "top_k",
]

erf = float_unary(
    lax.erf, "Compute the error function.", "[0.0, 1.0] -> [0.0, 0.84270...]"
)
erfc = float_unary(
    lax.erfc,
    "Compute 1 - erf(x), accurate for large x.",
    "[0.0, 1.0] -> [1.0, 0.15729...]",
)
rsqrt = float_unary(lax.rsqrt, "Compute 1 / sqrt(x).", "[4.0, 0.25] -> [0.5, 2.0]")
logsumexp = float_reduction(
    jax.nn.logsumexp,
    "Compute log(sum(exp(x))) without overflow.",
    "[0.0, 0.0] -> 0.69314...",
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
def erfinv(x: Tensor) -> Array:
    """Compute the inverse of the error function.

    Example:
        >>> erfinv([0.0, 1.0]).tolist()
        [0.0, inf]
    """
    return lax.erf_inv(float_array(x))


@op
def in_top_k(targets: Tensor, predictions: Tensor, k: int) -> Array:
    """Return whether each row's target is among its k highest predictions.

    Ties with the k-th prediction count as hits.

    Example:
        >>> in_top_k([2, 0], [[0.1, 0.5, 0.4], [0.2, 0.5, 0.3]], k=2).tolist()
        [True, False]
    """
    targets, predictions = array_of(targets).astype("int32"), array_of(predictions)
    chosen = jnp.take_along_axis(predictions, targets[..., None], axis=-1)
    higher = jnp.sum(predictions > chosen, axis=-1)
    return (higher < k) & ~jnp.isnan(chosen[..., 0])


@op
def logdet(x: Tensor) -> Array:
    """Compute the logarithm of the absolute value of the determinant.

    Args:
        x: square matrices, (..., n, n).

    Example:
        >>> logdet([[2.0, 0.0], [0.0, 5.0]]).tolist()
        2.30258...
    """
    return jnp.linalg.slogdet(float_array(x))[1]


@family()
def _segments(
    function: Function,
    data: Tensor,
    segment_ids: Tensor,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Reduce segments.

    Args:
        data: rows along the first axis.
        segment_ids: the segment of each row, from 0.
        num_segments: number of segments; `None` counts them, outside compiled
            functions.
        sorted: whether `segment_ids` is in increasing order, which may be faster.
    """
    name, data, ids = function.__name__, array_of(data), array_of(segment_ids)
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ShapeError(
            f"{name}: `segment_ids` must have one integer for each row of `data`. "
            f"Received: shapes {ids.shape} and {data.shape}."
        )
    if num_segments is None:
        with known_size(name, "Pass `num_segments`."):
            num_segments = int(ids.max()) + 1
    return function(data, ids, num_segments, indices_are_sorted=sorted)


segment_max = _segments(
    jax.ops.segment_max,
    "Compute the maximum of each segment.",
    "[1, 5, 2, 3], [0, 0, 1, 1] -> [5, 3]",
)
segment_min = _segments(
    jax.ops.segment_min,
    "Compute the minimum of each segment.",
    "[1, 5, 2, 3], [0, 0, 1, 1] -> [1, 2]",
)
segment_prod = _segments(
    jax.ops.segment_prod,
    "Compute the product of each segment.",
    "[1, 5, 2, 3], [0, 0, 1, 1] -> [5, 6]",
)
segment_sum = _segments(
    jax.ops.segment_sum,
    "Compute the sum of each segment.",
    "[1, 5, 2, 3], [0, 0, 1, 1] -> [6, 5]",
)


@op
def top_k(x: Tensor, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """Return the k largest elements of the last axis, and their indices.

    They are always in decreasing order, whatever `sorted` is.

    Example:
        >>> values, indices = top_k([1, 5, 3], k=2)
        >>> values.tolist(), indices.tolist()
        ([5, 3], [1, 2])
    """
    values, indices = lax.top_k(array_of(x), k)
    return values, indices
