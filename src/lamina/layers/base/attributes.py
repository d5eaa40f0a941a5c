"""Descriptors that convert the values of layer attributes."""

from __future__ import annotations

from typing import Any

from lamina import activations


class ActivationAttribute:
    """Attribute that holds an activation, set by name, config or function.

    `None` sets `linear`, as in the constructor.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else instance.__dict__[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = activations.get(value)
