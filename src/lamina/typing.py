"""Type aliases for arguments that many functions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import jax
import numpy as np
from jax.typing import ArrayLike

__all__ = [
    "Activation",
    "Array",
    "ArrayLike",
    "Axis",
    "Config",
    "DTypeLike",
    "Initializer",
    "Logs",
    "Shape",
]

Array: TypeAlias = jax.Array
"""An array on a device."""

Shape: TypeAlias = Sequence[int]
"""Sizes of the axes, all known."""

Axis: TypeAlias = int | Sequence[int] | None
"""An axis, several, or `None` for all."""

DTypeLike: TypeAlias = str | type | np.dtype[Any] | None
"""An element type, or `None` for the default."""

Config: TypeAlias = dict[str, Any]
"""Constructor arguments in a form that JSON can hold."""

Logs: TypeAlias = Mapping[str, Any]
"""Values of metrics, by name."""

Activation: TypeAlias = str | Callable[[Any], Any] | None
"""An activation function, its name, or `None` for the identity."""


class Initializer(Protocol):
    """A function that returns the initial value of a variable."""

    def __call__(self, shape: Shape, dtype: DTypeLike = None) -> Array:
        """Return an array of a shape and element type."""
        ...
