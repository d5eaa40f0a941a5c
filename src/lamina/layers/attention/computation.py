"""Attention of the heads of a layer, on 4 axes or on any number of them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina.core.random.masks import dropout
from lamina.core.random.seeds import SeedGenerator, draw_key
from lamina.errors import ArgumentError
from lamina.layers.base import Layer
from lamina.ops.nn.attention import AttentionCall, attention
from lamina.ops.nn.attention_mask import (
    AttentionConfig,
    AttentionDropout,
    combine_masks,
)
from lamina.typing import Array


class HeadsCall(NamedTuple):
    """Arguments of the attention of heads.

    Args:
        q: queries, (batch, *queries, heads, width).
        k: keys, (batch, *keys, heads, width).
        v: values, (batch, *keys, heads, width).
        masks: which keys a query may see, each (batch, *queries, *keys).
        config: options that are not arrays.
        dropout: the rate and the seeds of the dropout of weights, if there is one.
    """

    q: Array
    k: Array
    v: Array
    masks: list[Array]
    config: AttentionConfig
    dropout: tuple[Any, SeedGenerator] | None


def fused_attention(call: HeadsCall, flash: bool | None, hides_unseen: bool) -> Array:
    """Return the heads' outputs, by one kernel.

    Args:
        call: queries, keys and values of 4 axes.
        flash: whether to use the fused kernel of a GPU; `None` to choose.
        hides_unseen: whether a query that sees no key gives zeros.
    """
    config, (q, k, v) = call.config, call[:3]
    arrays = tuple(_expand_mask(mask, 4, 1) for mask in call.masks)
    drop = None
    if call.dropout is not None:
        rate, seeds = call.dropout
        drop = AttentionDropout(draw_key(seeds), rate)
    y = attention(AttentionCall(q, k, v, None, arrays, config, drop), flash)
    if not hides_unseen or not (arrays or config.window):
        return y
    # As in Keras, a query that sees no key gives zeros if the layer has dropout.
    visible = combine_masks(config, arrays, q.shape[1], k.shape[1])
    return jnp.where(jnp.any(visible, -1, keepdims=True).swapaxes(1, 2), y, 0)


def attended_axes(
    layer: Layer, call: HeadsCall, axes: Sequence[int] | None
) -> tuple[int, ...]:
    """Return the axes that a layer attends over, counted from the batch axis.

    Raises:
        ArgumentError: there are several, and a mask of positions needs one.
    """
    rank, config = call.q.ndim, call.config
    if axes is None:
        found = tuple(range(1, rank - 2))
    else:
        found = tuple(axis % (rank - 1) for axis in axes)
    if (config.causal or config.window is not None) and len(found) != 1:
        raise ArgumentError(
            f"Layer {layer.name!r} ({type(layer).__name__}) attends over {len(found)} "
            "axes: `use_causal_mask` and `sliding_window` need exactly one. Set "
            "`attention_axes` to one axis."
        )
    return found


def einsum_attention(call: HeadsCall, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the heads' outputs and the attention weights, for any number of axes."""
    config, (q, k, v), masks = call.config, call[:3], call.masks
    score_equation, output_equation = _einsum_equations(q.ndim, axes)
    scores = jnp.einsum(score_equation, k, q * jnp.asarray(config.scale, q.dtype))
    if config.causal or config.window is not None:
        masks = [*masks, combine_masks(config, (), *scores.shape[-2:])[0]]
    visible = None
    for mask in masks:
        mask = _expand_mask(mask, scores.ndim, len(axes))
        visible = mask if visible is None else visible & mask
    if visible is not None:
        # Finite, so that a query that sees no key does not give NaN.
        lowest = jnp.asarray(jnp.finfo(scores.dtype).min / 2, scores.dtype)
        scores = jnp.where(visible, scores, lowest)
    weights = jax.nn.softmax(scores, tuple(range(-len(axes), 0)))
    if visible is not None:
        weights = jnp.where(visible, weights, 0)
    dropped = weights
    if call.dropout is not None:
        rate, seeds = call.dropout
        dropped = dropout(weights, rate, seed=seeds)
    return jnp.einsum(output_equation, dropped, v), weights


def _expand_mask(mask: Array, rank: int, axes: int) -> Array:
    """Insert axes of size 1 into a (batch, *queries, *keys) mask, up to a rank."""
    while mask.ndim < rank:
        mask = jnp.expand_dims(mask, -2 * axes - 1)
    return mask


def _einsum_equations(rank: int, axes: Sequence[int]) -> tuple[str, str]:
    """Return the `einsum` equations of scores and outputs.

    The scores have the axes that are not attended over first, then those of the
    queries, then those of the keys.
    """
    queries = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    keys = "".join(next(others) if i in axes else a for i, a in enumerate(queries))
    batch = "".join(a for i, a in enumerate(queries[:-1]) if i not in axes)
    scores = batch + "".join(queries[i] for i in axes)
    scores += "".join(keys[i] for i in axes)
    return f"{keys},{queries}->{scores}", f"{scores},{keys}->{queries}"
