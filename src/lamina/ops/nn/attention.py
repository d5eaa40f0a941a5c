"""Attention: each query's mean of the values, weighted by how its key matches.

Inside, arrays are (batch, time, heads, width) and masks are (batch, heads, queries,
keys), with 1 where an axis does not matter; `kernels` may know a faster form.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.kernels import call, reference
from lamina.ops.nn.attention_mask import (
    MASK_VALUE,
    AttentionConfig,
    AttentionDropout,
    seen_keys,
)
from lamina.ops.types import Tensor, array_of, upcast

__all__ = ["dot_product_attention"]


@reference("attention")
def reference_attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: Any,
    masks: tuple[Any, ...],
    look: AttentionConfig,
    drop: AttentionDropout | None,
) -> jax.Array:
    """All scores at once."""
    scores = jnp.einsum("btnh,bsnh->bnts", upcast(query), upcast(key)) * look.scale
    if look.soft_cap is not None:
        scores = scores / (1 + abs(scores) / look.soft_cap)
    if bias is not None:
        scores = scores + bias.astype(scores.dtype)
    seen = seen_keys(look, masks, *scores.shape[2:])
    if seen is not None:
        scores = jnp.where(seen, scores, MASK_VALUE)
    shares = jax.nn.softmax(scores, -1)
    if drop is not None:
        shares = drop.of(shares, *shares.shape[2:])
    shares = shares.astype(value.dtype)
    return jnp.einsum("bnts,bsnh->btnh", shares, value)


@op
def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> jax.Array:
    """softmax(scale * query @ key^T + bias) @ value, for each head.

    Args:
        query: (batch, queries, heads, width).
        key: (batch, keys, heads, width); where heads are fewer, each serves several
            of the queries'.
        value: (batch, keys, heads, any width).
        bias: added to the scores, (batch, heads, queries, keys), 1 along any axis.
        mask: true where a query may look at a key, of such a shape too.
        scale: 1 / sqrt(width) by default.
        is_causal: whether a query sees only keys at its own place and before.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        attn_logits_soft_cap: where scores level off.

    Raises:
        ShapeError: the shapes do not fit together.

    Example:
        >>> x = jnp.ones((2, 5, 3, 4))
        >>> dot_product_attention(x, x, x, is_causal=True).shape
        (2, 5, 3, 4)

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    """
    q, k, v = array_of(query), array_of(key), array_of(value)
    _check_shapes(q.shape, k.shape, v.shape)
    dtype = jnp.result_type(q, k, v)
    repeats = q.shape[2] // k.shape[2]
    k, v = (jnp.repeat(x, repeats, 2) if repeats > 1 else x for x in (k, v))
    q, k, v = (x.astype(dtype) for x in (q, k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    look = AttentionConfig(scale, is_causal, soft_cap=attn_logits_soft_cap)
    masks = () if mask is None else (_per_score(mask).astype(bool),)
    bias = None if bias is None else _per_score(bias)
    return attention(q, k, v, bias, masks, look, None, flash_attention)


def attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: Any,
    masks: tuple[Any, ...],
    look: AttentionConfig,
    drop: AttentionDropout | None,
    flash_attention: bool | None,
) -> jax.Array:
    """Attention by a fused kernel where that is allowed, else in the reference form.

    Args:
        query: (batch, queries, heads, width).
        key: (batch, keys, heads, width).
        value: (batch, keys, heads, any width).
        bias: added to the scores, or `None`.
        masks: (batch, heads, queries, keys) each, 1 along any axis.
        look: causality, window and scale.
        drop: the dropout of attention weights, or `None`.
        flash_attention: `None` for `config.is_flash_attention_enabled()`.
    """
    if flash_attention is None:
        flash_attention = config.is_flash_attention_enabled()
    arguments = query, key, value, bias, masks, look, drop
    if flash_attention:
        return call("attention", *arguments)
    return reference_attention(*arguments)


def _per_score(x: Tensor) -> jax.Array:
    """Of four axes; the heads, or batch and heads, may be missing."""
    x = array_of(x)
    return x[:, None] if x.ndim == 3 else x.reshape((1,) * (4 - x.ndim) + x.shape)


def _check_shapes(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...]
) -> None:
    ranks = {len(query), len(key), len(value)} == {4}
    fit = ranks and (
        query[0] == key[0] == value[0]
        and query[-1] == key[-1]
        and key[1:3] == value[1:3]
        and query[2] % key[2] == 0
    )
    if not fit:
        raise ShapeError(
            "dot_product_attention: queries (batch, queries, heads, width), keys "
            "(batch, keys, heads, width) and values (batch, keys, heads, any) must "
            f"agree in batch, keys, heads and width. Received: {query}, {key}, {value}."
        )
