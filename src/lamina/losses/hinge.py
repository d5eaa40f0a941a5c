"""Losses of maximum-margin classifiers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, match_shapes
from lamina.typing import ArrayLike


def _signs(y_true: jax.Array) -> jax.Array:
    """Map targets of 0 and 1 to -1 and 1; return others unchanged."""
    is_binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(is_binary, 2.0 * y_true - 1.0, y_true)


@op
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the hinge loss: mean(max(1 - y·ŷ, 0)) over the last axis.

    Args:
        y_true: targets of -1 and 1, or of 0 and 1.
        y_pred: predicted scores.

    Example:
        >>> hinge([[-1.0, 1.0]], [[0.5, 2.0]]).tolist()
        [0.75]
    """
    y_true, y_pred = match_shapes("hinge", y_true, y_pred)
    return jnp.mean(jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


@op
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the squared hinge loss: mean(max(1 - y·ŷ, 0)²) over the last axis.

    Args:
        y_true: targets of -1 and 1, or of 0 and 1.
        y_pred: predicted scores.

    Example:
        >>> squared_hinge([[-1.0, 1.0]], [[1.0, 2.0]]).tolist()
        [2.0]
    """
    y_true, y_pred = match_shapes("squared_hinge", y_true, y_pred)
    margin = jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0)
    return jnp.mean(jnp.square(margin), axis=-1)


@op
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the categorical hinge loss.

    max(max((1 - y)·ŷ) - Σ y·ŷ + 1, 0) over the last axis

    Args:
        y_true: one-hot classes.
        y_pred: a score for each class.

    Example:
        >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.25]]).tolist()
        [1.25]

    Reference: Crammer & Singer 2001, https://jmlr.org/papers/v2/crammer01a.html
    """
    y_true, y_pred = match_shapes("categorical_hinge", y_true, y_pred)
    positive = jnp.sum(y_true * y_pred, axis=-1)
    negative = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(negative - positive + 1.0, 0.0)


class Hinge(FunctionLoss):
    """Hinge loss: the mean of max(1 - y·ŷ, 0), see `hinge`.

    Example:
        >>> float(Hinge()([[-1.0], [1.0]], [[0.5], [2.0]]))
        0.75
    """

    function = staticmethod(hinge)


class SquaredHinge(FunctionLoss):
    """Squared hinge loss: the mean of max(1 - y·ŷ, 0)², see `squared_hinge`.

    Example:
        >>> float(SquaredHinge()([[-1.0], [1.0]], [[1.0], [2.0]]))
        2.0
    """

    function = staticmethod(squared_hinge)


class CategoricalHinge(FunctionLoss):
    """Hinge loss for one-hot targets, see `categorical_hinge`.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
        1.25
    """

    function = staticmethod(categorical_hinge)
