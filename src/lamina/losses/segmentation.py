"""Overlap losses for segmentation."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, match_shapes
from lamina.typing import ArrayLike, Axis


@op
def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axis = None) -> jax.Array:
    """Compute the Dice loss: 1 - 2 Σ y·ŷ / (Σ y + Σ ŷ + ε).

    Args:
        y_true: target memberships, from 0 to 1.
        y_pred: predicted memberships, from 0 to 1.
        axis: the axes to sum over; `None` for all.

    Example:
        >>> round(float(dice([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.3333

    Reference: Milletari et al. 2016, https://arxiv.org/abs/1606.04797
    """
    y_true, y_pred = match_shapes("dice", y_true, y_pred)
    intersection = jnp.sum(y_true * y_pred, axis=axis)
    total = jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * intersection / (total + epsilon())


@op
def tversky(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Axis = None,
) -> jax.Array:
    """Compute the Tversky loss.

    1 - Σ y·ŷ / (Σ y·ŷ + α Σ y·(1 - ŷ) + β Σ (1 - y)·ŷ + ε)

    Args:
        y_true: target memberships, from 0 to 1.
        y_pred: predicted memberships, from 0 to 1.
        alpha: the weight of false negatives.
        beta: the weight of false positives.
        axis: the axes to sum over; `None` for all.

    Example:
        >>> round(float(tversky([[1.0, 0.0]], [[1.0, 1.0]], beta=1.0)), 4)
        0.5

    Reference: Salehi et al. 2017, https://arxiv.org/abs/1706.05721
    """
    y_true, y_pred = match_shapes("tversky", y_true, y_pred)
    true_positives = jnp.sum(y_true * y_pred, axis=axis)
    false_negatives = jnp.sum(y_true * (1.0 - y_pred), axis=axis)
    false_positives = jnp.sum((1.0 - y_true) * y_pred, axis=axis)
    total = true_positives + alpha * false_negatives + beta * false_positives
    return 1.0 - true_positives / (total + epsilon())


class Dice(FunctionLoss):
    """Dice loss: one minus the overlap of two areas, see `dice`.

    Args:
        reduction: see `Loss`.
        name: see `Loss`.
        axis: the axes to sum over; `None` for all, the batch included.
        dtype: see `Loss`.

    Example:
        >>> round(float(Dice()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.3333
    """

    function = staticmethod(dice)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axis = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.axis = axis


class Tversky(FunctionLoss):
    """Tversky loss: `Dice` with weights for both kinds of errors, see `tversky`.

    Args:
        alpha: the weight of false negatives.
        beta: the weight of false positives.
        reduction: see `Loss`.
        name: see `Loss`.
        axis: the axes to sum over; `None` for all, the batch included.
        dtype: see `Loss`.

    Example:
        >>> round(float(Tversky(beta=1.0)([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.5
    """

    function = staticmethod(tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axis = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.alpha, self.beta, self.axis = alpha, beta, axis
