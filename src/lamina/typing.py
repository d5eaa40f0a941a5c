"""Type aliases for arguments that many functions share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import jax
import numpy as np
from jax.typing import ArrayLike

__all__ = [
    "ActivationLike",
    "Array",
    "ArrayLike",
    "Axis",
    "Config",
    "ConstraintLike",
    "Data",
    "DTypeLike",
    "Initializer",
    "InitializerLike",
    "Logs",
    "OptionalLogs",
    "PartialShape",
    "PyTree",
    "RegularizerLike",
    "Shape",
]

Array: TypeAlias = jax.Array
"""An array on a device."""

PyTree: TypeAlias = object
"""Arrays, or nested tuples, lists and dictionaries of them."""

Shape: TypeAlias = Sequence[int]
"""Sizes of the axes, all known."""

PartialShape: TypeAlias = Sequence[int | None]
"""Sizes of the axes, `None` where a size varies."""

Axis: TypeAlias = int | Sequence[int] | None
"""An axis, several, or `None` for all."""

DTypeLike: TypeAlias = str | type | np.dtype[Any] | None
"""An element type, or `None` for the default."""

Config: TypeAlias = dict[str, Any]
"""Constructor arguments in a form that JSON can hold."""

Logs: TypeAlias = dict[str, Any]
"""Values of metrics, by name."""

OptionalLogs: TypeAlias = Any
"""`Logs | None` as callbacks take it: they may use it without a check for `None`."""

ActivationLike: TypeAlias = str | Callable[[Any], Any] | None
"""An activation function, its name, or `None` for the identity."""


class Initializer(Protocol):
    """A function that returns the initial value of a variable."""

    def __call__(self, shape: Shape, dtype: DTypeLike = None) -> Array:
        """Return an array of a shape and element type."""
        ...


class _Indexed(Protocol):
    """Batches by number, as in a `PyDataset`."""

    def __getitem__(self, index: int, /) -> Any: ...


Data: TypeAlias = ArrayLike | Iterable[Any] | _Indexed
"""Arrays or frames, alone, in lists or in dictionaries; or an iterable of batches."""

InitializerLike: TypeAlias = str | Config | Initializer | None
"""An initializer, its name or its config; `None` for the default."""

RegularizerLike: TypeAlias = str | Config | Callable[[Array], Any] | None
"""A penalty on an array, its name or its config."""

ConstraintLike: TypeAlias = str | Config | Callable[[Array], Any] | None
"""A projection of an array, its name or its config."""
