"""Forms of attention for GPUs."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from lamina.ops.kernels.table import kernel
from lamina.ops.nn.attention_mask import AttentionConfig, AttentionDropout, seen_keys

__all__ = ["cudnn"]

Arrays = tuple[Any, ...]


def _is_taken(
    q: Any,
    k: Any,
    v: Any,
    bias: Any,
    masks: Arrays,
    look: AttentionConfig,
    drop: AttentionDropout | None,
) -> bool:
    """cuDNN takes these types and sizes, and never has all scores at once"""
    if look.soft_cap is not None or bias is not None or drop is not None:
        return False
    run = partial(cudnn, bias=bias, masks=masks, look=look, drop=drop)
    try:
        jax.eval_shape(run, q, k, v)
    except (NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return True


@kernel("attention", "gpu", when=_is_taken, can=_is_taken)
def cudnn(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: Any,
    masks: Arrays,
    look: AttentionConfig,
    drop: AttentionDropout | None,
) -> jax.Array:
    """cuDNN's flash attention, for 16-bit types."""
    own = look._replace(causal=False) if look.window is None else look
    seen = seen_keys(own, masks, query.shape[1], key.shape[1])
    if seen is not None:
        seen = jnp.broadcast_to(seen, (*seen.shape[:2], query.shape[1], key.shape[1]))
    return jax.nn.dot_product_attention(
        query,
        key,
        value,
        mask=seen,
        scale=look.scale,
        is_causal=look.causal,
        implementation="cudnn",
    )
