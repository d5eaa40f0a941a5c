"""Correlations between truth and prediction."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.graph import op
from lamina.losses.base import match_shapes
from lamina.metrics.reduction import MeanMetricWrapper

__all__ = [
    "ConcordanceCorrelation",
    "PearsonCorrelation",
    "concordance_correlation",
    "pearson_correlation",
]


@op
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """mean((y - ȳ)·(ŷ - mean ŷ)) / (σ(y)·σ(ŷ)) along an axis.

    Args:
        y_true: the right values.
        y_pred: the predicted values.
        axis: the axis to compare along.

    Example:
        >>> r = pearson_correlation([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.5]])
        >>> round(float(r[0]), 4)
        1.0
    """
    y_true, y_pred = match_shapes("pearson_correlation", y_true, y_pred)
    return jnp.mean(_standard(y_true, axis) * _standard(y_pred, axis), axis=axis)


def _standard(x: jax.Array, axis: int) -> jax.Array:
    x = x - jnp.mean(x, axis=axis, keepdims=True)
    return x / jnp.std(x, axis=axis, keepdims=True)


@op
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """2·cov(y, ŷ) / (σ²(y) + σ²(ŷ) + (ȳ - mean ŷ)² + ε) along an axis.

    Args:
        y_true: the right values.
        y_pred: the predicted values.
        axis: the axis to compare along.

    Example:
        >>> r = concordance_correlation([[0.0, 1.0]], [[0.0, 0.5]])
        >>> round(float(r[0]), 4)
        0.6667

    Reference: Lin 1989, https://doi.org/10.2307/2532051
    """
    y_true, y_pred = match_shapes("concordance_correlation", y_true, y_pred)
    true_mean = jnp.mean(y_true, axis=axis, keepdims=True)
    pred_mean = jnp.mean(y_pred, axis=axis, keepdims=True)
    covariance = (y_true - pred_mean) * (y_pred - pred_mean)
    spread = (
        jnp.var(y_true, axis=axis, keepdims=True)
        + jnp.var(y_pred, axis=axis, keepdims=True)
        + jnp.square(true_mean - pred_mean)
    )
    return jnp.mean(2.0 * covariance / (spread + epsilon()), axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean Pearson correlation, see `pearson_correlation`.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        axis: the axis to compare along; 0 for the rows of a batch.

    Example:
        >>> metric = PearsonCorrelation(axis=0)
        >>> float(metric([[0.0], [1.0]], [[0.25], [0.75]]))
        1.0
    """

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean concordance correlation, see `concordance_correlation`.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        axis: the axis to compare along; 0 for the rows of a batch.

    Example:
        >>> metric = ConcordanceCorrelation(axis=0)
        >>> round(float(metric([[0.0], [1.0]], [[0.0], [0.5]])), 4)
        0.6667
    """

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
