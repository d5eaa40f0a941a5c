"""Correlations between targets and predictions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.losses.base import match_shapes
from lamina.metrics.reduction import FunctionMetric
from lamina.typing import ArrayLike


@op
def pearson_correlation(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> jax.Array:
    """Compute the Pearson correlation along an axis.

    mean((y - ȳ)·(ŷ - mean ŷ)) / (σ(y)·σ(ŷ))

    Args:
        y_true: target values.
        y_pred: predicted values.
        axis: the axis to correlate along.

    Example:
        >>> r = pearson_correlation([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.5]])
        >>> round(float(r[0]), 4)
        1.0
    """
    y_true, y_pred = match_shapes("pearson_correlation", y_true, y_pred)
    return jnp.mean(_standardize(y_true, axis) * _standardize(y_pred, axis), axis=axis)


def _standardize(x: jax.Array, axis: int) -> jax.Array:
    x = x - jnp.mean(x, axis=axis, keepdims=True)
    return x / jnp.std(x, axis=axis, keepdims=True)


@op
def concordance_correlation(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> jax.Array:
    """Compute the concordance correlation along an axis.

    2·cov(y, ŷ) / (σ²(y) + σ²(ŷ) + (ȳ - mean ŷ)² + ε)

    Args:
        y_true: target values.
        y_pred: predicted values.
        axis: the axis to correlate along.

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
    denominator = (
        jnp.var(y_true, axis=axis, keepdims=True)
        + jnp.var(y_pred, axis=axis, keepdims=True)
        + jnp.square(true_mean - pred_mean)
    )
    return jnp.mean(2.0 * covariance / (denominator + epsilon()), axis=axis)


class PearsonCorrelation(FunctionMetric):
    """Pearson correlation metric, see `pearson_correlation`.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        axis: the axis to correlate along; 0 for the batch.

    Example:
        >>> metric = PearsonCorrelation(axis=0)
        >>> float(metric([[0.0], [1.0]], [[0.25], [0.75]]))
        1.0
    """

    function = staticmethod(pearson_correlation)

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: PolicyLike = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.axis = axis


class ConcordanceCorrelation(FunctionMetric):
    """Concordance correlation metric, see `concordance_correlation`.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        axis: the axis to correlate along; 0 for the batch.

    Example:
        >>> metric = ConcordanceCorrelation(axis=0)
        >>> round(float(metric([[0.0], [1.0]], [[0.0], [0.5]])), 4)
        0.6667
    """

    function = staticmethod(concordance_correlation)

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: PolicyLike = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.axis = axis
