"""Connectionist temporal classification."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.losses.base import FunctionLoss
from lamina.ops.nn.ctc import ctc_loss
from lamina.ops.types import float_array
from lamina.typing import ArrayLike


@op
def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the connectionist temporal classification loss.

    It is -log of the probability of all alignments that yield the labels. An
    alignment has one class for each step; removing repetitions and then the blank,
    class 0, yields its labels.

    Args:
        y_true: class indices, (batch, labels), padded with 0 at the end.
        y_pred: logits, (batch, steps, classes).

    Raises:
        ShapeError: the ranks are wrong, or the batch sizes differ.

    Example:
        >>> logits = np.zeros((1, 2, 2), "float32")
        >>> round(float(ctc([[1]], logits)[0]), 4)
        0.2877

    Reference: Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf
    """
    logits, labels = float_array(y_pred), jnp.asarray(y_true).astype(jnp.int32)
    if logits.ndim != 3 or labels.ndim != 2 or len(labels) != len(logits):
        raise ShapeError(
            "ctc: y_true must have the shape (batch, labels) and y_pred (batch, steps, "
            f"classes). Received: {labels.shape} and {logits.shape}. End the model "
            "with a layer with return_sequences=True and Dense(classes)."
        )
    steps = jnp.full(len(logits), logits.shape[1])
    return ctc_loss(labels, logits, (labels != 0).sum(1), steps)


class CTC(FunctionLoss):
    """Connectionist temporal classification loss, see `ctc`.

    Example:
        >>> round(float(CTC()([[1]], np.zeros((1, 2, 2), "float32"))), 4)
        0.2877
    """

    function = staticmethod(ctc)
