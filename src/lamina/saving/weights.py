"""Every module's variables as groups of arrays, laid out as Keras does.

A module's own variables stand in `path/vars/0`, `path/vars/1`, ...; below it come the
modules it holds, by attribute, and inside lists by class: `layers/dense_1`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lamina.core.module import Module, is_user_defined, snake_case
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.io.hdf5_write import CHECKSUM, HDF5File
from lamina.optimizers import Optimizer

__all__ = [
    "KERAS_VERSION",
    "ModuleVariables",
    "array_of",
    "module_variables",
    "optimizer_names",
    "optimizer_orders",
    "saved_modules",
    "variable_records",
    "weights_file",
]

# The release whose layout is written, for Keras to read.
KERAS_VERSION = "3.15.1"

# Held by models, layers and optimizers for their own bookkeeping.
_SKIPPED = frozenset(
    ["_graph_layers", "_stack", "_input_layer", "_plan", "_loss_tracker", "_arguments"]
)


def saved_modules(root: Module) -> Iterator[tuple[str, Any]]:
    """Each module that a file has a place for, with its path, parents first."""
    seen: set[int] = set()
    entered: set[int] = set()  # a container may hold itself

    def visit(path: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, (list, tuple, dict)):
            if id(value) not in entered:
                entered.add(id(value))
                yield from visit_each(path, value)
                entered.remove(id(value))
        elif isinstance(value, Module) and id(value) not in seen:
            seen.add(id(value))
            yield path, value
            for name, child in _attributes(value):
                # Models inside a model are not trained by their own optimizers.
                if not (path and name == "optimizer"):
                    yield from visit(f"{path}/{name}".lstrip("/"), child)

    def visit_each(path: str, container: Any) -> Iterator[tuple[str, Any]]:
        items = container.values() if isinstance(container, dict) else container
        counts: dict[str, int] = {}
        for item in items:
            if isinstance(item, Module):
                # Keras stores one class under another name than it describes it.
                base = getattr(item, "file_name", snake_case(type(item).__name__))
            elif isinstance(item, (list, tuple, dict)):
                base = "container"
            else:
                continue
            count = counts.get(base, 0)
            counts[base] = count + 1
            name = f"{base}_{count}" if count else base
            yield from visit(f"{path}/{name}", item)

    yield from visit("", root)


def _attributes(module: Module) -> Iterator[tuple[str, Any]]:
    """A module's attributes: a stack's or graph's layers first, private ones last.

    A subclassed model has its layers under this name too, so that Keras's files have
    those in `layers` whose attributes come later in the alphabet.
    """
    known = {
        name: value for name, value in vars(module).items() if name not in _SKIPPED
    }
    if hasattr(module, "_graph"):
        known["layers"] = module.layers  # type: ignore[attr-defined]
    own = known.get("_graph") is not None or hasattr(module, "_stack")
    for name in sorted(
        known, key=lambda n: (not (own and n == "layers"), n[0] == "_", n)
    ):
        yield name, known[name]


def optimizer_names(root: Module) -> set[str]:
    """The attributes in which a model holds its optimizers."""
    held = (name for name, v in vars(root).items() if isinstance(v, Optimizer))
    return {"optimizer", *held}


class ModuleVariables(NamedTuple):
    """A module that keeps variables, its place in the file, and what it keeps there."""

    place: str
    module: Any
    values: dict[str, Any]


def module_variables(
    modules: Iterable[tuple[str, Any]],
    skip: Collection[str] = (),
    filled: bool = True,
) -> Iterator[ModuleVariables]:
    """What modules keep in files.

    Args:
        modules: what `saved_modules` returned.
        skip: names of the root's attributes to leave out.
        filled: whether all modules have what they keep; while a file is read, a user's
            module may not have all of it yet.
    """
    for path, module in modules:
        if hasattr(module, "save_own_variables") and path.split("/")[0] not in skip:
            values: dict[str, Any] = {}
            try:
                module.save_own_variables(values)
            except Exception:
                if filled or not is_user_defined(type(module), "save_own_variables"):
                    raise
            yield ModuleVariables(f"{path}/vars".lstrip("/"), module, values)


def optimizer_orders(kept: Iterable[ModuleVariables]) -> dict[str, list[str]]:
    """Which variables each optimizer changes, as places in the file, in its order."""
    places: dict[int, str] = {}
    optimizers: dict[str, Any] = {}
    for place, module, values in kept:
        places.update({id(v): f"{place}/{key}" for key, v in values.items()})
        if isinstance(module, Optimizer) and module.built:
            optimizers[place.removesuffix("/vars")] = module
    orders = {
        path: [places.get(id(v), "") for v in optimizer.changed_variables]
        for path, optimizer in optimizers.items()
    }
    return {path: order for path, order in orders.items() if all(order)}


def weights_file(kept: Iterable[ModuleVariables], checksum: bool = False) -> HDF5File:
    """The file of what modules keep.

    It refers to the variables' arrays and copies none.

    Args:
        kept: what `module_variables` returned.
        checksum: whether the file itself holds one, as one that stands alone should.

    Raises:
        ArgumentError: a module names a variable in a way that files can't.
    """
    groups: dict[str, dict[str, Any]] = {}
    attributes: dict[str, dict[str, str]] = {"": {"sha256": CHECKSUM}}
    for place, module, values in kept:
        wrong = [key for key in values if not isinstance(key, str) or "/" in key]
        if wrong:
            raise ArgumentError(
                f"{type(module).__name__}.save_own_variables stores something as "
                f"{wrong[0]!r}. Use strings without '/' as names."
            )
        groups[place] = {key: array_of(value) for key, value in values.items()}
        attributes[place] = {"name": str(getattr(module, "name", ""))}
    if not checksum:
        del attributes[""]
    return HDF5File(groups, attributes)


def variable_records(kept: Iterable[ModuleVariables]) -> dict[str, Any]:
    """Path, shape, type and attribute of each variable, by its place in the file."""
    return {
        f"{place}/{key}": _record(module, value, f"{place}/{key}")
        for place, module, values in kept
        for key, value in values.items()
    }


def _record(module: Module, value: Any, place: str) -> dict[str, Any]:
    found = {"path": place, "shape": list(np.shape(value))}
    found["dtype"] = str(array_of(value).dtype)
    if isinstance(value, Variable):
        found |= {"path": value.path, "trainable": value.initially_trainable}
        names = (name for name, v in vars(module).items() if v is value)
        attribute = next(names, None)
        found |= {} if attribute is None else {"attribute": attribute}
    return found


def array_of(value: Any) -> Any:
    """Return an array to write, which training does not change meanwhile."""
    if isinstance(value, Variable):
        return value.value
    return value if hasattr(value, "dtype") else np.asarray(value)
