"""Methods and attributes of Keras's layers, not public, that packages use."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from lamina.core.variable import Variable
from lamina.layers import Layer, MultiHeadAttention
from lamina.layers.attention.computation import (
    HeadsCall,
    attended_axes,
    einsum_attention,
    fused_attention,
)
from lamina.metrics import Metric
from lamina.models import Model
from lamina.ops.nn.attention_mask import AttentionConfig
from lamina.training.state import training_of
from lamina.typing import Array, ArrayLike


def flatten_layers(
    layer: Layer, include_self: bool = True, recursive: bool = True
) -> list[Any]:
    """Return the layers in a layer."""
    below = list(layer.all_layers())[1:] if recursive else layer.sublayers()
    return [layer, *below] if include_self else below


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


# Packages also assign the list.
_metrics = functools.cached_property(
    lambda layer: [m for m in layer.children() if isinstance(m, Metric)]
)
_metrics.__set_name__(Layer, "_metrics")

INTERNALS: Mapping[type, Mapping[str, Any]] = {
    Variable: {"_value": property(lambda variable: variable.value)},
    Layer: {"_flatten_layers": flatten_layers, "_metrics": _metrics},
    Model: {"_loss_tracker": property(lambda m: training_of(m).loss_tracker)},
    MultiHeadAttention: {
        "_compute_attention": compute_attention,
        **{
            f"_{name}_dense": _alias(f"{name}_dense")
            for name in ("query", "key", "value", "output")
        },
    },
}
