"""Samples from random distributions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from lamina.core.dtypes import is_float, standardize_dtype
from lamina.core.random.seeds import Seed, draw_seed
from lamina.errors import ShapeError, invalid
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, DTypeLike, Shape


@filter_traceback
def normal(
    shape: Shape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = None,
    seed: Seed = None,
) -> Array:
    """Draw samples from the normal distribution.

    Example:
        >>> lamina.random.normal((2, 3), seed=0).shape
        (2, 3)
    """
    dtype = _require_float("normal", dtype)
    sample = jax.random.normal(draw_seed(seed), tuple(shape), dtype)
    return sample * jnp.asarray(stddev, dtype) + jnp.asarray(mean, dtype)


@filter_traceback
def uniform(
    shape: Shape,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike = None,
    seed: Seed = None,
) -> Array:
    """Draw samples from the uniform distribution over [minval, maxval).

    Example:
        >>> x = lamina.random.uniform((2, 3), minval=5.0, maxval=6.0, seed=0)
        >>> x.shape, bool((5 <= x).all() and (x < 6).all())
        ((2, 3), True)
    """
    dtype = _require_float("uniform", dtype, "`random.randint` draws integers")
    return jax.random.uniform(draw_seed(seed), tuple(shape), dtype, minval, maxval)


@filter_traceback
def randint(
    shape: Shape,
    minval: int,
    maxval: int,
    dtype: DTypeLike = "int32",
    seed: Seed = None,
) -> Array:
    """Draw integers uniformly from minval, ..., maxval - 1.

    Example:
        >>> x = lamina.random.randint((100,), 0, 3, seed=0)
        >>> sorted(set(x.tolist()))
        [0, 1, 2]
    """
    dtype = standardize_dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.integer):
        hint = "`random.uniform` draws floats"
        raise invalid("randint", "dtype", dtype, "an integer type", hint)
    key = draw_seed(seed)
    return jax.random.randint(key, tuple(shape), minval, maxval, dtype)


@filter_traceback
def truncated_normal(
    shape: Shape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = None,
    seed: Seed = None,
) -> Array:
    """Draw samples from a normal distribution truncated at two standard deviations.

    Example:
        >>> x = lamina.random.truncated_normal((100,), stddev=0.5, seed=0)
        >>> bool(abs(x).max() <= 1.0)
        True
    """
    dtype = _require_float("truncated_normal", dtype)
    key = draw_seed(seed)
    sample = jax.random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtype)
    return sample * jnp.asarray(stddev, dtype) + jnp.asarray(mean, dtype)


@filter_traceback
def categorical(
    logits: ArrayLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None
) -> Array:
    """Draw class indices, (batch, num_samples), from unnormalized log-probabilities.

    Example:
        >>> certain = [[-1e9, 0.0, -1e9]]
        >>> lamina.random.categorical(certain, num_samples=4, seed=0).tolist()
        [[1, 1, 1, 1]]
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ShapeError(
            f"categorical: `logits` must have the shape (batch, classes), got "
            f"{logits.shape}. Reshape them: `logits.reshape(-1, logits.shape[-1])`."
        )
    shape = (num_samples, *logits.shape[:-1])
    sample = jax.random.categorical(draw_seed(seed), logits, shape=shape)
    return jnp.moveaxis(sample, 0, -1).astype(dtype)


@filter_traceback
def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> Array:
    """Shuffle the slices of an array along an axis.

    Example:
        >>> sorted(lamina.random.shuffle(jnp.arange(5), seed=0).tolist())
        [0, 1, 2, 3, 4]
    """
    return jax.random.permutation(draw_seed(seed), jnp.asarray(x), axis)


@filter_traceback
def gamma(
    shape: Shape, alpha: ArrayLike, dtype: DTypeLike = None, seed: Seed = None
) -> Array:
    """Draw samples from the gamma distribution with shape `alpha` and scale 1.

    Example:
        >>> lamina.random.gamma((2, 3), alpha=2.0, seed=0).shape
        (2, 3)
    """
    dtype = _require_float("gamma", dtype)
    alpha = jnp.asarray(alpha, dtype)
    return jax.random.gamma(draw_seed(seed), alpha, tuple(shape), dtype)


@filter_traceback
def beta(
    shape: Shape,
    alpha: ArrayLike,
    beta: ArrayLike,
    dtype: DTypeLike = None,
    seed: Seed = None,
) -> Array:
    """Draw samples from the beta distribution with parameters `alpha` and `beta`.

    Example:
        >>> x = lamina.random.beta((2, 3), alpha=2.0, beta=5.0, seed=0)
        >>> x.shape, bool((0 <= x).all() and (x <= 1).all())
        ((2, 3), True)
    """
    dtype = _require_float("beta", dtype)
    alpha, beta = jnp.asarray(alpha, dtype), jnp.asarray(beta, dtype)
    return jax.random.beta(draw_seed(seed), alpha, beta, tuple(shape), dtype)


@filter_traceback
def binomial(
    shape: Shape,
    counts: ArrayLike,
    probabilities: ArrayLike,
    dtype: DTypeLike = None,
    seed: Seed = None,
) -> Array:
    """Draw the number of successes in `counts` trials with given `probabilities`.

    Example:
        >>> lamina.random.binomial((3,), counts=10, probabilities=1.0, seed=0).tolist()
        [10.0, 10.0, 10.0]
    """
    dtype = _require_float("binomial", dtype)
    counts, probabilities = jnp.asarray(counts), jnp.asarray(probabilities)
    key = draw_seed(seed)
    return jax.random.binomial(key, counts, probabilities, tuple(shape), dtype)


def _require_float(owner: str, dtype: DTypeLike, hint: str = "") -> str:
    dtype = standardize_dtype(dtype)
    if not is_float(dtype):
        raise invalid(owner, "dtype", dtype, "a floating-point type", hint)
    return dtype
