"""Layout of a model's variables in files, as in Keras.

A module's variables are stored as `path/vars/0`, `path/vars/1`, ... The path consists
of attribute names, and of numbered class names inside lists: `layers/dense_1`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lamina.core.module import Module, is_user_defined, snake_case
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.io.hdf5_write import CHECKSUM, HDF5File
from lamina.layers.base.call_graph import GraphOwner
from lamina.optimizers import Optimizer

# Release of Keras whose layout is written.
KERAS_VERSION = "3.15.1"

# Internal attributes of models, layers and optimizers.
_SKIPPED = frozenset(
    ["_graph_layers", "_stack", "_input_layer", "_plan", "_loss_tracker", "_arguments"]
)


def saved_modules(root: Module) -> Iterator[tuple[str, Any]]:
    """Yield each module that is saved, with its path, parents first."""
    seen: set[int] = set()
    entered: set[int] = set()  # A container may contain itself.

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
                # `file_name` is for a class that Keras stores under another name.
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
    """Yield a module's attributes in Keras's order.

    The layers of Sequential and functional models come first, private attributes last.
    A subclassed model also has an attribute `layers`, because Keras stores layers there
    whose attributes come later in the alphabet.
    """
    attributes = {
        name: value for name, value in vars(module).items() if name not in _SKIPPED
    }
    layers_first = False
    if isinstance(module, GraphOwner):
        attributes["layers"] = module.layers
        layers_first = module.call_graph is not None or module.is_sequential
    for name in sorted(
        attributes,
        key=lambda n: (not (layers_first and n == "layers"), n[0] == "_", n),
    ):
        yield name, attributes[name]


def optimizer_names(root: Module) -> set[str]:
    """Return the names of the attributes that hold a model's optimizers."""
    held = (name for name, v in vars(root).items() if isinstance(v, Optimizer))
    return {"optimizer", *held}


class ModuleVariables(NamedTuple):
    """A module with its group in the file and its variables by key."""

    group: str
    module: Any
    values: dict[str, Any]


def module_variables(
    modules: Iterable[tuple[str, Any]],
    skip: Collection[str] = (),
    complete: bool = True,
) -> Iterator[ModuleVariables]:
    """Yield the variables of each module.

    Args:
        modules: pairs of path and module from `saved_modules`.
        skip: names of the root's attributes to skip.
        complete: whether all variables exist. While a file is loaded, those of a
            user-defined module may be missing.
    """
    for path, module in modules:
        if hasattr(module, "save_own_variables") and path.split("/")[0] not in skip:
            values: dict[str, Any] = {}
            try:
                module.save_own_variables(values)
            except Exception:
                if complete or not is_user_defined(type(module), "save_own_variables"):
                    raise
            yield ModuleVariables(f"{path}/vars".lstrip("/"), module, values)


def optimizer_orders(states: Iterable[ModuleVariables]) -> dict[str, list[str]]:
    """List the variables of each optimizer in its order, by location in the file."""
    locations: dict[int, str] = {}
    optimizers: dict[str, Any] = {}
    for group, module, values in states:
        locations.update({id(v): f"{group}/{key}" for key, v in values.items()})
        if isinstance(module, Optimizer) and module.built:
            optimizers[group.removesuffix("/vars")] = module
    orders = {
        path: [locations.get(id(v), "") for v in optimizer.changed_variables]
        for path, optimizer in optimizers.items()
    }
    return {path: order for path, order in orders.items() if all(order)}


def weights_file(states: Iterable[ModuleVariables], checksum: bool = False) -> HDF5File:
    """Lay out a file of variables, without copying their arrays.

    Args:
        states: result of `module_variables`.
        checksum: whether to add a checksum, for a file that is not part of an archive.

    Raises:
        ArgumentError: a module's key for a variable is not valid in files.
    """
    groups: dict[str, dict[str, Any]] = {}
    attributes: dict[str, dict[str, str]] = {"": {"sha256": CHECKSUM}}
    for group, module, values in states:
        wrong = [key for key in values if not isinstance(key, str) or "/" in key]
        if wrong:
            raise ArgumentError(
                f"{type(module).__name__}.save_own_variables uses the key "
                f"{wrong[0]!r}. Keys must be strings without '/'."
            )
        groups[group] = {key: as_array(value) for key, value in values.items()}
        attributes[group] = {"name": str(getattr(module, "name", ""))}
    if not checksum:
        del attributes[""]
    return HDF5File(groups, attributes)


def variable_records(states: Iterable[ModuleVariables]) -> dict[str, Any]:
    """Record the path, shape, dtype and attribute of each variable, by location."""
    return {
        f"{group}/{key}": _record(module, value, f"{group}/{key}")
        for group, module, values in states
        for key, value in values.items()
    }


def _record(module: Module, value: Any, location: str) -> dict[str, Any]:
    record: dict[str, Any] = {"path": location, "shape": list(np.shape(value))}
    record["dtype"] = str(as_array(value).dtype)
    if isinstance(value, Variable):
        record |= {"path": value.path, "trainable": value.initially_trainable}
        for name, attribute in vars(module).items():
            if attribute is value:
                record["attribute"] = name
                break
    return record


def as_array(value: Any) -> Any:
    """Return the array to write, which later training steps do not change."""
    if isinstance(value, Variable):
        return value.value
    return value if hasattr(value, "dtype") else np.asarray(value)
