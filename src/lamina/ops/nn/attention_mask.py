"""Options of attention: masks, windows and dropout."""

from __future__ import annotations

import functools
import operator
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from lamina.core.random.bits import bits_at
from lamina.core.random.masks import apply_dropout_mask
from lamina.typing import Array

# Score of a masked key; finite, so that a query without visible keys gives no NaN.
MASK_VALUE = -1e30


class AttentionConfig(NamedTuple):
    """Options of attention that are not arrays.

    Args:
        scale: factor of the products of queries and keys.
        causal: whether a query attends only to keys at its own position and before.
        window: a query attends only to keys at a distance of less than this.
        soft_cap: bound of the scores, as `score / (1 + abs(score) / cap)`.
    """

    scale: float
    causal: bool = False
    window: int | None = None
    soft_cap: float | None = None

    def positional_mask(self, queries: Array, keys: Array) -> Any:
        """Return whether queries at some positions attend to keys at others."""
        mask: Any = True
        if self.causal:
            mask = keys <= queries
        if self.window is not None:
            mask &= abs(queries - keys) < self.window
        return mask


class AttentionDropout(NamedTuple):
    """Dropout of attention weights.

    Args:
        key: random key, two words.
        rate: fraction of weights to drop, from 0 to 1; may be traced.
    """

    key: Any
    rate: Any

    def apply(
        self, weights: Array, queries: int, keys: int, start: int | Array = 0
    ) -> Any:
        """Drop weights of a block of queries and the first keys.

        The dropout mask does not depend on the block size.

        Args:
            weights: (batch, heads, queries in the block, first keys).
            queries: number of all queries.
            keys: number of all keys.
            start: position of the block's first query.
        """
        *outer, columns = weights.shape
        batch, head, row = (
            lax.broadcasted_iota("uint32", (*outer, 1), axis) for axis in range(3)
        )
        row = row + jnp.asarray(start).astype("uint32")
        first = ((batch * outer[1] + head) * queries + row) * keys
        indices = first + lax.iota("uint32", columns)
        return apply_dropout_mask(weights, bits_at(self.key, indices), self.rate)


def combine_masks(
    options: AttentionConfig,
    masks: tuple[Array, ...],
    rows: int,
    columns: int,
    start: int | Array = 0,
) -> Any:
    """Combine the masks of a block of queries; `None` if nothing is masked.

    Args:
        options: causality and window.
        masks: boolean masks, each with `rows` queries or one.
        rows: number of queries in the block.
        columns: number of keys.
        start: position of the block's first query.
    """
    masks = tuple(mask[..., :columns] for mask in masks)
    if options.causal or options.window is not None:
        row = start + lax.broadcasted_iota("int32", (1, 1, rows, columns), 2)
        column = lax.broadcasted_iota("int32", (1, 1, rows, columns), 3)
        masks = (*masks, options.positional_mask(row, column))
    if not masks:
        return None
    return functools.reduce(operator.and_, masks)
