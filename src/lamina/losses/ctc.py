"""Connectionist temporal classification."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.losses.base import FunctionLoss
from lamina.ops.types import float_array
from lamina.typing import ArrayLike

# The logarithm of a probability of zero; finite, so that the gradient is not NaN.
_LOG_ZERO = -1e5


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
    # States of the forward algorithm: a blank before, between and after the labels.
    count = 2 * labels.shape[1] + 1
    states = jnp.zeros((len(labels), count), jnp.int32).at[:, 1::2].set(labels)
    # The blank between different labels can be skipped.
    skips = jnp.zeros(states.shape, bool)
    skips = skips.at[:, 3::2].set(labels[:, 1:] != labels[:, :-1])
    emitted = jnp.take_along_axis(jax.nn.log_softmax(logits), states[:, None], axis=-1)
    first = jnp.where(jnp.arange(count) < 2, emitted[:, 0], _LOG_ZERO)

    def step(alpha: jax.Array, emitted: jax.Array) -> tuple[jax.Array, None]:
        one, two = (
            jnp.pad(alpha, ((0, 0), (n, 0)), constant_values=_LOG_ZERO)[:, :-n]
            for n in (1, 2)
        )
        two = jnp.where(skips, two, _LOG_ZERO)
        return jnp.logaddexp(jnp.logaddexp(alpha, one), two) + emitted, None

    alpha, _ = jax.lax.scan(step, first, jnp.moveaxis(emitted, 1, 0)[1:])
    last = 2 * jnp.sum(labels != 0, axis=1, keepdims=True)
    blank = jnp.take_along_axis(alpha, last, axis=1)[:, 0]
    label = jnp.take_along_axis(alpha, jnp.maximum(last - 1, 0), axis=1)[:, 0]
    label = jnp.where(last[:, 0] > 0, label, _LOG_ZERO)
    return -jnp.logaddexp(blank, label)


class CTC(FunctionLoss):
    """Connectionist temporal classification loss, see `ctc`.

    Example:
        >>> round(float(CTC()([[1]], np.zeros((1, 2, 2), "float32"))), 4)
        0.2877
    """

    function = staticmethod(ctc)
