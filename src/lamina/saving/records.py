"""One record for each module of a model: its path in files and its variables.

A module's variables are stored as `path/vars/0`, `path/vars/1`, ... The path consists
of attribute names, and of numbered class names inside lists: `layers/dense_1`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from lamina.core.module import Module, Untracked, snake_case
from lamina.core.process import whole_array
from lamina.core.registry import serialize
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, FileFormatError
from lamina.io.checksum import AnyArray
from lamina.io.hdf5 import Dataset, Group
from lamina.io.hdf5_write import CHECKSUM, HDF5File
from lamina.layers import Layer
from lamina.layers.base.call_spec import CallSpec
from lamina.optimizers import Optimizer

# Release of Keras whose layout is written.
KERAS_VERSION = "3.15.1"
_MAX_PATH_CHARS = 1000


@runtime_checkable
class StoresVariables(Protocol):
    """Module whose variables are stored in files."""

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the variables into a mapping."""
        ...

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Assign the variables from a mapping."""
        ...


class ModuleRecord(NamedTuple):
    """Module of a model, with its path in files and its variables by key."""

    path: str
    module: Module
    variables: dict[str, Any]

    @property
    def group(self) -> str:
        """Path of the group of its variables."""
        return group_of(self.path)

    def location(self, key: str) -> str:
        """Return the path of a variable in the file."""
        return f"{self.group}/{key}"

    def build_config(self) -> object:
        """Return the shapes for which a layer was built, or `None`."""
        module = self.module
        return (
            serialize(module.get_build_config()) if isinstance(module, Layer) else None
        )

    def call_config(self) -> object:
        """Return the first call of a user-defined layer, or `None`."""
        call: CallSpec | None = vars(self.module).get("_first_call")
        return call.get_config() if call else None

    def order(self, locations: dict[int, str]) -> list[str] | None:
        """Return the locations of an optimizer's variables in its order, if known."""
        if not isinstance(self.module, Optimizer) or not self.module.built:
            return None
        order = [locations.get(id(v), "") for v in self.module.changed_variables]
        return order if all(order) else None

    def describe(self, key: str) -> dict[str, Any]:
        """Return the path, shape, dtype and attribute of a variable."""
        value, path = self.variables[key], self.location(key)
        array = as_array(value)
        found: dict[str, Any] = {"path": path, "shape": list(array.shape)}
        found["dtype"] = str(array.dtype)
        if isinstance(value, Variable):
            found |= {"path": value.path, "trainable": value.initially_trainable}
            names = [n for n, item in vars(self.module).items() if item is value]
            found |= {"attribute": names[0]} if names else {}
        return found


def group_of(path: str) -> str:
    """Return the path of the group of a module's variables."""
    return f"{path}/vars".lstrip("/")


def saved_modules(
    root: Module, omitted: Iterable[Module] = ()
) -> Iterator[tuple[str, Module]]:
    """Yield each module that is saved, with its path, parents first.

    Args:
        root: a model.
        omitted: modules to omit, with those that only they have.
    """
    seen = {id(module) for module in omitted}
    entered: set[int] = set()  # A container may contain itself.

    def visit(path: str, value: object) -> Iterator[tuple[str, Module]]:
        if isinstance(value, (list, tuple, dict)):
            if id(value) not in entered and not isinstance(value, Untracked):
                entered.add(id(value))
                yield from visit_each(path, value)
                entered.remove(id(value))
        elif isinstance(value, Module) and id(value) not in seen:
            seen.add(id(value))
            yield path, value
            for name, child in value.saved_attributes().items():
                # Models inside a model are not trained by their own optimizers.
                if not (path and name == "optimizer"):
                    yield from visit(f"{path}/{name}".lstrip("/"), child)

    def visit_each(path: str, container: Any) -> Iterator[tuple[str, Module]]:
        items = container.values() if isinstance(container, dict) else container
        counts: Counter[str] = Counter()
        for item in items:
            if isinstance(item, Module):
                # `file_name` is for a class that Keras stores under another name.
                base = getattr(item, "file_name", snake_case(type(item).__name__))
            elif isinstance(item, (list, tuple, dict)):
                base = "container"
            else:
                continue
            name = f"{base}_{counts[base]}" if counts[base] else base
            counts[base] += 1
            yield from visit(f"{path}/{name}", item)

    yield from visit("", root)


def optimizer_names(root: Module) -> set[str]:
    """Return the names of the attributes that hold a model's optimizers."""
    held = (name for name, v in vars(root).items() if isinstance(v, Optimizer))
    return {"optimizer", *held}


