"""Scaled dot-product attention.

Arrays are (batch, time, heads, width). Masks are (batch, heads, queries, keys), with
length 1 along axes that broadcast. `kernels` may register a faster kernel.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import AttentionCall
from lamina.ops.nn.attention_mask import MASK_VALUE, AttentionConfig, combine_masks
from lamina.ops.types import Tensor, array_of, upcast
from lamina.typing import Array

__all__ = ["dot_product_attention"]


@register_reference("attention")
def reference_attention(call: AttentionCall) -> Array:
    """Compute attention with all scores in memory."""
    query, key, value, bias, masks, options, dropout = call
    scores = jnp.einsum("btnh,bsnh->bnts", upcast(query), upcast(key)) * options.scale
    if options.soft_cap is not None:
        scores = scores / (1 + abs(scores) / options.soft_cap)
    if bias is not None:
        scores = scores + bias.astype(scores.dtype)
    mask = combine_masks(options, masks, *scores.shape[2:])
    if mask is not None:
        scores = jnp.where(mask, scores, MASK_VALUE)
    weights = jax.nn.softmax(scores, -1)
    if dropout is not None:
        weights = dropout.apply(weights, *weights.shape[2:])
    weights = weights.astype(value.dtype)
    return jnp.einsum("bnts,bsnh->btnh", weights, value)


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
) -> Array:
    """Compute softmax(scale * query @ key^T + bias) @ value for each head.

    Args:
        query: (batch, queries, heads, width).
        key: (batch, keys, heads, width); with fewer heads than the queries, each is
            shared by several query heads.
        value: (batch, keys, heads, any width).
        bias: added to the scores; broadcasts to (batch, heads, queries, keys).
        mask: true where a query attends to a key; broadcasts like `bias`.
        scale: 1 / sqrt(width) by default.
        is_causal: whether a query attends only to keys at its own position and before.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        attn_logits_soft_cap: bound of the scores, `score / (1 + abs(score) / cap)`.

    Raises:
        ShapeError: the shapes do not agree.

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
    options = AttentionConfig(scale, is_causal, soft_cap=attn_logits_soft_cap)
    masks = () if mask is None else (_expand_to_scores(mask).astype(bool),)
    bias = None if bias is None else _expand_to_scores(bias)
    call = AttentionCall(q, k, v, bias, masks, options, None)
    return attention(call, flash_attention)


def attention(call: AttentionCall, flash_attention: bool | None) -> Array:
    """Compute attention by a fused kernel if allowed, else by the reference kernel.

    Args:
        call: the arguments.
        flash_attention: `None` for `config.is_flash_attention_enabled()`.
    """
    if flash_attention is None:
        flash_attention = config.is_flash_attention_enabled()
    return dispatch("attention", call) if flash_attention else reference_attention(call)


def _expand_to_scores(x: Tensor) -> Array:
    """Insert the axes of heads, or of batch and heads, if they are missing."""
    x = array_of(x)
    return x[:, None] if x.ndim == 3 else x.reshape((1,) * (4 - x.ndim) + x.shape)


def _check_shapes(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...]
) -> None:
    agree = len(query) == len(key) == len(value) == 4 and (
        query[0] == key[0] == value[0]
        and query[-1] == key[-1]
        and key[1:3] == value[1:3]
        and query[2] % key[2] == 0
    )
    if not agree:
        raise ShapeError(
            "dot_product_attention: queries (batch, queries, heads, width), keys "
            "(batch, keys, heads, width) and values (batch, keys, heads, any) must "
            f"agree in batch, keys, heads and width. Received: {query}, {key}, {value}."
        )
