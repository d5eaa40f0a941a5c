"""How attention looks: which keys a query sees, and what its scores become."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.core import random

__all__ = ["HIDDEN", "Drop", "Look", "seen_keys"]

# What a hidden key scores; finite, so that a query that sees nothing gives no NaN.
HIDDEN = -1e30


class Look(NamedTuple):
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


class Drop(NamedTuple):
    """Which shares are dropped.

    Args:
        key: what the choice follows from, two words.
        rate: how many of them, from 0 to 1; may be traced.
    """

    key: Any
    rate: Any

    def factors(
        self, shape: tuple[int, ...], rows: int, columns: int, start: Any = 0
    ) -> jax.Array:
        """0 for what is dropped, 1 / (1 - rate) for the rest.

        They do not depend on which of the shares are looked at together.

        Args:
            shape: of all shares, (batch, heads, queries, keys).
            rows: number of queries.
            columns: number of keys.
            start: place of the first of these queries.
        """
        batch, head, row = (
            lax.broadcasted_iota("uint32", (*shape[:2], rows, 1), axis)
            for axis in range(3)
        )
        row = row + jnp.asarray(start).astype("uint32")
        _, heads, queries, keys = map(np.uint32, shape)
        first = ((batch * heads + head) * queries + row) * keys
        places = first + lax.iota("uint32", columns)
        kept = random.kept(random.bits_at(self.key, places), self.rate)
        return jnp.where(kept, random.scale_of_kept(self.rate), 0)


def seen_keys(
    look: Look, masks: tuple[Any, ...], rows: int, columns: int, start: Any = 0
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
