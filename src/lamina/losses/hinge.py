"""Losses of maximum-margin classifiers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, aligned

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
    "categorical_hinge",
    "hinge",
    "squared_hinge",
]


def _signs(y_true: jax.Array) -> jax.Array:
    """Targets of 0 and 1 as -1 and 1; others as they are."""
    binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(binary, 2.0 * y_true - 1.0, y_true)


@op
def hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """mean(max(1 - y·ŷ, 0)) over the last axis, with y of -1 and 1 (or of 0 and 1).

    Args:
        y_true: the right signs.
        y_pred: the predicted scores.

    Example:
        >>> hinge([[-1.0, 1.0]], [[0.5, 2.0]]).tolist()
        [0.75]
    """
    y_true, y_pred = aligned("hinge", y_true, y_pred)
    return jnp.mean(jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


@op
def squared_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """mean(max(1 - y·ŷ, 0)²) over the last axis, with y of -1 and 1 (or of 0 and 1).

    Args:
        y_true: the right signs.
        y_pred: the predicted scores.

    Example:
        >>> squared_hinge([[-1.0, 1.0]], [[1.0, 2.0]]).tolist()
        [2.0]
    """
    y_true, y_pred = aligned("squared_hinge", y_true, y_pred)
    margin = jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0)
    return jnp.mean(jnp.square(margin), axis=-1)


@op
def categorical_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """max(max((1 - y)·ŷ) - Σ y·ŷ + 1, 0) over the last axis, with y one-hot.

    Args:
        y_true: one-hot classes.
        y_pred: a score for each class.

    Example:
        >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.25]]).tolist()
        [1.25]

    Reference: Crammer & Singer 2001, https://jmlr.org/papers/v2/crammer01a.html
    """
    y_true, y_pred = aligned("categorical_hinge", y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(wrong - right + 1.0, 0.0)


class Hinge(FunctionLoss):
    """The mean of max(1 - y·ŷ, 0), see `hinge`.

    Example:
        >>> float(Hinge()([[-1.0], [1.0]], [[0.5], [2.0]]))
        0.75
    """

    function = staticmethod(hinge)


class SquaredHinge(FunctionLoss):
    """The mean of max(1 - y·ŷ, 0)², see `squared_hinge`.

    Example:
        >>> float(SquaredHinge()([[-1.0], [1.0]], [[1.0], [2.0]]))
        2.0
    """

    function = staticmethod(squared_hinge)


class CategoricalHinge(FunctionLoss):
    """The margin between the right class and the best wrong one.

    See `categorical_hinge`.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
        1.25
    """

    function = staticmethod(categorical_hinge)
