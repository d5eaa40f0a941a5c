"""Import of `keras`, `tensorflow` and their submodules as modules of lamina."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

from lamina.compat.names import CHANGED, NAMES, VERSIONS
from lamina.compat.patches import with_old_names
from lamina.compat.paths import PATHS, library_paths
from lamina.errors import MissingPackageError
from lamina.lazy import LazyImport

ROOTS = tuple(VERSIONS)
_TENSORFLOW = "compat.tensorflow"
# Modules of Keras that TensorFlow also publishes itself.
_SAME_IN_TENSORFLOW = ("initializers", "losses", "metrics", "optimizers")
_MISSING = object()


class CompatModule(ModuleType):
    """Module with old names, then the public names of modules of lamina.

    Args:
        name: its name, such as "keras.layers.core".
        targets: the modules that its names are looked up in, by path.
    """

    def __init__(self, name: str, targets: dict[str, ModuleType]) -> None:
        super().__init__(name)
        self.__path__ = []
        self.__version__ = VERSIONS.get(name, "")
        self._targets = targets
        root, _, path = name.partition(".")
        self._is_old = root == "tensorflow" or path in PATHS
        public = {n for t in targets.values() for n in getattr(t, "__all__", ())}
        old = {n.rpartition(".") for n in NAMES}
        self.__all__ = sorted(public | {n for p, _, n in old if p in targets})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for path, target in self._targets.items():
            found = _find(path, target, name, self._is_old)
            if found is not _MISSING:
                vars(self)[name] = found
                return found
        try:
            return importlib.import_module(f"{self.__name__}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return [*self.__all__, *vars(self)]


def _find(path: str, target: ModuleType, name: str, is_old: bool) -> Any:
    """Return an old or a public name of a module, `_MISSING` if it has neither."""
    key = f"{path}.{name}"
    origin = (is_old and CHANGED.get(key)) or NAMES.get(key)
    found = LazyImport(origin).load() if origin else getattr(target, name, _MISSING)
    if isinstance(found, ModuleType):
        return _MISSING
    return with_old_names(found) if isinstance(found, FunctionType) else found


class CompatFinder(MetaPathFinder, Loader):
    """Finder of the modules that old programs import."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of Keras or TensorFlow that lamina has."""
        if fullname.partition(".")[0] not in ROOTS:
            return None
        if fullname not in (*ROOTS, "tensorflow.python") and not _targets(fullname):
            # With its `name`, `from module import name` would hide the message.
            raise MissingPackageError(
                f"lamina does not have {fullname}. The page docs/old-code.md lists "
                "what runs."
            )
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, whose names are looked up when they are used."""
        return CompatModule(spec.name, _targets(spec.name))

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked up when they are used."""


def _targets(fullname: str) -> dict[str, ModuleType]:
    modules = {path: _module(path) for path in _paths(fullname)}
    return {path: module for path, module in modules.items() if module is not None}


def _paths(fullname: str) -> Sequence[str]:
    """Return the paths within lamina of the modules that a module's names are in."""
    root, *rest = fullname.split(".")
    if root != "tensorflow":
        return library_paths(".".join(rest))
    if rest[:1] == ["python"]:
        rest = rest[1:]
    for start in (["keras"], ["compat", "v1", "keras"]):
        if rest[: len(start)] == start:
            return library_paths(".".join(rest[len(start) :]))
    if rest[:1] and rest[0] in _SAME_IN_TENSORFLOW:
        return library_paths(".".join(rest))
    return (".".join([_TENSORFLOW, *rest]),)


def _module(path: str) -> ModuleType | None:
    """Import a module of lamina, if there is a public one of this path."""
    name = f"lamina.{path}" if path else "lamina"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("lamina"):
            raise
        return None
    return module if hasattr(module, "__all__") or "compat" in path else None
