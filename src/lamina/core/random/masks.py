"""Dropout, and the random masks and noise of layers."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lamina.core.random.bits import noise_bits
from lamina.core.random.seeds import Seed, draw_key
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, DTypeLike


def noise(shape: Sequence[int], dtype: DTypeLike, seed: Seed) -> Array:
    """Draw samples from the standard normal distribution with `noise_bits`."""
    return noise_of_key(draw_key(seed), shape, dtype)


def noise_of_key(key: Array, shape: Sequence[int], dtype: DTypeLike) -> Array:
    """Return the samples of a key of `noise_bits`."""
    bits = noise_bits(key, shape) >> 9
    # The midpoints of 2**23 equal intervals of (-1, 1), all exact in float32.
    uniform = (bits.astype(jnp.float32) + 0.5) * np.float32(2.0**-22) - 1.0
    return (jax.lax.erf_inv(uniform) * np.float32(2.0**0.5)).astype(dtype)


def bernoulli_mask(shape: Sequence[int], rate: float | Array, seed: Seed) -> Array:
    """Draw booleans that are False with probability `rate`, which may be traced."""
    return _mask_from_bits(noise_bits(draw_key(seed), shape), rate)


def _mask_from_bits(bits: Array, rate: float | Array) -> Array:
    # Comparing integers takes half the time of floats, and 24 bits are as exact.
    return (bits >> 8).astype(jnp.int32) >= jnp.round(rate * 2.0**24).astype(jnp.int32)


@filter_traceback
def dropout(
    inputs: ArrayLike,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: Seed = None,
) -> Array:
    """Zero a fraction `rate` of the elements and scale the rest by 1 / (1 - rate).

    Args:
        inputs: any float array.
        rate: fraction of elements to zero, in [0, 1]; may be traced.
        noise_shape: shape of the mask, with `None` for the size of `inputs`; 1 shares
            the mask along that axis.
        seed: an integer, a `SeedGenerator`, or `None`.

    Example:
        >>> lamina.random.dropout(jnp.ones(4), rate=0.0, seed=0).tolist()
        [1.0, 1.0, 1.0, 1.0]
        >>> lamina.random.dropout(jnp.ones((2, 3)), rate=0.5, seed=0).shape
        (2, 3)

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """
    inputs = jnp.asarray(inputs)
    shape = inputs.shape
    if noise_shape is not None:
        shape = tuple(n or m for n, m in zip(noise_shape, shape, strict=True))
    return apply_dropout_mask(inputs, noise_bits(draw_key(seed), shape), rate)


def apply_dropout_mask(inputs: Array, bits: Array, rate: float | Array) -> Array:
    """Apply dropout with a mask of random words."""
    kept = 1.0 - rate
    scale = jnp.asarray(1.0 / jnp.where(kept > 0, kept, 1.0), inputs.dtype)
    mask = _mask_from_bits(bits, rate)
    return jnp.where(mask, inputs * scale, jnp.zeros((), inputs.dtype))
