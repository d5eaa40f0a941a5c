"""Functions of `keras.initializations` in Keras 1, which return arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina import initializers
from lamina.compat.keras.backend.shapes import get_fans as get_fans
from lamina.initializers import get
from lamina.typing import Array

__all__ = [
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_uniform",
    "normal",
    "one",
    "orthogonal",
    "uniform",
    "zero",
]


def uniform(shape: Sequence[int], scale: float = 0.05, **_: object) -> Array:
    """Return uniform random numbers between -scale and scale."""
    return initializers.RandomUniform(-scale, scale)(tuple(shape))


def normal(shape: Sequence[int], scale: float = 0.05, **_: object) -> Array:
    """Return normal random numbers with a standard deviation."""
    return initializers.RandomNormal(stddev=scale)(tuple(shape))


def orthogonal(shape: Sequence[int], scale: float = 1.1, **_: object) -> Array:
    """Return a random orthogonal matrix, times a number."""
    return initializers.Orthogonal(gain=scale)(tuple(shape))


def identity(shape: Sequence[int], scale: float = 1.0, **_: object) -> Array:
    """Return the identity matrix, times a number."""
    return initializers.Identity(gain=scale)(tuple(shape))


def _function(name: str) -> Callable[..., Array]:
    def call(shape: Sequence[int], **_: object) -> Array:
        return get(name)(tuple(shape))

    call.__name__ = name
    return call


zero, one = _function("zeros"), _function("ones")
glorot_normal, glorot_uniform = _function("glorot_normal"), _function("glorot_uniform")
he_normal, he_uniform = _function("he_normal"), _function("he_uniform")
lecun_uniform = _function("lecun_uniform")
