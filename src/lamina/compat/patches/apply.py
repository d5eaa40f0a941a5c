"""Changes of lamina's classes, applied when their modules are imported, and undone.

Most programs need few of lamina's modules, so that a change waits for its module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeAlias

from lamina.lazy import LazyImport

# Classes or modules, names of attributes, and their new values.
Changes: TypeAlias = Iterable[tuple[Any, str, Any]]

_HERE = "lamina.compat.patches"
# Functions that return the changes for a module, which they get. They may import what
# the module imports, but no more: another import may wait for it.
_CHANGES: Mapping[str, LazyImport] = {
    "lamina.layers": LazyImport(f"{_HERE}.layers:changes"),
    "lamina.layers.attention.dot_product": LazyImport(f"{_HERE}.families:attention"),
    "lamina.layers.attention.multi_head": LazyImport(f"{_HERE}.attention:changes"),
    "lamina.layers.convolution.regular": LazyImport(f"{_HERE}.families:convolution"),
    "lamina.layers.core.embedding": LazyImport(f"{_HERE}.families:embedding"),
    "lamina.layers.core.functions": LazyImport(f"{_HERE}.families:functions"),
    "lamina.layers.normalization.batch": LazyImport(
        f"{_HERE}.families:batch_normalization"
    ),
    **{
        f"lamina.layers.recurrent.{name}": LazyImport(f"{_HERE}.families:recurrent")
        for name in ("cells", "rnn")
    },
    "lamina.metrics": LazyImport(f"{_HERE}.optimizers:metrics"),
    "lamina.optimizers": LazyImport(f"{_HERE}.optimizers:changes"),
    "lamina.data.pipeline.dataset": LazyImport(f"{_HERE}.data:pipeline"),
    "lamina.datasets.cifar": LazyImport(f"{_HERE}.data:cifar"),
    "lamina.datasets.fetch": LazyImport(f"{_HERE}.data:fetch"),
    "lamina.training.callbacks": LazyImport(f"{_HERE}.callbacks:changes"),
    "lamina.training.loop": LazyImport(f"{_HERE}.callbacks:loop"),
    "lamina.models": LazyImport(f"{_HERE}.models:changes"),
}
_ABSENT = object()
_originals: dict[tuple[Any, str], Any] = {}
_extensions: list[Callable[..., Any]] = []


class _PatchingFinder(MetaPathFinder):
    """Finder of the modules that are changed right after their import."""

    def find_spec(
        self, fullname: str, path: Any = None, target: object = None
    ) -> ModuleSpec | None:
        """Return the spec of a module whose loader also changes its classes."""
        spec = PathFinder.find_spec(fullname, path) if fullname in _CHANGES else None
        loader: Any = spec and spec.loader
        if loader is not None:
            loader.exec_module = self._wrap_exec(loader.exec_module)
        return spec

    def _wrap_exec(self, execute: Callable[[ModuleType], None]) -> Callable[..., None]:
        def exec_module(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:
                _change(module)

        return exec_module


_finder = _PatchingFinder()


def apply_patches() -> None:
    """Let constructors and methods accept old arguments, and add old methods."""
    for name in _CHANGES:
        if name in sys.modules:
            _change(sys.modules[name])
    sys.meta_path.insert(0, _finder)


def undo_patches() -> None:
    """Undo `apply_patches`."""
    sys.meta_path.remove(_finder)
    for (owner, name), original in reversed(_originals.items()):
        if original is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    _originals.clear()
    _extensions.clear()


def extend_patches(changes: Callable[[], Changes]) -> None:
    """Apply further changes, once, that last as long as the others."""
    if changes not in _extensions:
        _extensions.append(changes)
        for owner, name, value in changes():
            replace(owner, name, value)


def is_replaced(owner: object, name: str) -> bool:
    """Return whether an attribute has been replaced."""
    return (owner, name) in _originals


def replace(owner: Any, name: str, value: object) -> None:
    """Set an attribute of a class or a module until `undo_patches`."""
    _originals.setdefault((owner, name), vars(owner).get(name, _ABSENT))
    setattr(owner, name, value)


def _change(module: ModuleType) -> None:
    for owner, name, value in _CHANGES[module.__name__].load()(module):
        replace(owner, name, value)
