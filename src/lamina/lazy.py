"""Attributes of modules, and values of tables, that are imported on first use."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

from lamina.garbage import collection_paused


class LazyImport:
    """A name in a module that is not imported yet.

    Args:
        origin: `"package.module"` for a module itself, or `"package.module:name"` for
            a name in it.
    """

    def __init__(self, origin: str) -> None:
        self.module, _, self.__name__ = origin.partition(":")
        self._is_loaded = False

    def load(self) -> Any:
        """Import the module, and return it or the name in it."""
        found = sys.modules.get(self.module) if self._is_loaded else None
        found = found or self._imported()
        return getattr(found, self.__name__) if self.__name__ else found

    def _imported(self) -> Any:
        # Packages first: `import package.module` takes the lock of the module before
        # that of the package, which another thread may take in the opposite order.
        names = itertools.accumulate(self.module.split("."), "{}.{}".format)
        is_new = self.module not in sys.modules
        with collection_paused(permanent=True) if is_new else nullcontext():
            *_, found = map(importlib.import_module, names)
        self._is_loaded = True
        return found


class LazyTable(dict[str, Any]):
    """Dictionary that replaces a `LazyImport` by what it loads on the first lookup."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, LazyImport):
            value = self[name] = value.load()
        return value

    def get(self, name: str, default: object = None) -> Any:
        """Return the value of a name, or `default`."""
        return self[name] if name in self else default  # noqa: SIM401


def lazy_attributes(module: str, **origins: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module that imports attributes on first use.

    Type checkers do not see the attributes, so the module also imports them for types.

    Args:
        module: name of the module, its `__name__`.
        **origins: where each attribute is, as for `LazyImport`.

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
        value = LazyImport(origins[name]).load()
        setattr(sys.modules[module], name, value)
        return value

    return getattr_


def origins_of(package: str, modules: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the origin of each name, from the names in each module of a package."""
    return {
        name: f"{package}.{module}:{name}"
        for module, names in modules.items()
        for name in names
    }
