"""Weight initializers.

An initializer is called with a shape and a dtype. It returns the same values at every
call with the same shape, also when it generated its own seed; with a `SeedGenerator`
as the seed, every call returns different values.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lamina.core.registry import Registry
from lamina.core.registry import serialize as serialize_object
from lamina.core.variable import register_initializers
from lamina.initializers.base import Initializer
from lamina.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from lamina.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from lamina.tracebacks import filter_traceback
from lamina.typing import InitializerLike

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


def __dir__() -> list[str]:
    return __all__


IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant, ones, zeros = Constant, Ones, Zeros
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling

registry = Registry("initializer", "keras.initializers")
registry.add(*{globals()[name] for name in __all__ if name[0].isupper()})
registry.add(normal=RandomNormal, uniform=RandomUniform, one=Ones, zero=Zeros)
registry.add(
    IdentityInitializer=Identity,
    OrthogonalInitializer=Orthogonal,
    STFTInitializer=STFT,
)


@filter_traceback
def get(identifier: object) -> Any:
    """Return the initializer that an identifier names or describes.

    Args:
        identifier: a name, a config, a class, a function or an array.

    Raises:
        ArgumentError: the identifier is none of these.

    Example:
        >>> type(get("he_normal")).__name__
        'HeNormal'
    """
    if isinstance(identifier, (np.ndarray, np.number, np.bool, jax.Array)):
        return Constant(identifier)
    return registry.get(identifier)


deserialize = registry.deserialize
register_initializers(registry.get)


def serialize(initializer: InitializerLike) -> Any:
    """Return the config of an initializer; functions of lamina have their name.

    Args:
        initializer: an initializer.

    Example:
        >>> serialize(Zeros())["class_name"]
        'Zeros'
    """
    return serialize_object(initializer)
