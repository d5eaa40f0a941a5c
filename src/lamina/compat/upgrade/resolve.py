"""Look-up of names of old programs, and their public names today."""

from __future__ import annotations

import functools
import importlib
from types import FunctionType, ModuleType
from typing import NamedTuple

from lamina.compat.defaults import Release, release
from lamina.compat.finder import ROOTS, lookup
from lamina.compat.keras.layers import FORMER

# Modules whose functions and classes old modules publish under other names.
_MODULES = (
    *("ops", "layers", "models", "losses", "metrics", "optimizers", "activations"),
    *("initializers", "regularizers", "constraints", "callbacks", "utils", "random"),
    *("config", "backend", "optimizers.schedules", "ops.image", "ops.nn", "tree"),
)


class Found(NamedTuple):
    """Object that a name of an old program stands for.

    Args:
        value: the module, class, function or other object.
        name: today's dotted name below the library, None if there is none.
    """

    value: object
    name: str | None

    @property
    def is_module(self) -> bool:
        """Whether it is a module."""
        return isinstance(self.value, ModuleType)


def resolve(qualified: str) -> Found | None:
    """Return what a dotted name that starts with `keras` or `tensorflow` stands for."""
    return _resolve(qualified, release())


@functools.cache
def _resolve(qualified: str, _release: Release) -> Found | None:
    if qualified.partition(".")[0] not in ROOTS:
        return None
    found = lookup(qualified)
    if found is None:
        return None
    value, home = found
    if is_former(value):
        return Found(value, f"layers.{FORMER[value.__name__].new}")
    if getattr(value, "__module__", "") == "lamina.compat.files":
        return Found(value, f"models.{value.__name__}")
    is_named = home is not None or not isinstance(value, (type, FunctionType))
    return Found(value, home if is_named else public_name(value))


def is_former(value: object) -> bool:
    """Return whether a function makes a layer that has another name today."""
    module = getattr(value, "__module__", "")
    name = getattr(value, "__name__", "")
    return module == "lamina.compat.keras.layers" and name in FORMER


def public_name(value: object, name: str = "") -> str | None:
    """Return the dotted name of a public object of lamina.

    Args:
        value: a module, class or function.
        name: the name that is preferred if it has several.
    """
    if isinstance(value, ModuleType):
        is_public = hasattr(value, "__all__") and "compat" not in value.__name__
        is_lamina = value.__name__.partition(".")[0] == "lamina"
        return value.__name__.partition(".")[2] if is_lamina and is_public else None
    names = _public_names().get(id(value), [])
    return next((n for n in names if n.rpartition(".")[2] == name), (*names, None)[0])


@functools.cache
def _public_names() -> dict[int, list[str]]:
    """Return the public names of classes and functions by their identity."""
    found: dict[int, list[str]] = {}
    for path in ("", *_MODULES):
        module = importlib.import_module(f"lamina.{path}".rstrip("."))
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, (type, FunctionType)):
                names = found.setdefault(id(value), [])
                names.append(f"{path}.{name}" if path else name)
    return found
