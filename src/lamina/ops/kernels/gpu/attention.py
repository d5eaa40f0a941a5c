"""Attention kernels for GPUs."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.attention_mask import (
    AttentionConfig,
    AttentionDropout,
    combine_masks,
)

Arrays = tuple[Any, ...]


def _is_supported(
    q: Any,
    k: Any,
    v: Any,
    bias: jax.Array | None,
    masks: Arrays,
    options: AttentionConfig,
    dropout: AttentionDropout | None,
) -> bool:
    """Return whether cuDNN accepts these types, sizes and options."""
    if options.soft_cap is not None or bias is not None or dropout is not None:
        return False
    run = partial(cudnn, bias=bias, masks=masks, options=options, dropout=dropout)
    try:
        jax.eval_shape(run, q, k, v)
    except (NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return True


@register_kernel(
    "attention",
    "gpu",
    "cuDNN's flash attention never holds all scores in memory.",
    supports=_is_supported,
)
def cudnn(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: jax.Array | None,
    masks: Arrays,
    options: AttentionConfig,
    dropout: AttentionDropout | None,
) -> jax.Array:
    """Compute attention by cuDNN's flash attention, for 16-bit types."""
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
