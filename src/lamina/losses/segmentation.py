"""Losses that compare areas, for images cut into classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.graph import op
from lamina.losses.base import Loss, aligned

__all__ = ["Dice", "Tversky", "dice", "tversky"]

Axes = int | Sequence[int] | None


@op
def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> jax.Array:
    """1 - 2 Σ y·ŷ / (Σ y + Σ ŷ + ε).

    Args:
        y_true: the right memberships, 0 to 1.
        y_pred: the predicted ones.
        axis: the axes to sum over; `None` for all.

    Example:
        >>> round(float(dice([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.3333

    Reference: Milletari et al. 2016, https://arxiv.org/abs/1606.04797
    """
    y_true, y_pred = aligned("dice", y_true, y_pred)
    axis = _axes(axis)
    both = 2.0 * jnp.sum(y_true * y_pred, axis=axis)
    total = jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis)
    return 1.0 - both / (total + epsilon())


@op
def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Axes = None,
) -> jax.Array:
    """1 - Σ y·ŷ / (Σ y·ŷ + α Σ y·(1 - ŷ) + β Σ (1 - y)·ŷ + ε).

    Args:
        y_true: the right memberships, 0 to 1.
        y_pred: the predicted ones.
        alpha: the weight of what is missed.
        beta: the weight of what is marked wrongly.
        axis: the axes to sum over; `None` for all.

    Example:
        >>> round(float(tversky([[1.0, 0.0]], [[1.0, 1.0]], beta=1.0)), 4)
        0.5

    Reference: Salehi et al. 2017, https://arxiv.org/abs/1706.05721
    """
    y_true, y_pred = aligned("tversky", y_true, y_pred)
    axis = _axes(axis)
    both = jnp.sum(y_true * y_pred, axis=axis)
    missed = jnp.sum(y_true * (1.0 - y_pred), axis=axis)
    extra = jnp.sum((1.0 - y_true) * y_pred, axis=axis)
    return 1.0 - both / (both + alpha * missed + beta * extra + epsilon())


def _axes(axis: Axes) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


class Dice(Loss):
    """One minus the overlap of two areas, see `dice`.

    Args:
        reduction: see `Loss`.
        name: see `Loss`.
        axis: the axes to sum over; `None` for all, the batch included.
        dtype: see `Loss`.

    Example:
        >>> round(float(Dice()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.3333
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return dice(y_true, y_pred, self.axis)


class Tversky(Loss):
    """`Dice` with a weight for each kind of error, see `tversky`.

    Args:
        alpha: the weight of what is missed.
        beta: the weight of what is marked wrongly.
        reduction: see `Loss`.
        name: see `Loss`.
        axis: the axes to sum over; `None` for all, the batch included.
        dtype: see `Loss`.

    Example:
        >>> round(float(Tversky(beta=1.0)([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha, self.beta, self.axis = alpha, beta, axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return tversky(y_true, y_pred, self.alpha, self.beta, self.axis)
