"""Losses on the pairs of embeddings of a batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.check import at_least, boolean, positive_number
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.core.masks import set_mask
from lamina.errors import ShapeError
from lamina.losses.base import FunctionLoss, Loss
from lamina.ops.types import float_array
from lamina.typing import ArrayLike


@op
def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> jax.Array:
    """Compute the circle loss.

    log(1 + Σ exp(γ α₋ (d₋ - d)) Σ exp(-γ α₊ (d₊ - d))) over distances d = 1 - cos

    The first sum is over references of other classes, with α₋ = max(1 + m - d, 0) and
    d₋ = 1 - m; the second over those of the same class, with α₊ = m + d and d₊ = m.
    An embedding without references of both kinds has a loss of 0.

    Args:
        y_true: class indices, one for each embedding.
        y_pred: embeddings of length 1, shape (batch, dim).
        ref_labels: class indices of the references; `y_true` when `None`.
        ref_embeddings: references, shape (count, dim); `y_pred` when `None`.
        remove_diagonal: whether to exclude reference i for embedding i.
        gamma: scale γ.
        margin: relaxation m.

    Raises:
        ShapeError: embeddings are not vectors, or there is not one label for each.

    Example:
        >>> embeddings = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        >>> [round(v, 3) for v in circle([0, 0, 1], embeddings, gamma=1.0).tolist()]
        [0.546, 0.546, 0.0]

    Reference: Sun et al. 2020, https://arxiv.org/abs/2002.10857
    """
    embeddings = float_array(y_pred)
    references = embeddings if ref_embeddings is None else float_array(ref_embeddings)
    labels = _check_labels(y_true, embeddings)
    ref_labels = labels if ref_labels is None else ref_labels
    is_positive = labels[:, None] == _check_labels(ref_labels, references)
    is_negative = ~is_positive
    if remove_diagonal:
        is_positive &= ~jnp.eye(*is_positive.shape, dtype=bool)
    distance = jnp.maximum(1.0 - embeddings @ references.T, 0.0)
    positive = -gamma * (margin + distance) * (margin - distance)
    weight = gamma * jnp.maximum(1.0 + margin - distance, 0.0)
    negative = weight * (1.0 - margin - distance)
    positive = _logsumexp(positive, is_positive)
    negative = _logsumexp(negative, is_negative)
    has_both = is_positive.any(1) & is_negative.any(1)
    values = jnp.where(has_both, jax.nn.softplus(positive + negative), 0.0)
    set_mask(values, values > 0)
    return values


def _logsumexp(values: jax.Array, where: jax.Array) -> jax.Array:
    # Rows without any entry are summed over zeros, so that the gradient is not NaN.
    where = where | ~where.any(1, keepdims=True)
    return jax.nn.logsumexp(jnp.where(where, values, 0.0), axis=1, where=where)


def _check_labels(labels: ArrayLike, embeddings: jax.Array) -> jax.Array:
    labels = jnp.asarray(labels)
    batch = embeddings.shape[:1]
    if embeddings.ndim != 2 or labels.shape not in (batch, (*batch, 1)):
        raise ShapeError(
            "circle: embeddings must have the shape (batch, dim) and labels (batch,). "
            f"Received embeddings of shape {embeddings.shape} and labels of shape "
            f"{labels.shape}. End the model with Dense(dim) and UnitNormalization(), "
            "and pass one class index for each row."
        )
    return labels.reshape(batch).astype(jnp.int32)


class Circle(FunctionLoss):
    """Circle loss for class indices and embeddings of length 1, see `circle`.

    Args:
        gamma: scale of the similarities.
        margin: relaxation factor.
        remove_diagonal: whether to exclude the pair of an embedding and itself.
        reduction: see `Loss`. Means are over the embeddings with a nonzero loss.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> loss = Circle(gamma=1.0)
        >>> embeddings = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        >>> round(float(loss([0, 0, 1], embeddings)), 3)
        0.546
    """

    function = staticmethod(circle)
    arguments = {
        **Loss.arguments,
        "gamma": positive_number,
        "margin": at_least(0),
        "remove_diagonal": boolean,
    }

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.gamma, self.margin = gamma, margin
        self.remove_diagonal = remove_diagonal
