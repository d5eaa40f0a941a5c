"""Crossentropy of classes, with a gradient of logits in a single pass.

`sparse_crossentropy` and `dense_crossentropy` take classes along the last axis; the ops
and the losses support any axis.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core.graph import op
from lamina.ops.types import Tensor, array_of, check_axis, check_same_shape, float_array
from lamina.typing import Array

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]

Arrays = tuple[Array, ...]


@op
def binary_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False
) -> Array:
    """Compute -target * log(output) - (1 - target) * log(1 - output) element-wise.

    Args:
        target: probabilities in [0, 1].
        output: predicted probabilities, or logits.
        from_logits: whether `output` is logits, before the sigmoid.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> binary_crossentropy([1.0, 0.0], [0.5, 0.75]).tolist()
        [0.69314..., 1.38629...]
    """
    target, output = array_of(target), float_array(output)
    check_same_shape("binary_crossentropy", target.shape, output.shape)
    if from_logits:
        positive, negative = jax.nn.log_sigmoid(output), jax.nn.log_sigmoid(-output)
    else:
        output = clip_probability(output)
        positive, negative = jnp.log(output), jnp.log(1.0 - output)
    target = target.astype(output.dtype)
    return -target * positive - (1.0 - target) * negative


@op
def categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Array:
    """Compute -sum(target * log(output)) over the classes.

    Args:
        target: a probability for each class.
        output: predicted probabilities, or logits.
        from_logits: whether `output` is logits, before the softmax.
        axis: the axis of classes.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
        [0.69314...]
    """
    target, output = array_of(target), float_array(output)
    check_same_shape("categorical_crossentropy", target.shape, output.shape)
    target, output = (jnp.moveaxis(a, axis, -1) for a in (target, output))
    target = target.astype(output.dtype)
    return dense_crossentropy(output, target, from_logits)


@op
def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Array:
    """Compute -log(output[target]) for integer classes.

    Args:
        target: the class of each row; a last axis of length 1 is removed. A class
            out of range costs 0.
        output: predicted probabilities, or logits.
        from_logits: whether `output` is logits, before the softmax.
        axis: the axis of classes.

    Raises:
        ShapeError: `target` does not have the shape of `output` without `axis`.

    Example:
        >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.25, 0.75]]).tolist()
        [0.69314..., 1.38629...]
    """
    target, output = array_of(target).astype("int32"), float_array(output)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    check_axis("sparse_categorical_crossentropy", output, axis)
    output = jnp.moveaxis(output, axis, -1)
    check_same_shape(
        "sparse_categorical_crossentropy",
        target.shape,
        output.shape[:-1],
        "`target` and the rows of `output`",
    )
    return sparse_crossentropy(output, target, from_logits)


def sparse_crossentropy(output: Array, labels: Array, from_logits: bool) -> Array:
    """Compute -log(p[label]); a label out of range costs 0.

    Args:
        output: (..., classes), proportional to p, or logits.
        labels: (...), int32.
        from_logits: whether `output` is logits.
    """
    if from_logits:
        loss = _sparse_from_logits(output, labels)
    else:
        # Selecting before the logarithm takes one logarithm per row, not per class.
        chosen = jnp.sum(jnp.where(_one_hot(labels, output), output, 0), -1)
        loss = -jnp.log(clip_probability(chosen / jnp.sum(output, -1)))
    is_class = (labels >= 0) & (labels < output.shape[-1])
    # Keras's targets are a one-hot array in float32.
    loss = loss.astype(jnp.promote_types(loss.dtype, "float32"))
    return jnp.where(is_class, loss, 0)


def dense_crossentropy(output: Array, target: Array, from_logits: bool) -> Array:
    """Compute -sum(target * log(p)).

    Args:
        output: (..., classes), proportional to p, or logits.
        target: (..., classes).
        from_logits: whether `output` is logits.
    """
    if from_logits:
        return _dense_from_logits(output, target)
    probability = clip_probability(output / jnp.sum(output, -1, keepdims=True))
    return -jnp.sum(target * jnp.log(probability), -1)


def clip_probability(probability: Array) -> Array:
    """Clip a probability away from 0 and 1, where the logarithms are infinite."""
    return jnp.clip(probability, config.epsilon(), 1.0 - config.epsilon())


def _one_hot(labels: Array, output: Array) -> Array:
    return jax.nn.one_hot(labels, output.shape[-1], dtype=jnp.bool_)


def _log_normalizer(logits: Array) -> Array:
    return jax.nn.logsumexp(logits, -1, keepdims=True)


@jax.custom_jvp
def _sparse_from_logits(logits: Array, labels: Array) -> Array:
    chosen = jnp.take_along_axis(logits, labels[..., None], -1, mode="clip")
    return (_log_normalizer(logits) - chosen)[..., 0]


@_sparse_from_logits.defjvp
def _sparse_from_logits_jvp(primals: Arrays, tangents: Arrays) -> tuple[Array, Array]:
    logits, labels = primals
    one_hot = _one_hot(labels, logits).astype(logits.dtype)
    gradient = jnp.exp(logits - _log_normalizer(logits)) - one_hot
    return _sparse_from_logits(logits, labels), jnp.sum(gradient * tangents[0], -1)


@jax.custom_jvp
def _dense_from_logits(logits: Array, target: Array) -> Array:
    return -jnp.sum(target * (logits - _log_normalizer(logits)), -1)


@_dense_from_logits.defjvp
def _dense_from_logits_jvp(primals: Arrays, tangents: Arrays) -> tuple[Array, Array]:
    logits, target = primals
    logarithm = logits - _log_normalizer(logits)
    gradient = jnp.exp(logarithm) * jnp.sum(target, -1, keepdims=True) - target
    tangent = gradient * tangents[0] - logarithm * tangents[1]
    return _dense_from_logits(logits, target), jnp.sum(tangent, -1)
