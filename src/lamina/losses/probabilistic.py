"""Losses between distributions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, aligned

__all__ = ["KLDivergence", "Poisson", "kl_divergence", "poisson"]


@op
def kl_divergence(y_true: Any, y_pred: Any) -> jax.Array:
    """Σ y·log(y / ŷ) over the last axis, both clipped to [ε, 1].

    Args:
        y_true: the right distributions.
        y_pred: the predicted distributions.

    Example:
        >>> round(float(kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])[0]), 4)
        0.1438

    Reference: Kullback & Leibler 1951, https://doi.org/10.1214/aoms/1177729694
    """
    y_true, y_pred = aligned("kl_divergence", y_true, y_pred)
    y_true = jnp.clip(y_true, epsilon(), 1.0)
    y_pred = jnp.clip(y_pred, epsilon(), 1.0)
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


@op
def poisson(y_true: Any, y_pred: Any) -> jax.Array:
    """mean(ŷ - y·log(ŷ + ε)) over the last axis: counts y of expected number ŷ.

    Args:
        y_true: the right counts.
        y_pred: the expected counts predicted.

    Example:
        >>> round(float(poisson([[2.0, 0.0]], [[1.0, 1.0]])[0]), 4)
        1.0
    """
    y_true, y_pred = aligned("poisson", y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + epsilon()), axis=-1)


class KLDivergence(FunctionLoss):
    """The mean of Σ y·log(y / ŷ), see `kl_divergence`.

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    function = staticmethod(kl_divergence)


class Poisson(FunctionLoss):
    """The mean of ŷ - y·log(ŷ), see `poisson`.

    Example:
        >>> round(float(Poisson()([[2.0], [0.0]], [[1.0], [1.0]])), 4)
        1.0
    """

    function = staticmethod(poisson)
