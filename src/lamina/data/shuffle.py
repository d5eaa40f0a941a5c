"""Orders of rows as functions, without stored permutations.

An order is a bijection of 0, ..., rows - 1. Any part of it can be computed alone, so
that shuffling ten million rows needs neither memory nor a sort.
"""

from __future__ import annotations

import functools
import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Index: TypeAlias = jax.Array | np.ndarray | int

# Rounds of both halves. Chi-square and correlation tests stop improving at three.
_ROUNDS = 4


@functools.partial(jax.jit, static_argnums=1, inline=True)
def shuffled(positions: Index, rows: int, seed: Index, epoch: Index) -> jax.Array:
    """Return the rows at positions of an epoch's order.

    A Feistel network permutes pairs (a, b) with a * b >= rows. Results beyond the last
    row are permuted again until they are in range; their share is below 1 / sqrt(rows).

    Args:
        positions: integers below `rows`, of any shape.
        rows: number of rows.
        seed: seed of the orders.
        epoch: the epoch.

    Reference:
        Black and Rogaway 2002, "Ciphers with arbitrary finite domains"; Mitchell et
        al. 2021, "Bandwidth-optimal random shuffling for GPUs".
    """
    # Half of the calls of `jax.numpy` in the training loop of a small model would be
    # here. `lax` traces the same program in half of the time.
    root = math.isqrt(rows - 1) + 1
    a, b = np.uint32(root), np.uint32(-(-rows // root))
    base = _mix(_mix(jnp.uint32(seed)) + jnp.uint32(epoch) * np.uint32(0x9E3779B9))
    keys = _mix(base + np.arange(1, 2 * _ROUNDS + 1, dtype=np.uint32))

    def permute(x: jax.Array) -> jax.Array:
        left, right = lax.div(x, b), lax.rem(x, b)
        for i in range(0, 2 * _ROUNDS, 2):
            left = _add(left, _mix(lax.add(right, keys[i])), a)
            right = _add(right, _mix(lax.add(left, keys[i + 1])), b)
        return lax.add(lax.mul(left, b), right)

    def is_open(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        x, is_first = state
        return is_first | jnp.any(x >= rows)

    def again(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        x, is_first = state
        is_due = lax.ge(x, np.uint32(rows)) | is_first
        return lax.select(is_due, permute(x), x), jnp.bool_(False)

    # A loop even if a * b = rows: XLA would fuse hashes without a loop into the loops
    # that read the rows, which can take LLVM minutes to compile. The first round is in
    # the loop too, so that its code is compiled once.
    start = jnp.asarray(positions, jnp.uint32), jnp.bool_(True)
    return lax.while_loop(is_open, again, start)[0].astype(jnp.int32)


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Return the order of all rows in an epoch, a function of seed and epoch."""
    return np.asarray(shuffled(jnp.arange(rows), rows, seed, epoch))


def _add(x: jax.Array, y: jax.Array, limit: np.uint32) -> jax.Array:
    """Add x and y modulo `limit`, for x below it."""
    total = lax.add(x, lax.rem(y, limit))
    return lax.select(lax.ge(total, limit), lax.sub(total, limit), total)


def _mix(x: jax.Array) -> jax.Array:
    """Hash 32-bit integers: each bit of the result depends on all bits of x.

    Reference:
        Ellis 2018, "Prospecting for hash functions" (lowbias32).
    """
    x = lax.mul(_xor_shifted(x, 16), np.uint32(0x7FEB352D))
    x = lax.mul(_xor_shifted(x, 15), np.uint32(0x846CA68B))
    return _xor_shifted(x, 16)


def _xor_shifted(x: jax.Array, count: int) -> jax.Array:
    return lax.bitwise_xor(x, lax.shift_right_logical(x, np.uint32(count)))
