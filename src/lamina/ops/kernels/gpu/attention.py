"""Attention kernels for GPUs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from lamina.ops.kernels.calls import AttentionCall
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.attention_mask import combine_masks

Arrays = tuple[Any, ...]


def _is_supported(call: AttentionCall) -> bool:
    """Return whether cuDNN accepts these types, sizes and options."""
    if call.options.soft_cap is not None or call.bias is not None:
        return False
    try:
        jax.eval_shape(
            lambda q, k, v: cudnn(call._replace(query=q, key=k, value=v)), *call[:3]
        )
    except (NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return call.dropout is None


@register_kernel(
    "attention",
    "gpu",
    "cuDNN's flash attention never holds all scores in memory.",
    supports=_is_supported,
)
def cudnn(call: AttentionCall) -> jax.Array:
    """Compute attention by cuDNN's flash attention, for 16-bit types."""
    query, key, value, _, masks, options, _ = call
    # cuDNN applies a causal mask itself, unless a window has to be combined with it.
    explicit = options._replace(causal=False) if options.window is None else options
    mask = combine_masks(explicit, masks, query.shape[1], key.shape[1])
    if mask is not None:
        mask = jnp.broadcast_to(mask, (*mask.shape[:2], query.shape[1], key.shape[1]))
    return jax.nn.dot_product_attention(
        query,
        key,
        value,
        mask=mask,
        scale=options.scale,
        is_causal=options.causal,
        implementation="cudnn",
    )
