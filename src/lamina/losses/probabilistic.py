"""Losses between distributions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, match_shapes
from lamina.typing import ArrayLike


@op
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the Kullback-Leibler divergence: Σ y·log(y / ŷ) over the last axis.

    Both distributions are clipped to [ε, 1].

    Args:
        y_true: target distributions.
        y_pred: predicted distributions.

    Example:
        >>> round(float(kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])[0]), 4)
        0.1438

    Reference: Kullback & Leibler 1951, https://doi.org/10.1214/aoms/1177729694
    """
    y_true, y_pred = match_shapes("kl_divergence", y_true, y_pred)
    y_true = jnp.clip(y_true, epsilon(), 1.0)
    y_pred = jnp.clip(y_pred, epsilon(), 1.0)
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


@op
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the Poisson loss: mean(ŷ - y·log(ŷ + ε)) over the last axis.

    Args:
        y_true: target counts.
        y_pred: predicted expected counts.

    Example:
        >>> round(float(poisson([[2.0, 0.0]], [[1.0, 1.0]])[0]), 4)
        1.0
    """
    y_true, y_pred = match_shapes("poisson", y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + epsilon()), axis=-1)


class KLDivergence(FunctionLoss):
    """Kullback-Leibler divergence loss: the mean of Σ y·log(y / ŷ).

    See `kl_divergence`.

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    function = staticmethod(kl_divergence)


class Poisson(FunctionLoss):
    """Poisson loss: the mean of ŷ - y·log(ŷ), see `poisson`.

    Example:
        >>> round(float(Poisson()([[2.0], [0.0]], [[1.0], [1.0]])), 4)
        1.0
    """

    function = staticmethod(poisson)
