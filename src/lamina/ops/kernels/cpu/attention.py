"""Forms of attention for CPUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.table import lowering
from lamina.ops.scores import HIDDEN, Look, seen_keys
from lamina.ops.types import widened

__all__ = ["rows_in_blocks"]

Arrays = tuple[Any, ...]

# How many queries are looked at together.
_BLOCK = 128
# With more blocks than these, one program serves them all in turn.
_UNROLLED = 16


def _is_plain(q: Any, k: Any, v: Any, bias: Any, masks: Any, look: Look) -> bool:
    """nothing but masks changes the scores"""
    some = min(q.shape[1], k.shape[1]) > 0
    return some and bias is None and look.soft_cap is None


def _is_long(q: Any, k: Any, v: Any, bias: Any, masks: Any, look: Look) -> bool:
    """all scores at once would fill more than the caches"""
    return q.shape[1] * k.shape[1] > _BLOCK * _BLOCK


@lowering("attention", "cpu", when=_is_long, can=_is_plain)
def rows_in_blocks(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: Any,
    masks: Arrays,
    look: Look,
) -> jax.Array:
    """The scores of some queries at a time, computed again for the gradient.

    Memory grows with the number of keys, not with its square. Keys that no query of a
    block sees are left out.
    """
    heads_first = (x.swapaxes(1, 2) for x in (query, key, value))
    return _attend(look, *heads_first, masks).swapaxes(1, 2)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(
    look: Look, q: jax.Array, k: jax.Array, v: jax.Array, masks: Arrays
) -> jax.Array:
    return _forward(look, q, k, v, masks)[0]


def _forward(
    look: Look, q: jax.Array, k: jax.Array, v: jax.Array, masks: Arrays
) -> tuple[jax.Array, Any]:
    def block(_: Any, start: Any, rows: int, end: int) -> tuple[None, Arrays]:
        scores, _ = _scores(look, q, k, masks, start, rows, end)
        top = jnp.max(scores, -1, keepdims=True)
        shares = jnp.exp(scores - top)
        total = jnp.sum(shares, -1, keepdims=True)
        y = _product("bnts,bnsh->bnth", shares, v[:, :, :end]) / total
        return None, (y, top, total)

    _, (y, *statistics) = _over_rows(block, None, q, k, masks, look)
    y = y.astype(v.dtype)
    return y, (q, k, v, y, statistics, masks)


def _backward(look: Look, residuals: Any, dy: jax.Array) -> tuple[Any, ...]:
    q, k, v, y, statistics, masks = residuals
    fall = jnp.sum(widened(dy) * widened(y), -1, keepdims=True)

    def block(sums: Arrays, start: Any, rows: int, end: int) -> tuple[Arrays, Arrays]:
        slope, some = (_rows(x, start, rows) for x in (dy, q))
        top, total, fallen = (_rows(x, start, rows) for x in (*statistics, fall))
        scores, seen = _scores(look, q, k, masks, start, rows, end)
        shares = jnp.exp(scores - top) / total
        change = _product("bnth,bnsh->bnts", slope, v[:, :, :end])
        change = shares * (change - fallen) * look.scale
        if masks or look.window is not None:  # else a hidden key has no share
            change = jnp.where(seen, change, 0)
        parts = (
            _product("bnts,bnth->bnsh", change, some),
            _product("bnts,bnth->bnsh", shares, slope),
        )
        sums = tuple(_plus(a, b) for a, b in zip(sums, parts, strict=True))
        return sums, (_product("bnts,bnsh->bnth", change, k[:, :, :end]),)

    zeros = tuple(jnp.zeros_like(widened(x)) for x in (k, v))
    (dk, dv), (dq,) = _over_rows(block, zeros, q, k, masks, look)
    return dq.astype(q.dtype), dk.astype(k.dtype), dv.astype(v.dtype), None


_attend.defvjp(_forward, _backward)


def _product(equation: str, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum(equation, widened(a), widened(b))


def _plus(whole: jax.Array, first: jax.Array) -> jax.Array:
    """The sum, where the second has the first keys only."""
    return whole.at[:, :, : first.shape[2]].add(first)


def _rows(x: Any, start: Any, rows: int) -> Any:
    """Those of some queries; of all if there is one for all."""
    return x if x.shape[2] == 1 else lax.dynamic_slice_in_dim(x, start, rows, 2)


def _scores(
    look: Look, q: Any, k: Any, masks: Arrays, start: Any, rows: int, end: int
) -> tuple[jax.Array, Any]:
    """Scores of some queries and the first keys, and which of them count."""
    some = _rows(q, start, rows) if q.shape[2] > rows else q
    scores = _product("bnth,bnsh->bnts", some, k[:, :, :end]) * look.scale
    seen = seen_keys(
        look, tuple(_rows(m, start, rows) for m in masks), rows, end, start
    )
    return scores if seen is None else jnp.where(seen, scores, HIDDEN), seen


def _over_rows(
    block: Callable[..., Any], carry: Any, q: Any, k: Any, masks: Arrays, look: Look
) -> tuple[Any, Arrays]:
    """What `block` gives for all rows, and what it carries along.

    `block(carry, start, rows, end)` looks from `rows` queries at `end` keys.
    """
    length, keys = q.shape[2], k.shape[2]
    whole = length // _BLOCK if length > _UNROLLED * _BLOCK else 0
    done: list[Arrays] = []
    if whole:
        starts = jnp.arange(whole) * _BLOCK
        step = lambda c, start: block(c, start, _BLOCK, keys)  # noqa: E731
        carry, stacked = lax.scan(step, carry, starts)
        done.append(tuple(_joined(x) for x in stacked))
    for start in range(whole * _BLOCK, length, _BLOCK):
        rows = min(_BLOCK, length - start)
        # A query that sees nothing looks at all keys alike, so that all must be there.
        end = min(keys, start + rows) if look.causal and not masks else keys
        carry, some = block(carry, start, rows, end)
        done.append(some)
    return carry, tuple(jnp.concatenate(parts, 2) for parts in zip(*done, strict=True))


def _joined(x: jax.Array) -> jax.Array:
    """The rows of all blocks, which a scan has stacked in front."""
    x = jnp.moveaxis(x, 0, 2)
    return x.reshape(*x.shape[:2], -1, x.shape[-1])
