"""Classes and functions of the user that names and configs may refer to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from lamina.errors import ArgumentError

T = TypeVar("T")
_custom: dict[str, Any] = {}
# The scopes entered in this thread or task, the innermost last.
_scopes: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("scopes", default=())


def custom_tables() -> tuple[Mapping[str, Any], ...]:
    """Return the tables of custom objects by name, in order of precedence."""
    return (*reversed(_scopes.get()), _custom)


def register_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Decorate a class or function so that files and configs can refer to it.

    Args:
        package: the first part of the registered name, `package>name`.
        name: the second part; the object's name by default.
    """

    def register(item: T) -> T:
        item_name = name or item.__name__  # type: ignore[attr-defined]
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ArgumentError(
                f"Cannot register class {item_name!r}: it has no `get_config` method."
            )
        registered = f"{package}>{item_name}"
        _custom[registered] = item
        item._registered_name = registered  # type: ignore[attr-defined]
        return item

    return register


def get_registered_name(item: Any) -> str:
    """Return the name an object was registered under, or else its `__name__`."""
    # Not with `getattr`: a subclass is not registered under its base's name.
    return vars(item).get("_registered_name") or item.__name__


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None
) -> Any:
    """Return the object registered or passed in under a name, or `None`."""
    for table in (custom_objects or {}, *custom_tables()):
        if name in table:
            return table[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """Return the dictionary of registered objects; changes to it are effective."""
    return _custom


class CustomObjectScope:
    """Context manager in which names and configs may refer to custom objects.

    A nested scope adds to the scopes around it and takes precedence over them. A scope
    applies only to the thread or asynchronous task that enters it.

    Args:
        custom_objects: classes and functions by the name that configs use.

    Example:
        >>> with CustomObjectScope({"double": lambda x: 2 * x}):
        ...     get_registered_object("double")(3)
        6
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> CustomObjectScope:
        _scopes.set((*_scopes.get(), dict(self.custom_objects)))
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.set(_scopes.get()[:-1])


custom_object_scope = CustomObjectScope
