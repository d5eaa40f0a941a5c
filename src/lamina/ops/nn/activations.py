"""Activations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax, nn

from lamina.core.graph import op
from lamina.core.scope import local
from lamina.errors import LikelyMistakeWarning
from lamina.ops.families import float_unary, unary
from lamina.ops.types import Axis, Tensor, axes_of, float_array, upcast
from lamina.typing import Array

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


hard_sigmoid = float_unary(
    nn.hard_sigmoid,
    "Compute x / 6 + 0.5, clipped to [0, 1].",
    "[-3.0, 0.0, 3.0] -> [0.0, 0.5, 1.0]",
)
hard_tanh = float_unary(
    nn.hard_tanh, "Clip x to [-1, 1].", "[-2.0, 0.5, 2.0] -> [-1.0, 0.5, 1.0]"
)
log_sigmoid = float_unary(
    nn.log_sigmoid,
    "Compute log(sigmoid(x)) without overflow.",
    "[0.0, -100.0] -> [-0.69314..., -100.0]",
)
relu = unary(nn.relu, "Compute max(x, 0).", "[-2.0, 0.0, 3.0] -> [0.0, 0.0, 3.0]")
relu6 = unary(nn.relu6, "Clip x to [0, 6].", "[-2.0, 3.0, 9.0] -> [0.0, 3.0, 6.0]")
sigmoid = float_unary(
    nn.sigmoid, "Compute 1 / (1 + exp(-x)).", "[-100.0, 0.0, 100.0] -> [0.0, 0.5, 1.0]"
)
softplus = float_unary(
    nn.softplus, "Compute log(1 + exp(x)).", "[0.0, 100.0] -> [0.69314..., 100.0]"
)
sparse_plus = float_unary(
    nn.sparse_plus,
    "Return 0 where x <= -1, x where x >= 1, and (x + 1)**2 / 4 between.",
    "[-2.0, 0.0, 3.0] -> [0.0, 0.25, 3.0]",
)


@op
def celu(x: Tensor, alpha: float = 1.0) -> Array:
    """Compute x where x > 0, else alpha * (exp(x / alpha) - 1).

    Example:
        >>> celu([-100.0, 0.0, 2.0], alpha=0.5).tolist()
        [-0.5, 0.0, 2.0]

    Reference: Barron 2017, https://arxiv.org/abs/1704.07483
    """
    return nn.celu(float_array(x), alpha)


@op
def elu(x: Tensor, alpha: float = 1.0) -> Array:
    """Compute x where x > 0, else alpha * (exp(x) - 1).

    Example:
        >>> elu([-100.0, 0.0, 2.0], alpha=0.5).tolist()
        [-0.5, 0.0, 2.0]

    Reference: Clevert et al. 2016, https://arxiv.org/abs/1511.07289
    """
    return nn.elu(float_array(x), alpha)


@op
def gelu(x: Tensor, approximate: bool = True) -> Array:
    """Compute x * P(X <= x) for a standard normal X, or its tanh approximation.

    Example:
        >>> gelu([0.0, 1.0]).tolist()
        [0.0, 0.84119...]

    Reference: Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415
    """
    x = float_array(x)
    if approximate:
        return nn.gelu(x, approximate=True)
    # `nn.gelu` with erfc is exact to more digits near 0, but takes three times as long.
    x32 = upcast(x)
    return (x32 * (0.5 + 0.5 * lax.erf(x32 * math.sqrt(0.5)))).astype(x.dtype)


@op
def glu(x: Tensor, axis: int = -1) -> Array:
    """Compute a * sigmoid(b), where a and b are the halves of x along an axis.

    Example:
        >>> glu([1.0, 2.0, 0.0, 0.0]).tolist()
        [0.5, 1.0]

    Reference: Dauphin et al. 2017, https://arxiv.org/abs/1612.08083
    """
    return nn.glu(float_array(x), axis)


@op
def hard_shrink(x: Tensor, threshold: float = 0.5) -> Array:
    """Return x where |x| > threshold, else 0.

    Example:
        >>> hard_shrink([-1.0, 0.25, 1.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    x = float_array(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


@op
def hard_silu(x: Tensor) -> Array:
    """Compute x * hard_sigmoid(x).

    Example:
        >>> hard_silu([0.0, 1.5, 4.0]).tolist()
        [0.0, 1.125, 4.0]

    Reference: Howard et al. 2019, https://arxiv.org/abs/1905.02244
    """
    return nn.hard_silu(float_array(x))


hard_swish = hard_silu


@op
def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Array:
    """Return x where x >= 0, else negative_slope * x.

    Example:
        >>> leaky_relu([-2.0, 3.0], negative_slope=0.5).tolist()
        [-1.0, 3.0]
    """
    return nn.leaky_relu(float_array(x), negative_slope)


@op(static=["axis"])
def log_softmax(x: Tensor, axis: Axis = -1) -> Array:
    """Compute log(softmax(x)) without overflow; over all axes for `axis=None`.

    Example:
        >>> log_softmax([[0.0, -1000.0]]).tolist()
        [[0.0, -1000.0]]
    """
    return nn.log_softmax(float_array(x), axes_of(axis))


@op
def selu(x: Tensor) -> Array:
    """Compute scale * elu(x, alpha), with alpha = 1.67326324 and scale = 1.05070098.

    Example:
        >>> selu([0.0, 1.0]).tolist()
        [0.0, 1.05070...]

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """
    return nn.selu(float_array(x))


@op
def silu(x: Tensor) -> Array:
    """Compute x * sigmoid(x).

    Example:
        >>> silu([0.0, 1.0]).tolist()
        [0.0, 0.73105...]

    Reference: Ramachandran et al. 2017, https://arxiv.org/abs/1710.05941
    """
    return nn.silu(float_array(x))


swish = silu


@op
def soft_shrink(x: Tensor, threshold: float = 0.5) -> Array:
    """Shrink x towards 0 by `threshold`; 0 where |x| <= threshold.

    Example:
        >>> soft_shrink([-1.0, 0.25, 2.0]).tolist()
        [-0.5, 0.0, 1.5]
    """
    x = float_array(x)
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0.0)


@op(static=["axis"])
def softmax(x: Tensor, axis: Axis = -1) -> Array:
    """Compute exp(x) / sum(exp(x)) along an axis, or over all for `axis=None`.

    Example:
        >>> softmax([[0.0, 0.0], [1.0, -1e9]]).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
    """
    x = float_array(x)
    # In a layer, `fit` gives this warning.
    if local.call is None and _has_size_one(x.shape, axis):
        warnings.warn(
            f"softmax: axis {axis} of an input of shape {x.shape} has size 1, so "
            "every result is 1. For a single probability use `sigmoid`.",
            LikelyMistakeWarning,
            stacklevel=3,
        )
    return nn.softmax(x, axes_of(axis))


def _has_size_one(shape: Sequence[int], axis: Axis) -> bool:
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return False
    return shape[axis] == 1


@op
def softsign(x: Tensor) -> Array:
    """Compute x / (1 + |x|).

    Example:
        >>> softsign([-1.0, 0.0, 3.0]).tolist()
        [-0.5, 0.0, 0.75]
    """
    return nn.soft_sign(float_array(x))


@op
def sparse_sigmoid(x: Tensor) -> Array:
    """Compute (x + 1) / 2, clipped to [0, 1].

    Example:
        >>> sparse_sigmoid([-2.0, 0.5, 2.0]).tolist()
        [0.0, 0.75, 1.0]

    Reference: Blondel et al. 2019, https://arxiv.org/abs/1901.02324
    """
    return nn.sparse_sigmoid(float_array(x))


@op
def sparsemax(x: Tensor, axis: int = -1) -> Array:
    """Project x onto the probability simplex: max(x - t, 0), which sums to 1.

    Example:
        >>> sparsemax([0.5, 0.25, -3.0]).tolist()
        [0.625, 0.375, 0.0]

    Reference: Martins and Astudillo 2016, https://arxiv.org/abs/1602.02068
    """
    x = jnp.moveaxis(float_array(x), axis, -1)
    descending = -jnp.sort(-x, axis=-1)
    excess = jnp.cumsum(descending, axis=-1) - 1
    count = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    count = jnp.broadcast_to(count, x.shape)
    support = jnp.sum(descending * count > excess, axis=-1, keepdims=True)
    offset = jnp.take_along_axis(excess, support - 1, axis=-1) / support.astype(x.dtype)
    return jnp.moveaxis(jnp.maximum(x - offset, 0), -1, axis)


@op
def squareplus(x: Tensor, b: float = 4) -> Array:
    """Compute (x + sqrt(x**2 + b)) / 2.

    Example:
        >>> squareplus([0.0, 1.5]).tolist()
        [1.0, 2.0]

    Reference: Barron 2021, https://arxiv.org/abs/2112.11687
    """
    return nn.squareplus(float_array(x), b)


@op
def tanh_shrink(x: Tensor) -> Array:
    """Compute x - tanh(x).

    Example:
        >>> tanh_shrink([0.0, 1.0]).tolist()
        [0.0, 0.23840...]
    """
    x = float_array(x)
    return x - jnp.tanh(x)


@op
def threshold(x: Tensor, threshold: float, default_value: float) -> Array:
    """Return x where x > threshold, else `default_value`.

    Example:
        >>> threshold([-1.0, 0.5, 2.0], threshold=1.0, default_value=0.0).tolist()
        [0.0, 0.0, 2.0]
    """
    x = float_array(x)
    return jnp.where(x > threshold, x, default_value)
