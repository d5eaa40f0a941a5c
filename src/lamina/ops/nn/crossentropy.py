"""Crossentropy of classes, whose gradient by logits takes a single pass.

Classes are along the last axis here; `nn` and the losses take any.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina import config

__all__ = ["by_class", "by_distribution", "inside"]

Arrays = tuple[jax.Array, ...]


def by_class(output: jax.Array, labels: jax.Array, from_logits: bool) -> jax.Array:
    """-log(p[label]); a label out of range costs 0.

    Args:
        output: (..., classes), what is proportional to p, or its logits.
        labels: (...), int32.
        from_logits: whether `output` is logits.
    """
    if from_logits:
        loss = _by_class(output, labels)
    else:
        # Picked before the logarithm: one of each row instead of one of each class.
        chosen = jnp.sum(jnp.where(_hits(labels, output), output, 0), -1)
        loss = -jnp.log(inside(chosen / jnp.sum(output, -1)))
    is_class = (labels >= 0) & (labels < output.shape[-1])
    return jnp.where(is_class, loss, 0)


def by_distribution(
    output: jax.Array, target: jax.Array, from_logits: bool
) -> jax.Array:
    """-sum(target * log(p)).

    Args:
        output: (..., classes), what is proportional to p, or its logits.
        target: (..., classes).
        from_logits: whether `output` is logits.
    """
    if from_logits:
        return _by_distribution(output, target)
    share = inside(output / jnp.sum(output, -1, keepdims=True))
    return -jnp.sum(target * jnp.log(share), -1)


def inside(share: jax.Array) -> jax.Array:
    """A probability, kept off 0 and 1, where logarithms are infinite."""
    return jnp.clip(share, config.epsilon(), 1.0 - config.epsilon())


def _hits(labels: jax.Array, output: jax.Array) -> jax.Array:
    return jax.nn.one_hot(labels, output.shape[-1], dtype=jnp.bool_)


def _scale(logits: jax.Array) -> jax.Array:
    return jax.nn.logsumexp(logits, -1, keepdims=True)


@jax.custom_jvp
def _by_class(logits: jax.Array, labels: jax.Array) -> jax.Array:
    chosen = jnp.take_along_axis(logits, labels[..., None], -1, mode="clip")
    return (_scale(logits) - chosen)[..., 0]


@_by_class.defjvp
def _by_class_slope(primals: Arrays, tangents: Arrays) -> tuple[jax.Array, jax.Array]:
    logits, labels = primals
    hit = _hits(labels, logits).astype(logits.dtype)
    slope = jnp.exp(logits - _scale(logits)) - hit
    return _by_class(logits, labels), jnp.sum(slope * tangents[0], -1)


@jax.custom_jvp
def _by_distribution(logits: jax.Array, target: jax.Array) -> jax.Array:
    return -jnp.sum(target * (logits - _scale(logits)), -1)


@_by_distribution.defjvp
def _by_distribution_slope(
    primals: Arrays, tangents: Arrays
) -> tuple[jax.Array, jax.Array]:
    logits, target = primals
    logarithm = logits - _scale(logits)
    slope = jnp.exp(logarithm) * jnp.sum(target, -1, keepdims=True) - target
    change = slope * tangents[0] - logarithm * tangents[1]
    return _by_distribution(logits, target), jnp.sum(change, -1)
