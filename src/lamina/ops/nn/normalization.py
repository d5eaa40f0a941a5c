"""Batch, layer, RMS and vector normalization.

`kernels` may register a faster kernel of `standardize`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax

from lamina import config
from lamina.core.check import check_arguments, positive_int
from lamina.core.graph import op
from lamina.errors import ShapeError, invalid
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import StandardizeCall
from lamina.ops.types import (
    Axis,
    Tensor,
    array_of,
    axes_of,
    check_axis,
    float_array,
    upcast,
)
from lamina.typing import Array

__all__ = [
    "batch_normalization",
    "layer_normalization",
    "moments",
    "normalize",
    "rms_normalization",
]

Standardized = tuple[Array, Array, Array]
Factor = Array | None


@op
def batch_normalization(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    axis: int,
    offset: Tensor | None = None,
    scale: Tensor | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """Compute (x - mean) / sqrt(variance + epsilon) * scale + offset per channel.

    Args:
        x: any float array.
        mean: mean of each channel.
        variance: variance of each channel.
        axis: the axis of channels.
        offset: offset of each channel, or `None`.
        scale: scale of each channel, or `None`.
        epsilon: added to the variance for numerical stability.

    Example:
        >>> x = [[1.0, 10.0], [3.0, 30.0]]
        >>> mean, variance = [2.0, 20.0], [1.0, 25.0]
        >>> batch_normalization(x, mean, variance, axis=1, epsilon=0.0).tolist()
        [[-1.0, -2.0], [1.0, 2.0]]
    """
    x = float_array(x)
    check_axis("batch_normalization", x, axis)
    vectors = {"mean": mean, "variance": variance, "offset": offset, "scale": scale}
    for name, vector in vectors.items():
        if vector is not None and array_of(vector).size != x.shape[axis]:
            raise ShapeError(
                f"batch_normalization: `{name}` must have {x.shape[axis]} elements, "
                f"one for each channel. Received: shape {array_of(vector).shape}."
            )
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    factor = lax.rsqrt(array_of(variance) + epsilon)
    if scale is not None:
        factor = factor * array_of(scale)
    shift = -array_of(mean) * factor
    if offset is not None:
        shift = shift + array_of(offset)
    # In this form, each element takes one multiplication and one addition.
    return x * factor.reshape(shape) + shift.reshape(shape)


@op(static=["axis"])
def layer_normalization(
    x: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> Array:
    """Compute (x - mean) / sqrt(variance + epsilon) * gamma + beta over some axes.

    Args:
        x: any float array; 16-bit floats are computed in float32.
        gamma: scale, in the shape of the normalized axes, or `None`.
        beta: offset, in the shape of the normalized axes, or `None`.
        axis: the axes to normalize over.
        epsilon: added to the variance; `None` for `config.epsilon()`.
        rms_scaling: deprecated, as in Keras: do not subtract the mean or add `beta`.
            Use `rms_normalization`.

    Example:
        >>> layer_normalization([[1.0, 3.0], [10.0, 30.0]], epsilon=0.0).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    Reference: Ba et al. 2016, https://arxiv.org/abs/1607.06450
    """
    x = float_array(x)
    x32 = upcast(x)
    mean, variance = moments(x32, axis, keepdims=True)
    factor = lax.rsqrt(variance + _epsilon(epsilon))
    if gamma is not None:
        factor = factor * _expand_to_axes(gamma, x32, axis)
    if rms_scaling:
        message = "layer_normalization: `rms_scaling` is deprecated. Use "
        warnings.warn(message + "`ops.rms_normalization`.", UserWarning, stacklevel=3)
        return (x32 * factor).astype(x.dtype)
    shift = -mean * factor
    if beta is not None:
        shift = shift + _expand_to_axes(beta, x32, axis)
    return (x32 * factor + shift).astype(x.dtype)


@op(static=["axis"])
def rms_normalization(
    x: Tensor,
    scale: Tensor | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Array:
    """Compute x / sqrt(mean(x**2) + epsilon) * scale.

    The arguments are those of `layer_normalization`. A `scale` of the rank of x
    broadcasts.

    Example:
        >>> rms_normalization([2.0, -2.0], scale=[1.0, 3.0], epsilon=0.0).tolist()
        [1.0, -3.0]

    Reference: Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
    """
    x = float_array(x)
    x32 = upcast(x)
    power = jnp.mean(jnp.square(x32), axes_of(axis), keepdims=True)
    result = x32 * lax.rsqrt(power + _epsilon(epsilon))
    if scale is not None:
        result = result * _expand_to_axes(scale, x32, axis)
    return result.astype(x.dtype)


def _epsilon(epsilon: float | None) -> float:
    return config.epsilon() if epsilon is None else epsilon


def _expand_to_axes(value: Tensor, x: Array, axis: int | Sequence[int]) -> Array:
    value = array_of(value).astype(x.dtype)
    if value.ndim == x.ndim:
        return value
    axes = {a % x.ndim for a in ([axis] if isinstance(axis, int) else axis)}
    return value.reshape([n if i in axes else 1 for i, n in enumerate(x.shape)])


@op(static=["axis"])
def normalize(
    x: Tensor, axis: Axis = -1, order: int = 2, epsilon: float | None = None
) -> Array:
    """Compute x / max(norm(x), epsilon).

    Args:
        x: any float array.
        axis: the axes of the norm; `None` for the whole array.
        order: 1 for the sum of absolute values, 2 for the Euclidean norm, ...
        epsilon: the smallest divisor; `None` for `config.epsilon()`.

    Example:
        >>> normalize([[3.0, 4.0]]).tolist()
        [[0.60000..., 0.80000...]]
        >>> normalize([[1.0, 3.0]], order=1).tolist()
        [[0.25, 0.75]]
    """
    x = float_array(x)
    check_arguments("normalize", {"order": positive_int}, {"order": order})
    minimum = _epsilon(epsilon)
    axes = axes_of(axis)
    if order == 2:
        squares = jnp.sum(jnp.square(x), axes, keepdims=True)
        # The maximum is taken first, since the square root has no gradient at 0.
        return x * lax.rsqrt(jnp.maximum(squares, minimum**2))
    powers = jnp.sum(jnp.abs(x) ** order, axes, keepdims=True)
    length = powers ** (1 / order)
    return x / jnp.maximum(length, minimum)


@register_reference("standardize")
def reference_standardize(call: StandardizeCall) -> Standardized:
    """Compute the variance from centered values, which avoids cancellation."""
    x, gamma, beta, epsilon, axes = call
    centered = upcast(x)
    mean = jnp.mean(centered, axes, keepdims=True)
    centered = centered - mean
    variance = jnp.mean(jnp.square(centered), axes, keepdims=True)
    y = centered * lax.rsqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    y = y if beta is None else y + beta
    return y.astype(x.dtype), mean, variance


def standardize(
    x: Array, gamma: Factor, beta: Factor, epsilon: float | Array, axes: tuple[int, ...]
) -> Standardized:
    """Return `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance.

    Args:
        x: any shape.
        gamma: scale that broadcasts to x, or `None`.
        beta: offset of the same shape, or `None`.
        epsilon: added to the variance for numerical stability.
        axes: non-negative axes to reduce.
    """
    return dispatch("standardize", StandardizeCall(x, gamma, beta, epsilon, axes))


@op(static=["axes"])
def moments(
    x: Tensor, axes: Axis, keepdims: bool = False, synchronized: bool = False
) -> tuple[Array, Array]:
    """Compute the mean and the variance; 16-bit floats are computed in float32.

    Values that overflow a 16-bit type become its largest number.

    Args:
        x: any array.
        axes: an axis or several; `None` for all.
        keepdims: whether reduced axes remain with length 1.
        synchronized: must be False: an array on several devices is reduced over all of
            them anyway.

    Raises:
        ArgumentError: `synchronized` is True.

    Example:
        >>> mean, variance = moments([[1.0, 3.0], [5.0, 5.0]], axes=[1])
        >>> mean.tolist(), variance.tolist()
        ([2.0, 5.0], [1.0, 0.0])
    """
    if synchronized:
        raise invalid("moments", "synchronized", synchronized, "False")
    x = float_array(x)
    x32 = upcast(x)
    axis = axes_of(axes)
    center = jnp.mean(x32, axis, keepdims=True)
    variance = jnp.mean(jnp.square(x32 - center), axis, keepdims=keepdims)
    average = center if keepdims else jnp.squeeze(center, axis)
    return _cast_clipped(average, x.dtype), _cast_clipped(variance, x.dtype)


def _cast_clipped(x: Array, dtype: jnp.dtype) -> Array:
    if x.dtype == dtype:
        return x
    limits = jnp.finfo(dtype)
    return jnp.clip(x, limits.min, limits.max).astype(dtype)
