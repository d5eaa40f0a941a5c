"""Attributes of modules that are imported on first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable


def lazy_attributes(module: str, **origins: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module that imports attributes on first use.

    Type checkers do not see the attributes, so the module also imports them for types.

    Args:
        module: name of the module, its `__name__`.
        **origins: where each attribute is: `"package.module"` for a module itself, or
            `"package.module:name"` for a name in it.

    Example:
        ```python
        if TYPE_CHECKING:
            from lamina import applications
        else:
            __getattr__ = lazy_attributes(__name__, applications="lamina.applications")
        ```
    """

    def getattr_(name: str) -> object:
        if name not in origins:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        path, _, attribute = origins[name].partition(":")
        found = importlib.import_module(path)
        value = getattr(found, attribute) if attribute else found
        setattr(sys.modules[module], name, value)
        return value

    return getattr_
