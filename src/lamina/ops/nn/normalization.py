"""Normalizations: to mean 0 and variance 1, or to length 1."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from lamina import config
from lamina.core.check import check_arguments, positive_int
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.numpy.reduce import axes_of, moments
from lamina.ops.types import Axis, Tensor, array_of, float_array, upcast

__all__ = [
    "batch_normalization",
    "layer_normalization",
    "normalize",
    "rms_normalization",
]


@op
def batch_normalization(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    axis: int,
    offset: Tensor | None = None,
    scale: Tensor | None = None,
    epsilon: float = 1e-3,
) -> jax.Array:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, channel by channel.

    Args:
        x: any float array.
        mean: one for each channel.
        variance: one for each channel.
        axis: the axis of channels.
        offset: one for each channel, or none.
        scale: one for each channel, or none.
        epsilon: keeps the root away from 0.
    """
    x = float_array(x)
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(
            f"batch_normalization: the input of shape {x.shape} has no axis {axis}."
        )
    vectors = {"mean": mean, "variance": variance, "offset": offset, "scale": scale}
    for name, vector in vectors.items():
        if vector is not None and array_of(vector).size != x.shape[axis]:
            raise ShapeError(
                f"batch_normalization: `{name}` must have {x.shape[axis]} numbers, one "
                f"for each channel. Received: shape {array_of(vector).shape}."
            )
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    factor = lax.rsqrt(array_of(variance) + epsilon)
    if scale is not None:
        factor = factor * array_of(scale)
    shift = -array_of(mean) * factor
    if offset is not None:
        shift = shift + array_of(offset)
    # One multiplication and one addition for each element, as few as there can be.
    return x * factor.reshape(shape) + shift.reshape(shape)


@op
def layer_normalization(
    x: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> jax.Array:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, row by row.

    Args:
        x: any float array; 16-bit ones are computed in 32 bits.
        gamma: scale, in the shape of the normalised axes, or none.
        beta: offset, in the shape of the normalised axes, or none.
        axis: what to normalise over.
        epsilon: keeps the root away from 0; `None` for `config.epsilon()`.
        rms_scaling: deprecated, as in Keras: leave the mean and `beta` out. Use
            `rms_normalization`.

    Reference: Ba et al. 2016, https://arxiv.org/abs/1607.06450
    """
    x = float_array(x)
    wide = upcast(x)
    mean, variance = moments(wide, axis, keepdims=True)
    factor = lax.rsqrt(variance + _epsilon(epsilon))
    if gamma is not None:
        factor = factor * _along(gamma, wide, axis)
    if rms_scaling:
        message = "layer_normalization: `rms_scaling` is deprecated. Use "
        warnings.warn(message + "`ops.rms_normalization`.", UserWarning, stacklevel=3)
        return (wide * factor).astype(x.dtype)
    shift = -mean * factor
    if beta is not None:
        shift = shift + _along(beta, wide, axis)
    return (wide * factor + shift).astype(x.dtype)


@op
def rms_normalization(
    x: Tensor,
    scale: Tensor | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> jax.Array:
    """x / sqrt(mean(x**2) + epsilon) * scale; arguments as in `layer_normalization`.

    A `scale` of the rank of x is multiplied as it is.

    Reference: Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
    """
    x = float_array(x)
    wide = upcast(x)
    power = jnp.mean(jnp.square(wide), axes_of(axis), keepdims=True)
    result = wide * lax.rsqrt(power + _epsilon(epsilon))
    if scale is not None:
        scale = array_of(scale)
        whole = scale.ndim == x.ndim
        factor = scale.astype(wide.dtype) if whole else _along(scale, wide, axis)
        result = result * factor
    return result.astype(x.dtype)


def _epsilon(epsilon: float | None) -> float:
    return config.epsilon() if epsilon is None else epsilon


def _along(value: Tensor, x: jax.Array, axis: int | Sequence[int]) -> jax.Array:
    value = array_of(value).astype(x.dtype)
    axes = {a % x.ndim for a in ([axis] if isinstance(axis, int) else axis)}
    return value.reshape([n if i in axes else 1 for i, n in enumerate(x.shape)])


@op
def normalize(
    x: Tensor,
    axis: Axis = -1,
    order: int = 2,
    epsilon: float | None = None,
) -> jax.Array:
    """x / max(norm(x), epsilon).

    Args:
        x: any float array.
        axis: what to measure the norm along; `None` for the whole array.
        order: 1 for the sum of absolute values, 2 for the Euclidean norm, ...
        epsilon: the smallest divisor; `None` for `config.epsilon()`.
    """
    x = float_array(x)
    check_arguments("normalize", {"order": positive_int}, {"order": order})
    smallest = _epsilon(epsilon)
    axes = axes_of(axis)
    if order == 2:
        squares = jnp.sum(jnp.square(x), axes, keepdims=True)
        # The root of 0 has no gradient; the maximum comes first.
        return x * lax.rsqrt(jnp.maximum(squares, smallest**2))
    powers = jnp.sum(jnp.abs(x) ** order, axes, keepdims=True)
    size = powers ** (1 / order)
    return x / jnp.maximum(size, smallest)