def module_records(
    root: Module,
    skip: Collection[str] = (),
    complete: bool = True,
    omitted: Iterable[Module] = (),
) -> Iterator[ModuleRecord]:
    """Yield the record of each module.

    Args:
        root: a model.
        skip: names of the root's attributes to skip.
        complete: whether all variables exist. While a file is loaded, some may be
            missing, and a module that cannot list its variables has none.
        omitted: modules to omit, with those that only they have.
    """
    for path, module in saved_modules(root, omitted):
        if path.split("/")[0] in skip:
            continue
        variables: dict[str, Any] = {}
        if isinstance(module, StoresVariables):
            try:
                module.save_own_variables(variables)
            except Exception:
                if complete:
                    raise
        yield ModuleRecord(path, module, variables)


def weights_file(records: Iterable[ModuleRecord], checksum: bool = False) -> HDF5File:
    """Lay out a file of variables, without copying their arrays.

    Args:
        records: result of `module_records`.
        checksum: whether to add a checksum, for a file that is not part of an archive.

    Raises:
        ArgumentError: a module's key for a variable is not valid in files.
    """
    groups: dict[str, dict[str, AnyArray]] = {}
    attributes = {"": {"sha256": CHECKSUM}} if checksum else {}
    for record in records:
        if not isinstance(record.module, StoresVariables):
            continue
        values: dict[Any, object] = {**record.variables}
        wrong = [key for key in values if not isinstance(key, str) or "/" in key]
        if wrong:
            raise ArgumentError(
                f"{type(record.module).__name__}.save_own_variables uses the key "
                f"{wrong[0]!r}. Keys must be strings without '/'."
            )
        groups[record.group] = {
            key: whole_array(as_array(value)) for key, value in values.items()
        }
        attributes[record.group] = {"name": str(getattr(record.module, "name", ""))}
    return HDF5File(groups, attributes)


def metadata_of(records: Collection[ModuleRecord]) -> dict[str, Any]:
    """Return what a file says about modules in addition to their arrays."""
    locations = {id(v): r.location(k) for r in records for k, v in r.variables.items()}
    by_path = {
        "build_configs": {r.path: r.build_config() for r in records},
        "calls": {r.path: r.call_config() for r in records},
        "optimizers": {r.path: r.order(locations) for r in records},
    }
    found: dict[str, Any] = {
        name: {path: value for path, value in table.items() if value is not None}
        for name, table in by_path.items()
    }
    found["variables"] = {
        r.location(k): r.describe(k) for r in records for k in r.variables
    }
    return found


def as_array(value: Any) -> AnyArray:
    """Return the array to write, which later training steps do not change."""
    if isinstance(value, Variable):
        return value.value
    return value if hasattr(value, "dtype") else np.asarray(value)


class StoredModule(NamedTuple):
    """Contents of a file for one module.

    Args:
        datasets: arrays by key.
        variables: results of `ModuleRecord.describe`, by key.
        shapes: result of `ModuleRecord.build_config`, or `None`.
        order: result of `ModuleRecord.order`, or `None`.
    """

    datasets: dict[str, Dataset]
    variables: dict[str, dict[str, Any]]
    shapes: Any
    order: Any


class StoredModel:
    """Contents of a file for each module.

    Args:
        weights: root group of the arrays.
        metadata: result of `metadata_of`, if the file has one.
        input_shape: build config of the model, for a file without metadata.

    Raises:
        FileFormatError: the metadata are not valid.
    """

    def __init__(
        self,
        weights: Group,
        metadata: dict[str, Any] | None = None,
        input_shape: object = None,
    ) -> None:
        known = metadata or {}
        self.weights = weights
        self.calls = known.get("calls", {})
        self.orders = known.get("optimizers", {})
        # Files of Keras only record the input shape of the whole model.
        self.shapes = known.get("build_configs") or {"": input_shape}
        variables = known.get("variables", {})
        tables = self.calls, self.orders, self.shapes, variables
        is_valid = all(isinstance(table, dict) for table in tables)
        if not is_valid or not all(map(_is_valid, variables.values())):
            raise FileFormatError(
                "The file is damaged: its metadata must be dictionaries, and the path "
                "of each variable a printable string."
            )
        self.variables: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for location, described in variables.items():
            group, _, key = location.rpartition("/")
            self.variables[group][key] = described

    def at(self, path: str) -> StoredModule:
        """Return the contents for the module at a path."""
        name = group_of(path)
        group = self.weights.group(name)
        members = group.members.items() if group else ()
        datasets = {k: v for k, v in members if isinstance(v, Dataset)}
        shapes, order = self.shapes.get(path), self.orders.get(path)
        return StoredModule(datasets, self.variables.get(name, {}), shapes, order)


def _is_valid(record: object) -> bool:
    path = record.get("path") if isinstance(record, dict) else None
    return isinstance(path, str) and len(path) <= _MAX_PATH_CHARS and path.isprintable()
