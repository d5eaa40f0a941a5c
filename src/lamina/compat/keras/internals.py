"""Methods and attributes of Keras's layers, not public, that packages use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from lamina.layers import Layer, MultiHeadAttention
from lamina.ops.nn.attention_mask import AttentionConfig


def flatten_layers(
    layer: Layer, include_self: bool = True, recursive: bool = True
) -> list[Any]:
    """Return the layers in a layer."""
    below = list(layer.all_layers())[1:] if recursive else layer.sublayers()
    return [layer, *below] if include_self else below


def compute_attention(
    layer: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any = None,
    training: Any = None,
    return_attention_scores: Any = False,
) -> tuple[Any, Any]:
    """Return the outputs of projected heads, and the attention weights or `None`."""
    config = AttentionConfig(1 / math.sqrt(query.shape[-1]), False, None)
    masks = [] if attention_mask is None else [jnp.asarray(attention_mask, bool)]
    arguments = query, key, value, masks, config, training
    if return_attention_scores or query.ndim != 4:
        return layer._einsum_attention(*arguments)
    return layer._fused_attention(*arguments), None


def _alias(name: str) -> property:
    return property(
        lambda layer: getattr(layer, name),
        lambda layer, value: setattr(layer, name, value),
    )


INTERNALS: Mapping[type, Mapping[str, Any]] = {
    Layer: {"_flatten_layers": flatten_layers},
    MultiHeadAttention: {
        "_compute_attention": compute_attention,
        **{
            f"_{name}_dense": _alias(f"{name}_dense")
            for name in ("query", "key", "value", "output")
        },
    },
}
