"""Methods of attention layers, not public in Keras, that packages use."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from lamina.compat.patches.apply import Changes
from lamina.layers.attention.computation import (
    HeadsCall,
    attended_axes,
    einsum_attention,
    fused_attention,
)
from lamina.ops.nn.attention_mask import AttentionConfig
from lamina.typing import Array, ArrayLike


def compute_attention(
    layer: Any,
    query: Array,
    key: Array,
    value: Array,
    attention_mask: ArrayLike | None = None,
    training: bool | None = None,
    return_attention_scores: bool = False,
) -> tuple[Any, Any]:
    """Return the outputs of projected heads, and the attention weights or `None`."""
    config = AttentionConfig(1 / math.sqrt(query.shape[-1]), False, None)
    masks = [] if attention_mask is None else [jnp.asarray(attention_mask, bool)]
    rate = vars(layer).get("dropout", 0.0)
    drop = (layer.dropout, layer.seed_generator) if training and rate else None
    call = HeadsCall(query, key, value, masks, config, drop)
    if return_attention_scores or query.ndim != 4:
        return einsum_attention(call, attended_axes(layer, call, layer.attention_axes))
    return fused_attention(call, layer.flash_attention, rate > 0), None


def _alias(name: str) -> property:
    return property(
        lambda layer: getattr(layer, name),
        lambda layer, value: setattr(layer, name, value),
    )


def changes(module: Any) -> Changes:
    """Return the changes for attention with several heads."""
    cls = module.MultiHeadAttention
    yield cls, "_compute_attention", compute_attention
    for name in ("query", "key", "value", "output"):
        yield cls, f"_{name}_dense", _alias(f"{name}_dense")
