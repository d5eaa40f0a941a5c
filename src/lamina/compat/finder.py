"""Import of `keras`, `tensorflow` and their submodules as modules of lamina."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

from lamina.compat.defaults import Release, release
from lamina.compat.names import (
    CHANGED,
    CHANGED_IN_KERAS_2,
    NAMES,
    VERSIONS,
    advice_for,
)
from lamina.compat.patches.apply import extend_patches
from lamina.compat.patches.functions import with_old_names
from lamina.compat.paths import PATHS, SOURCES_OF_TENSORFLOW, library_paths
from lamina.compat.source import SOURCE_NAMES, public_module, source_modules
from lamina.errors import MissingPackageError
from lamina.lazy import LazyImport

ROOTS = tuple(name for name in VERSIONS if "." not in name)
# The modules that have those of TensorFlow, the last one with names of TensorFlow 1.
_VERSION_1 = "compat.tensorflow.compat.v1"
_TENSORFLOW = ("compat.tensorflow", "compat.tensorflow.utilities", _VERSION_1)
# Modules of Keras that TensorFlow also publishes itself.
_SAME_IN_TENSORFLOW = ("initializers", "losses", "metrics", "optimizers")
# Modules that have no names of their own.
_FOLDERS = (*ROOTS, "tensorflow.contrib", "tensorflow.python")
_methods_of_tensors = LazyImport("lamina.compat.patches.layers:methods_of_tensors")
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
        self._is_old = _is_old(name)
        public = {n for t in targets.values() for n in getattr(t, "__all__", ())}
        old = {n.rpartition(".") for n in NAMES}
        self.__all__ = sorted(public | {n for p, _, n in old if p in targets})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self._find(name)
        if found is not _MISSING:
            vars(self)[name] = found
            return found
        try:
            return importlib.import_module(f"{self.__name__}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return [*self.__all__, *vars(self)]

    def _find(self, name: str) -> Any:
        found = (_find(p, t, name, self._is_old) for p, t in self._targets.items())
        return next((value for value in found if value is not _MISSING), _MISSING)


class SourceModule(CompatModule):
    """Module of Keras's source, with the public names of modules of lamina.

    Args:
        path: the path within `keras.src`, such as "losses.losses".
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"keras.src.{path}".rstrip("."), {})
        self._path = path
        self._modules = source_modules(path)
        own = {n.rpartition(".") for n in SOURCE_NAMES}
        public = {n for module in self._modules for n in module.__all__}
        self.__all__ = sorted(public | {n for p, _, n in own if p == path})

    def _find(self, name: str) -> Any:
        origin = SOURCE_NAMES.get(f"{self._path}.{name}")
        if origin:
            return LazyImport(origin).load()
        found = (getattr(m, name) for m in self._modules if name in m.__all__)
        return next((v for v in found if not isinstance(v, ModuleType)), _MISSING)


def _find(path: str, target: ModuleType, name: str, is_old: bool) -> Any:
    """Return an old or a public name of a module, `_MISSING` if it has neither."""
    found = _value(path, target, name, is_old)
    if isinstance(found, ModuleType):
        return _MISSING
    return with_old_names(found) if isinstance(found, FunctionType) else found


def _value(path: str, target: ModuleType, name: str, is_old: bool) -> Any:
    origin = _origin(f"{path}.{name}", is_old)
    return LazyImport(origin).load() if origin else getattr(target, name, _MISSING)


def _origin(key: str, is_old: bool) -> str | None:
    """Return where lamina has what an old name stands for, None for other names."""
    tables = [
        *([CHANGED_IN_KERAS_2] if release() == Release.KERAS_1 else []),
        *([CHANGED] if is_old else []),
        NAMES,
    ]
    return next((table[key] for table in tables if key in table), None)


def lookup(name: str) -> tuple[Any, str | None] | None:
    """Return what a dotted name of an old program is, None if it is nothing.

    Functions are returned as they are, without old names of their arguments.

    Returns:
        The object, and the public path of it below `lamina`, None if it has none.
    """
    module, _, attribute = name.rpartition(".")
    for path, target in _targets(module).items() if module else ():
        key = f"{path}.{attribute}" if path else attribute
        found = _value(path, target, attribute, _is_old(module))
        if found is _MISSING or isinstance(found, ModuleType):
            continue
        origin = _origin(key, _is_old(module))
        home = origin.removeprefix("lamina.").replace(":", ".") if origin else key
        home = home.removeprefix("lamina:")
        return found, None if home.startswith("compat.") else home
    paths = [path for path in module_paths(name) if not path.startswith("compat")]
    for value in _targets(name).values():
        return value, paths[0] if paths else None
    return None


def _is_old(module: str) -> bool:
    """Return whether names of a module may have another meaning than in Keras 3."""
    root, _, path = module.partition(".")
    return root == "tensorflow" or path in PATHS or release() < Release.KERAS_3


class CompatFinder(MetaPathFinder, Loader):
    """Finder of the modules that old programs import."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of Keras or TensorFlow that lamina has."""
        if fullname.partition(".")[0] not in ROOTS:
            return None
        if fullname not in _FOLDERS and not _exists(fullname):
            # With its `name`, `from module import name` would hide the message.
            raise MissingPackageError(
                f"lamina does not have {fullname}. {advice_for(fullname)}".rstrip()
                + " The page docs/old-code.md lists what runs."
            )
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, whose names are looked up when they are used."""
        path = _source_path(spec.name)
        if path is not None and source_modules(path):
            return SourceModule(path)
        return CompatModule(spec.name, _targets(spec.name))

    def exec_module(self, module: ModuleType) -> None:
        """Import what the module always brings; names are looked up when used."""
        if module.__name__ == "tensorflow":
            extend_patches(_methods_of_tensors.load())
            importlib.import_module("tensorflow.keras")


def _source_path(fullname: str) -> str | None:
    """Return the path within `keras.src`, `None` for other modules."""
    if fullname == "keras.src":
        return ""
    path = fullname.removeprefix("keras.src.")
    return path if path != fullname else None


def _exists(fullname: str) -> bool:
    path = _source_path(fullname)
    return bool(path is not None and source_modules(path) or _targets(fullname))


def _targets(fullname: str) -> dict[str, ModuleType]:
    modules = {path: public_module(path) for path in module_paths(fullname)}
    return {path: module for path, module in modules.items() if module is not None}


def module_paths(fullname: str) -> Sequence[str]:
    """Return the paths within lamina of the modules that a module's names are in."""
    root, *rest = fullname.split(".")
    if root == "keras_preprocessing":
        return library_paths(".".join(["preprocessing", *rest]))
    if root != "tensorflow":
        return library_paths(".".join(rest))
    if rest[:1] == ["python"]:
        path = ".".join(rest[1:])
        path = SOURCES_OF_TENSORFLOW.get(path, path)
        rest = path.split(".") if path else []
    if rest[:2] == ["contrib", "keras"]:
        return library_paths(".".join(rest[2:]))
    if rest[:2] in (["compat", "v1"], ["compat", "v2"]):
        paths = module_paths(".".join([root, *rest[2:]]))
        # Today's names come last where the program asks for those of TensorFlow 1.
        return paths[::-1] if rest[1] == "v1" else paths
    if rest[:1] == ["keras"]:
        return library_paths(".".join(rest[1:]))
    paths = tuple(".".join([start, *rest]) for start in _TENSORFLOW)
    if rest[:1] and rest[0] in _SAME_IN_TENSORFLOW:
        return (*library_paths(".".join(rest)), paths[-1])
    return paths
