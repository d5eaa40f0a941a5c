"""How attention looks: which keys a query sees, and what its scores become."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core import random

__all__ = ["MASK_VALUE", "AttentionDropout", "AttentionConfig", "seen_keys"]

# What a hidden key scores; finite, so that a query that sees nothing gives no NaN.
MASK_VALUE = -1e30


class AttentionConfig(NamedTuple):
    """How queries look at keys, apart from arrays.

    Args:
        scale: factor of the products of queries and keys.
        causal: whether a query sees only keys at its own place and before.
        window: how near a key must be, its own place being at distance 0 < window.
        soft_cap: where scores level off, as `score / (1 + abs(score) / cap)`.
    """

    scale: float
    causal: bool = False
    window: int | None = None
    soft_cap: float | None = None

    def sees(self, rows: Any, columns: Any) -> Any:
        """Whether a query at one place may look at a key at another."""
        seen: Any = True
        if self.causal:
            seen = columns <= rows
        if self.window is not None:
            seen &= abs(rows - columns) < self.window
        return seen


class AttentionDropout(NamedTuple):
    """Which shares are dropped.

    Args:
        key: what the choice follows from, two words.
        rate: how many of them, from 0 to 1; may be traced.
    """

    key: Any
    rate: Any

    def of(self, shares: jax.Array, queries: int, keys: int, start: Any = 0) -> Any:
        """Shares of some queries and the first keys, with those that are dropped at 0.

        Which these are does not depend on what is looked at together.

        Args:
            shares: (batch, heads, some queries, some keys).
            queries: how many queries there are in all.
            keys: how many keys there are in all.
            start: place of the first of these queries.
        """
        *outer, columns = shares.shape
        batch, head, row = (
            lax.broadcasted_iota("uint32", (*outer, 1), axis) for axis in range(3)
        )
        row = row + jnp.asarray(start).astype("uint32")
        first = ((batch * outer[1] + head) * queries + row) * keys
        places = first + lax.iota("uint32", columns)
        return random.apply_dropout_mask(
            shares, random.bits_at(self.key, places), self.rate
        )


def seen_keys(
    look: AttentionConfig,
    masks: tuple[Any, ...],
    rows: int,
    columns: int,
    start: Any = 0,
) -> Any:
    """Which scores count, or `None` for all of them.

    Args:
        look: how to look.
        masks: what to look past, each with `rows` queries or one.
        rows: number of queries.
        columns: number of keys.
        start: place of the first of these queries.
    """
    masks = tuple(mask[..., :columns] for mask in masks)
    if look.causal or look.window is not None:
        row = start + lax.broadcasted_iota("int32", (1, 1, rows, columns), 2)
        column = lax.broadcasted_iota("int32", (1, 1, rows, columns), 3)
        masks = (*masks, look.sees(row, column))
    if not masks:
        return None
    seen = masks[0]
    for mask in masks[1:]:
        seen = seen & mask
    return seen
