"""Activations and crossentropies."""

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
from lamina.ops.nn import crossentropy
from lamina.ops.types import (
    Axis,
    Tensor,
    array_of,
    axes_of,
    check_axis,
    check_same_shape,
    float_array,
    upcast,
)
from lamina.typing import Array

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
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
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


hard_sigmoid = float_unary(nn.hard_sigmoid, "Compute x / 6 + 0.5, clipped to [0, 1].")
hard_tanh = float_unary(nn.hard_tanh, "Clip x to [-1, 1].")
log_sigmoid = float_unary(nn.log_sigmoid, "Compute log(sigmoid(x)) without overflow.")
relu = unary(nn.relu, "Compute max(x, 0).")
relu6 = unary(nn.relu6, "Clip x to [0, 6].")
sigmoid = float_unary(nn.sigmoid, "Compute 1 / (1 + exp(-x)).")
softplus = float_unary(nn.softplus, "Compute log(1 + exp(x)).")
sparse_plus = float_unary(
    nn.sparse_plus,
    "Return 0 where x <= -1, x where x >= 1, and (x + 1)**2 / 4 between.",
)


@op
def celu(x: Tensor, alpha: float = 1.0) -> Array:
    """Compute x where x > 0, else alpha * (exp(x / alpha) - 1).

    Reference: Barron 2017, https://arxiv.org/abs/1704.07483
    """
    return nn.celu(float_array(x), alpha)


@op
def elu(x: Tensor, alpha: float = 1.0) -> Array:
    """Compute x where x > 0, else alpha * (exp(x) - 1).

    Reference: Clevert et al. 2016, https://arxiv.org/abs/1511.07289
    """
    return nn.elu(float_array(x), alpha)


@op
def gelu(x: Tensor, approximate: bool = True) -> Array:
    """Compute x * P(X <= x) for a standard normal X, or its tanh approximation.

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

    Reference: Dauphin et al. 2017, https://arxiv.org/abs/1612.08083
    """
    return nn.glu(float_array(x), axis)


@op
def hard_shrink(x: Tensor, threshold: float = 0.5) -> Array:
    """Return x where |x| > threshold, else 0."""
    x = float_array(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


@op
def hard_silu(x: Tensor) -> Array:
    """Compute x * hard_sigmoid(x).

    Reference: Howard et al. 2019, https://arxiv.org/abs/1905.02244
    """
    return nn.hard_silu(float_array(x))


hard_swish = hard_silu


@op
def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Array:
    """Return x where x >= 0, else negative_slope * x."""
    return nn.leaky_relu(float_array(x), negative_slope)


@op(static=["axis"])
def log_softmax(x: Tensor, axis: Axis = -1) -> Array:
    """Compute log(softmax(x)) without overflow; over all axes for `axis=None`."""
    return nn.log_softmax(float_array(x), axes_of(axis))


@op
def selu(x: Tensor) -> Array:
    """Compute scale * elu(x, alpha), with alpha = 1.67326324 and scale = 1.05070098.

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """
    return nn.selu(float_array(x))


@op
def silu(x: Tensor) -> Array:
    """Compute x * sigmoid(x).

    Reference: Ramachandran et al. 2017, https://arxiv.org/abs/1710.05941
    """
    return nn.silu(float_array(x))


swish = silu


@op
def soft_shrink(x: Tensor, threshold: float = 0.5) -> Array:
    """Shrink x towards 0 by `threshold`; 0 where |x| <= threshold."""
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
    """Compute x / (1 + |x|)."""
    return nn.soft_sign(float_array(x))


@op
def sparse_sigmoid(x: Tensor) -> Array:
    """Compute (x + 1) / 2, clipped to [0, 1].

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

    Reference: Barron 2021, https://arxiv.org/abs/2112.11687
    """
    return nn.squareplus(float_array(x), b)


@op
def tanh_shrink(x: Tensor) -> Array:
    """Compute x - tanh(x)."""
    x = float_array(x)
    return x - jnp.tanh(x)


@op
def threshold(x: Tensor, threshold: float, default_value: float) -> Array:
    """Return x where x > threshold, else `default_value`."""
    x = float_array(x)
    return jnp.where(x > threshold, x, default_value)


@op
def binary_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False
) -> Array:
    """Compute -target * log(output) - (1 - target) * log(1 - output) element-wise.

    Args:
        target: probabilities in [0, 1].
        output: predicted probabilities, or logits.
        from_logits: whether `output` is logits, before the sigmoid.

    Raises:
        ShapeError: the shapes differ.
    """
    target, output = array_of(target), float_array(output)
    check_same_shape("binary_crossentropy", target.shape, output.shape)
    if from_logits:
        positive, negative = nn.log_sigmoid(output), nn.log_sigmoid(-output)
    else:
        output = crossentropy.clip_probability(output)
        positive, negative = jnp.log(output), jnp.log(1.0 - output)
    target = target.astype(output.dtype)
    return -target * positive - (1.0 - target) * negative


@op
def categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Array:
    """Compute -sum(target * log(output)) over the classes.

    Args:
        target: a probability for each class.
        output: predicted probabilities, or logits.
        from_logits: whether `output` is logits, before the softmax.
        axis: the axis of classes.

    Raises:
        ShapeError: the shapes differ.
    """
    target, output = array_of(target), float_array(output)
    check_same_shape("categorical_crossentropy", target.shape, output.shape)
    target, output = (jnp.moveaxis(a, axis, -1) for a in (target, output))
    target = target.astype(output.dtype)
    return crossentropy.dense_crossentropy(output, target, from_logits)


@op
def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Array:
    """Compute -log(output[target]) for integer classes.

    Args:
        target: the class of each row; a last axis of length 1 is removed. A class
            out of range costs 0.
        output: predicted probabilities, or logits.
        from_logits: whether `output` is logits, before the softmax.
        axis: the axis of classes.

    Raises:
        ShapeError: `target` does not have the shape of `output` without `axis`.
    """
    target, output = array_of(target).astype("int32"), float_array(output)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    check_axis("sparse_categorical_crossentropy", output, axis)
    output = jnp.moveaxis(output, axis, -1)
    check_same_shape(
        "sparse_categorical_crossentropy",
        target.shape,
        output.shape[:-1],
        "`target` and the rows of `output`",
    )
    return crossentropy.sparse_crossentropy(output, target, from_logits)
