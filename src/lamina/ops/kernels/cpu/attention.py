"""Attention kernels for CPUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.calls import AttentionCall
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.attention_mask import (
    MASK_VALUE,
    AttentionConfig,
    AttentionDropout,
    combine_masks,
)
from lamina.ops.types import upcast
from lamina.typing import Array, PyTree

Arrays = tuple[Any, ...]

# Queries in a block. Short causal sequences use small blocks, which skip more keys.
_SMALL_BLOCK, _LARGE_BLOCK = 64, 128
_SHORT_LENGTH = 512
# The blocks of one loop share memory and read the same keys. With causal attention,
# several loops skip more keys than one.
_LOOPS = 8


def _is_plain(call: AttentionCall) -> bool:
    """Return whether there is no bias, no soft cap and no empty sequence."""
    not_empty = min(call.query.shape[1], call.key.shape[1]) > 0
    return not_empty and call.bias is None and call.options.soft_cap is None


@register_kernel(
    "attention",
    "cpu",
    "The scores of one block of queries at a time need less memory.",
    supports=_is_plain,
)
def blockwise_attention(call: AttentionCall) -> jax.Array:
    """Compute attention for one block of queries after the other.

    The backward pass recomputes the scores, which takes no longer than reading them.
    Memory grows with the length, not with its square. Like every `custom_vjp`, it has
    no forward-mode derivative.
    """
    # The barrier keeps XLA from fusing the transposes into each product.
    transposed = tuple(x.swapaxes(1, 2) for x in call[:3])
    q, k, v = lax.optimization_barrier(transposed)
    y: Any = _attend(call.options, (q, k, v), call.masks, call.dropout)
    return y.swapaxes(1, 2)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(
    options: AttentionConfig,
    qkv: Arrays,
    masks: Arrays,
    dropout: AttentionDropout | None,
) -> jax.Array:
    return _forward(options, qkv, masks, dropout)[0]


def _forward(
    options: AttentionConfig,
    qkv: Arrays,
    masks: Arrays,
    dropout: AttentionDropout | None,
) -> tuple[jax.Array, Any]:
    q, k, v = qkv

    def attend(_: None, block: _Block) -> tuple[None, Arrays]:
        scores = _scores(options, q, k, masks, block)
        maximum = jnp.max(scores, -1, keepdims=True)
        weights = jnp.exp(scores - maximum)
        total = jnp.sum(weights, -1, keepdims=True)
        weights = block.apply_dropout(dropout, weights, q, k)
        y = _einsum("bnts,bnsh->bnth", weights, v[:, :, : block.keys]) / total
        return None, (y, maximum, total)

    _, (y, maximum, total) = _scan_blocks(attend, None, q, k, masks, options)
    y = y.astype(v.dtype)
    return y, (qkv, y, maximum, total, masks, dropout)


def _backward(
    options: AttentionConfig, residuals: tuple[Any, ...], dy: jax.Array
) -> tuple[Any, ...]:
    (q, k, v), y, maximum, total, masks, dropout = residuals
    # Dividing dy, not the weights, touches fewer elements.
    dy = lax.optimization_barrier(upcast(dy) / total)
    dtotal = jnp.sum(dy * upcast(y), -1, keepdims=True)

    def differentiate(sums: Arrays, block: _Block) -> tuple[Arrays, Arrays]:
        block_dy, queries = block.slice(dy), block.slice(upcast(q)) * options.scale
        scores = _scores(options, q, k, masks, block)
        weights = jnp.exp(scores - block.slice(maximum))
        dweights = _einsum("bnth,bnsh->bnts", block_dy, v[:, :, : block.keys])
        dweights = block.apply_dropout(dropout, dweights, q, k)
        dscores = weights * (dweights - block.slice(dtotal))
        # A masked key has weight 0, unless the query sees no key at all.
        if masks or options.window is not None:
            dscores = jnp.where(block.mask(options, masks), dscores, 0)
        weights = block.apply_dropout(dropout, weights, q, k)
        # With the weights as the second operand these take half as long.
        parts = (
            _einsum("bnth,bnts->bnhs", queries, dscores),
            _einsum("bnth,bnts->bnhs", block_dy, weights),
        )
        sums = tuple(_add_keys(a, b) for a, b in zip(sums, parts, strict=True))
        dq = _einsum("bnts,bnsh->bnth", dscores, k[:, :, : block.keys])
        return sums, (dq * options.scale,)

    zeros = tuple(jnp.zeros_like(upcast(x)).swapaxes(2, 3) for x in (k, v))
    sums, (dq,) = _scan_blocks(differentiate, zeros, q, k, masks, options)
    dk, dv = (x.swapaxes(2, 3) for x in sums)
    dqkv = dq.astype(q.dtype), dk.astype(k.dtype), dv.astype(v.dtype)
    return dqkv, None, None


_attend.defvjp(_forward, _backward)


class _Block(NamedTuple):
    """Adjacent queries, and the number of keys that they attend to."""

    start: Any
    size: int
    keys: int

    def slice(self, x: jax.Array) -> jax.Array:
        """Slice the block's rows out of an array; length 1 broadcasts."""
        if x.shape[2] in (1, self.size):
            return x
        return lax.dynamic_slice_in_dim(x, self.start, self.size, 2)

    def mask(self, options: AttentionConfig, masks: Arrays) -> Any:
        """Combine the block's rows of all masks."""
        masks = tuple(self.slice(mask) for mask in masks)
        return combine_masks(options, masks, self.size, self.keys, self.start)

    def apply_dropout(
        self,
        dropout: AttentionDropout | None,
        weights: jax.Array,
        q: jax.Array,
        k: jax.Array,
    ) -> Any:
        """Apply dropout to the block's attention weights, or to their gradient."""
        if dropout is None:
            return weights
        return dropout.apply(weights, q.shape[2], k.shape[2], self.start)


