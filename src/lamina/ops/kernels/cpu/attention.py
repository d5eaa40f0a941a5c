"""Forms of attention for CPUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.table import kernel
from lamina.ops.nn.attention_mask import (
    MASK_VALUE,
    AttentionConfig,
    AttentionDropout,
    seen_keys,
)
from lamina.ops.types import upcast

__all__ = ["blockwise_attention"]

Arrays = tuple[Any, ...]

# How many queries are looked at together: more of them where that leaves out no keys.
_FEW, _MANY = 64, 128
_LONG = 512
# Blocks in a loop use the same memory in turn, while XLA has others side by side. Those
# of one loop look at the same keys: several loops leave out more of them.
_LOOPS = 8


def _is_plain(
    q: Any,
    k: Any,
    v: Any,
    bias: Any,
    masks: Any,
    look: AttentionConfig,
    drop: AttentionDropout | None,
) -> bool:
    """nothing but masks changes the scores: some rows of them are enough at a time"""
    some = min(q.shape[1], k.shape[1]) > 0
    return some and bias is None and look.soft_cap is None


@kernel("attention", "cpu", when=_is_plain, can=_is_plain)
def blockwise_attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: Any,
    masks: Arrays,
    look: AttentionConfig,
    drop: AttentionDropout | None,
) -> jax.Array:
    """The scores of some queries at a time, against the keys that they can see.

    For the gradient they are computed again, which takes no longer than reading them:
    memory grows with the length, not with its square. As every `custom_vjp`, it has no
    forward-mode derivative.
    """
    # Turned once: XLA would do it again, and what comes before, for each product.
    turned = tuple(x.swapaxes(1, 2) for x in (query, key, value))
    q, k, v = lax.optimization_barrier(turned)
    y: Any = _attend(look, (q, k, v), masks, drop)
    return y.swapaxes(1, 2)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(
    look: AttentionConfig, qkv: Arrays, masks: Arrays, drop: AttentionDropout | None
) -> jax.Array:
    return _forward(look, qkv, masks, drop)[0]


def _forward(
    look: AttentionConfig, qkv: Arrays, masks: Arrays, drop: AttentionDropout | None
) -> tuple[jax.Array, Any]:
    q, k, v = qkv

    def block(_: Any, rows: _Rows) -> tuple[None, Arrays]:
        scores = _scores(look, q, k, masks, rows)
        top = jnp.max(scores, -1, keepdims=True)
        shares = jnp.exp(scores - top)
        total = jnp.sum(shares, -1, keepdims=True)
        kept = rows.kept(drop, shares, q, k)
        y = _product("bnts,bnsh->bnth", kept, v[:, :, : rows.keys]) / total
        return None, (y, top, total)

    _, (y, top, total) = _over_rows(block, None, q, k, masks, look)
    y = y.astype(v.dtype)
    return y, (qkv, y, top, total, masks, drop)


def _backward(look: AttentionConfig, residuals: Any, dy: jax.Array) -> tuple[Any, ...]:
    (q, k, v), y, top, total, masks, drop = residuals
    # Divided here, where arrays are small, and not among the shares.
    dy = lax.optimization_barrier(upcast(dy) / total)
    fall = jnp.sum(dy * upcast(y), -1, keepdims=True)

    def block(sums: Arrays, rows: _Rows) -> tuple[Arrays, Arrays]:
        slope, some = rows.of(dy), rows.of(upcast(q)) * look.scale
        shares = jnp.exp(_scores(look, q, k, masks, rows) - rows.of(top))
        change = _product("bnth,bnsh->bnts", slope, v[:, :, : rows.keys])
        change = shares * (rows.kept(drop, change, q, k) - rows.of(fall))
        # A hidden key has no share, unless the query sees nothing at all.
        if masks or look.window is not None:
            change = jnp.where(rows.seen(look, masks), change, 0)
        # Transposed products of this form take half as long as those of shares first.
        parts = (
            _product("bnth,bnts->bnhs", some, change),
            _product("bnth,bnts->bnhs", slope, rows.kept(drop, shares, q, k)),
        )
        sums = tuple(_plus(a, b) for a, b in zip(sums, parts, strict=True))
        turn = _product("bnts,bnsh->bnth", change, k[:, :, : rows.keys])
        return sums, (turn * look.scale,)

    zeros = tuple(jnp.zeros_like(upcast(x)).swapaxes(2, 3) for x in (k, v))
    sums, (dq,) = _over_rows(block, zeros, q, k, masks, look)
    dk, dv = (x.swapaxes(2, 3) for x in sums)
    dqkv = dq.astype(q.dtype), dk.astype(k.dtype), dv.astype(v.dtype)
    return dqkv, None, None


_attend.defvjp(_forward, _backward)


class _Rows(NamedTuple):
    """Some queries next to each other, and how many keys they look at."""

    start: Any
    number: int
    keys: int

    def of(self, x: Any) -> Any:
        """Their rows of an array; its only row if there is one for all."""
        if x.shape[2] in (1, self.number):
            return x
        return lax.dynamic_slice_in_dim(x, self.start, self.number, 2)

    def seen(self, look: AttentionConfig, masks: Arrays) -> Any:
        """Which of their scores count."""
        masks = tuple(self.of(mask) for mask in masks)
        return seen_keys(look, masks, self.number, self.keys, self.start)

    def kept(self, drop: AttentionDropout | None, shares: Any, q: Any, k: Any) -> Any:
        """Their shares, or what is like these, with those that are dropped at 0."""
        if drop is None:
            return shares
        return drop.of(shares, q.shape[2], k.shape[2], self.start)


def _scores(
    look: AttentionConfig, q: Any, k: Any, masks: Arrays, rows: _Rows
) -> jax.Array:
    """How well some queries match the keys that they look at."""
    some = upcast(rows.of(q)) * look.scale
    scores = _product("bnth,bnsh->bnts", some, k[:, :, : rows.keys])
    seen = rows.seen(look, masks)
    return scores if seen is None else jnp.where(seen, scores, MASK_VALUE)


def _product(equation: str, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum(equation, upcast(a), upcast(b))


def _plus(whole: jax.Array, part: jax.Array) -> jax.Array:
    """The sum, where the second may have the first keys only."""
    missing = whole.shape[-1] - part.shape[-1]
    return whole + jnp.pad(part, [(0, 0)] * 3 + [(0, missing)])


def _over_rows(
    block: Callable[..., Any],
    carry: Any,
    q: Any,
    k: Any,
    masks: Arrays,
    look: AttentionConfig,
) -> tuple[Any, Arrays]:
    """What `block` carries along, and what it gives for all rows.

    `block` is called with what is carried and with the rows.
    """
    length, keys = q.shape[2], k.shape[2]
    # A query that sees nothing looks at all keys alike, so that all must be there.
    skips = look.causal and not masks
    size = _FEW if skips and length <= _LONG else _MANY
    blocks = length // size
    each = max(2, -(-blocks // _LOOPS) if skips else blocks)
    looped = blocks - (blocks % each == 1) if blocks > 2 else 0
    done: list[Arrays] = []
    for first in range(0, looped, each):
        some = min(each, looped - first)
        end = min(keys, (first + some) * size) if skips else keys

        def turn(carry: Any, start: Any, end: int = end) -> Any:
            return block(carry, _Rows(start, size, end))

        starts = size * (first + jnp.arange(some))
        carry, stacked = lax.scan(turn, carry, starts)
        done.append(tuple(_joined(x) for x in stacked))
    for start in range(looped * size, length, size):
        rows = min(size, length - start)
        end = min(keys, start + rows) if skips else keys
        carry, last = block(carry, _Rows(start, rows, end))
        done.append(last)
    parts = zip(*done, strict=True)
    return carry, tuple(jnp.concatenate(part, 2) for part in parts)


def _joined(x: jax.Array) -> jax.Array:
    """The rows of all blocks, which a scan has stacked in front."""
    x = jnp.moveaxis(x, 0, 2)
    return x.reshape(*x.shape[:2], -1, x.shape[-1])
