"""Crossentropy of classes, with a gradient of logits in a single pass.

Classes are along the last axis here; `nn` and the losses support any axis.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina import config
from lamina.typing import Array

Arrays = tuple[Array, ...]


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
