"""Creation of objects: lines of the user's program, constructors that do too little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from lamina import config
from lamina.tracebacks import user_location


def record_creation(module: object) -> None:
    """Record the line that creates an object, for findings of the checks."""
    if config.checks() != "off":
        object.__setattr__(module, "_created_at", user_location())


def created_at(module: object) -> str:
    """Return the line of the user's program that created an object, "" if unknown."""
    return getattr(module, "_created_at", "")


def raise_missing_attribute(
    owner: object, name: str, made_by_init: Sequence[str]
) -> NoReturn:
    """Raise the error for an attribute that an object lacks; for `__getattr__`.

    Args:
        owner: the object.
        name: the attribute.
        made_by_init: attributes that only `__init__` of the base class sets.
    """
    if name in made_by_init:
        raise AttributeError(
            f"{type(owner).__name__}.__init__ must begin with `super().__init__(...)`, "
            f"which sets {name!r}."
        )
    # Raises the error of a property again, and the usual one for other names.
    object.__getattribute__(owner, name)
    raise AttributeError(name)
