"""Declarations of a layer's arguments and weights.

A class body declares weights and attributes with a converter. The constructor stores
its arguments with `self._store_arguments(locals())`, and `build` creates each weight
with `self._create_weight(name, shape)`:

    class Dense(Layer):
        units: int
        activation = Converted(activations.get)
        kernel: Variable = weight()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

import jax
import numpy as np

from lamina import constraints, initializers, regularizers
from lamina.errors import ArgumentTypeError

T = TypeVar("T")
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


class Converted(Generic[T]):
    """Attribute that converts what is assigned to it, such as a name to a function."""

    def __init__(self, convert: Callable[[Any], T]) -> None:
        self.convert = convert

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> Self | T:
        if instance is None:
            return self
        if self.name not in vars(instance):
            raise AttributeError(self.name)
        return vars(instance)[self.name]

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self.name] = self.convert(value)


class DeclaredWeight:
    """A weight that a class declares; `weight` creates it."""

    def __init__(self, prefix: str, trainable: bool, autocast: bool) -> None:
        self.prefix = prefix
        self.flags: dict[str, Any] = {"trainable": trainable, "autocast": autocast}

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.prefix = name, self.prefix or name
        for option, convert in _CONVERTERS.items():
            attribute = Converted(convert)
            attribute.__set_name__(owner, f"{self.prefix}_{option}")
            setattr(owner, attribute.name, attribute)

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        try:
            return vars(instance)[self.name]
        except KeyError:  # the layer is not built
            raise AttributeError(self.name) from None

    def __set__(self, instance: Any, value: object) -> None:
        if isinstance(value, (np.ndarray, jax.Array)):
            raise ArgumentTypeError(
                f"{type(instance).__name__}: `{self.name}` is a variable, which an "
                f"array cannot replace. Use layer.{self.name}.assign(array)."
            )
        vars(instance)[self.name] = value

    def __delete__(self, instance: object) -> None:
        try:
            del vars(instance)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def options(self, layer: object) -> dict[str, Any]:
        """Return the options of `add_weight` that a layer has for the weight."""
        found = vars(layer)
        given = {option: found.get(f"{self.prefix}_{option}") for option in _CONVERTERS}
        return self.flags | given


def weight(prefix: str = "", trainable: bool = True, autocast: bool = True) -> Any:
    """Declare a weight and the arguments `{prefix}_initializer` and so on.

    Args:
        prefix: first part of the names of the arguments that configure the weight,
            `{prefix}_initializer`, `_regularizer` and `_constraint`; the attribute's
            name by default.
        trainable: whether `fit` updates the weight.
        autocast: whether reads cast the weight to the compute type.
    """
    return DeclaredWeight(prefix, trainable, autocast)