def _scores(
    options: AttentionConfig, q: jax.Array, k: jax.Array, masks: Arrays, block: _Block
) -> jax.Array:
    """Compute the masked scores of a block of queries."""
    queries = upcast(block.slice(q)) * options.scale
    scores = _einsum("bnth,bnsh->bnts", queries, k[:, :, : block.keys])
    mask = block.mask(options, masks)
    return scores if mask is None else jnp.where(mask, scores, MASK_VALUE)


def _einsum(equation: str, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum(equation, upcast(a), upcast(b))


def _add_keys(total: jax.Array, part: jax.Array) -> jax.Array:
    """Add an array that may cover only the first keys."""
    missing = total.shape[-1] - part.shape[-1]
    return total + jnp.pad(part, [(0, 0)] * 3 + [(0, missing)])


def _scan_blocks(
    function: Callable[..., Any],
    carry: PyTree,
    q: jax.Array,
    k: jax.Array,
    masks: Arrays,
    options: AttentionConfig,
) -> tuple[Any, Arrays]:
    """Call `function(carry, block)` for every block of queries.

    Returns:
        The last carry, and the outputs of all blocks, concatenated along the queries.
    """
    length, keys = q.shape[2], k.shape[2]
    # A query whose keys are all masked averages over all keys, so none may be skipped.
    skips = options.causal and not masks
    size = _SMALL_BLOCK if skips and length <= _SHORT_LENGTH else _LARGE_BLOCK
    blocks = length // size
    per_loop = max(2, -(-blocks // _LOOPS) if skips else blocks)
    looped = blocks - (blocks % per_loop == 1) if blocks > 2 else 0
    outputs: list[Arrays] = []
    for first in range(0, looped, per_loop):
        count = min(per_loop, looped - first)
        end = min(keys, (first + count) * size) if skips else keys

        def body(carry: PyTree, start: Array, end: int = end) -> Any:
            return function(carry, _Block(start, size, end))

        starts = size * (first + jnp.arange(count))
        carry, stacked = lax.scan(body, carry, starts)
        outputs.append(tuple(_merge_blocks(x) for x in stacked))
    for start in range(looped * size, length, size):
        rest = min(size, length - start)
        end = min(keys, start + rest) if skips else keys
        carry, last = function(carry, _Block(start, rest, end))
        outputs.append(last)
    parts = zip(*outputs, strict=True)
    return carry, tuple(jnp.concatenate(part, 2) for part in parts)


def _merge_blocks(x: jax.Array) -> jax.Array:
    """Concatenate blocks that a scan has stacked along the first axis."""
    blocks, batch, heads, size, width = x.shape
    return jnp.moveaxis(x, 0, 2).reshape(batch, heads, blocks * size, width)
