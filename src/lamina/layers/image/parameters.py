"""Declared ranges of random parameters, and the numbers that a call draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.check import Check, is_number
from lamina.core.random.bits import hash_words
from lamina.core.random.masks import noise_of_key
from lamina.core.random.seeds import Seed, draw_seed
from lamina.layers.base import Converted
from lamina.typing import Array

Bounds: TypeAlias = tuple[float, float]

Factor: TypeAlias = float | Sequence[float]
"""The range of a random parameter: two numbers, or one as `Range` says."""


def _is_pair(value: object) -> TypeGuard[Sequence[float]]:
    if not isinstance(value, (list, tuple)):
        return False
    return len(value) == 2 and all(is_number(v) for v in value)


class Range(Converted[Bounds]):
    """Attribute with the bounds of a random parameter.

    One number x stands for the range from -x, or from `low` if that is larger, to x.

    Args:
        low: smallest number of the range.
        high: largest number of the range.
        optional: whether the value may be `None`.
    """

    def __init__(self, low: float, high: float, optional: bool = False) -> None:
        super().__init__(self._bounds)
        self.low, self.high, self.optional = low, high, optional

    def _bounds(self, value: float | Sequence[float] | None) -> Any:
        if value is None:
            return None
        if isinstance(value, Sequence):
            return tuple(sorted(value))
        return max(-abs(value), self.low), abs(value)

    def _accepts(self, value: object) -> bool:
        if value is None:
            return self.optional
        values = value if _is_pair(value) else [value]
        return all(is_number(v) and self.low <= v <= self.high for v in values)

    @property
    def check(self) -> Check:
        """The constraint on the constructor's argument."""
        expected = f"a number from {self.low} to {self.high}, or two of them"
        bad = self.low - 1, self.high + 1, (self.low, self.high, self.high), "a"
        return Check(expected, self._accepts, bad)


class ValueRange(Converted[Bounds]):
    """Attribute with the smallest and the largest value of a pixel."""

    check = Check("two numbers", _is_pair, (255, (0, 1, 2), "ab", None))

    def __init__(self) -> None:
        super().__init__(lambda value: tuple(sorted(value)))


class Draws:
    """Random parameters of one call, with a row for each image.

    Args:
        seed: an integer, a `SeedGenerator` or a key.
        batch: number of images.
    """

    def __init__(self, seed: Seed | Array, batch: int) -> None:
        self._seed, self._count = draw_seed(seed), 0
        self.batch = batch

    def key(self) -> Array:
        """Return a new key."""
        self._count += 1
        return hash_words(self._seed[0], self._seed[1], self._count)

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Array:
        """Draw from [low, high): float32 of shape (batch, *shape)."""
        # Without a barrier XLA computes the number again for each pixel. The hash of
        # `noise_bits` is computed again even so.
        numbers = jax.random.uniform(
            self.key(), (self.batch, *shape), "float32", low, high
        )
        return lax.optimization_barrier(numbers)

    def noise(self, *shape: int) -> Array:
        """Draw float32 numbers from the standard normal distribution.

        Args:
            *shape: shape of the result, with the axis of the images.
        """
        return noise_of_key(self.key(), shape, "float32")

    def signs(self) -> Array:
        """Draw -1 or 1 for each image."""
        return jnp.where(self.uniform() < 0.5, 1.0, -1.0)

    def bernoulli(self, low: float, high: float) -> Array:
        """Draw booleans that are true with a probability drawn from [low, high)."""
        return self.uniform() < self.uniform(low, high)

    def beta(self, alpha: float | Array) -> Array:
        """Draw from the beta distribution with both parameters equal to `alpha`."""
        return jax.random.beta(self.key(), alpha, alpha, (self.batch,))

    def permutation(self) -> Array:
        """Draw an order of the images."""
        return jnp.argsort(self.uniform())
