"""Random arrays for initial weights, drawn on the host.

The generator is that of `jax.random`, so that a seed gives the same samples (up to
rounding for normal ones). It is written in NumPy because XLA takes 0.3 s to compile it
for each shape, while drawing the weights of a layer takes milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.typing import ArrayLike

Floats = np.ndarray[Any, np.dtype[np.float32]]
Words = np.ndarray[Any, np.dtype[np.uint32]]

_SQRT2 = np.float32(math.sqrt(2))

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
# Elements of the three working arrays that fit in a second-level cache.
_BLOCK = 32768

# Giles 2012, "Approximating the erfinv function", single precision.
_CENTER = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04),
    *(-1.25372503e-03, -4.17768164e-03, 0.246640727, 1.50140941),
)
_TAIL = (
    *(-2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03),
    *(-7.6224613e-03, 9.43887047e-03, 1.00167406, 2.83297682),
)


def uniform(key: ArrayLike, shape: Sequence[int], low: float, high: float) -> Floats:
    """Draw samples from the uniform distribution over [low, high)."""
    return _draw(key, shape, lambda words: _between(words, low, high))


def normal(key: ArrayLike, shape: Sequence[int]) -> Floats:
    """Draw samples from the standard normal distribution."""
    low = float(np.nextafter(np.float32(-1), np.float32(0)))
    return _draw(key, shape, lambda w: _SQRT2 * _erf_inv(_between(w, low, 1)))


def truncated_normal(key: ArrayLike, shape: Sequence[int]) -> Floats:
    """Draw samples from the standard normal distribution truncated at +-2."""
    probability = math.erf(2 / math.sqrt(2))
    bound = np.nextafter(np.float32(2), np.float32(0))

    def transform(words: Words) -> Floats:
        sample = _SQRT2 * _erf_inv(_between(words, -probability, probability))
        return np.clip(sample, -bound, bound)

    return _draw(key, shape, transform)


def _draw(
    key: ArrayLike, shape: Sequence[int], transform: Callable[[Words], Floats]
) -> Floats:
    first, second = (int(word) for word in np.asarray(key))
    keys = [np.uint32(k) for k in (first, second, first ^ second ^ 0x1BD11BDA)]
    result = np.empty(math.prod(shape), np.float32)
    for start in range(0, result.size, _BLOCK):
        stop = min(start + _BLOCK, result.size)
        result[start:stop] = transform(_threefry(keys, start, stop))
    return result.reshape(shape)


def _threefry(keys: list[np.uint32], start: int, stop: int) -> Words:
    # Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
    low = np.arange(start, stop, dtype=np.uint64).astype(np.uint32) + keys[1]
    high = np.full(stop - start, start >> 32, np.uint32) + keys[0]
    wrapped = np.empty_like(low)
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            high += low
            np.right_shift(low, np.uint32(32 - rotation), out=wrapped)
            low <<= np.uint32(rotation)
            low |= wrapped
            low ^= high
        high += keys[(group + 1) % 3]
        low += keys[(group + 2) % 3]
        low += np.uint32(group + 1)
    high ^= low
    return high


def _between(words: Words, low: float, high: float) -> Floats:
    # The upper 23 bits become the mantissa of a number in [1, 2).
    unit = ((words >> np.uint32(9)) | np.uint32(0x3F800000)).view(np.float32)
    unit -= np.float32(1)
    unit *= np.float32(high) - np.float32(low)
    unit += np.float32(low)
    return np.maximum(unit, np.float32(low))


def _erf_inv(x: Floats) -> Floats:
    w = -np.log((1 - x) * (1 + x))
    factor = _polynomial(_CENTER, w - np.float32(2.5))
    tail = w >= 5
    if tail.any():
        factor[tail] = _polynomial(_TAIL, np.sqrt(w[tail]) - np.float32(3))
    return factor * x


def _polynomial(coefficients: Sequence[float], x: Floats) -> Floats:
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += np.float32(coefficient)
    return value
