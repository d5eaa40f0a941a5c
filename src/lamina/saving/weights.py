"""Every module's variables as groups of arrays, laid out as Keras does.

A module's own variables stand in `path/vars/0`, `path/vars/1`, ...; below it come the
modules it holds, by attribute, and inside lists by class: `layers/dense_1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lamina.core.module import Module, snake_case
from lamina.core.random import SeedGenerator
from lamina.core.registry import serialize
from lamina.core.report import LoadReport, Mismatch
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.saving.hdf5 import Dataset, Group
from lamina.saving.hdf5_write import CHECKSUM, HDF5File

__all__ = [
    "build_configs",
    "build_from",
    "read_weights",
    "saved_modules",
    "variable_records",
    "weights_file",
]

# Held by models, layers and optimizers for their own bookkeeping.
_SKIPPED = frozenset(
    ["_graph_layers", "_stack", "_input_layer", "_plan", "_loss_tracker", "_arguments"]
)


def saved_modules(root: Module) -> Iterator[tuple[str, Any]]:
    """Each module that a file has a place for, with its path, parents first."""
    seen: set[int] = set()

    def visit(path: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, (list, tuple, dict)):
            yield from visit_each(path, value)
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


def build_configs(root: Module) -> dict[str, Any]:
    """The shapes that each module was built for, by its path."""
    found: dict[str, Any] = {}
    for path, module in saved_modules(root):
        get = getattr(module, "get_build_config", None)
        shapes = get() if get else None
        if shapes is not None:
            found[path] = serialize(shapes)
    return found


def build_from(root: Module, configs: dict[str, Any]) -> None:
    """Build modules for the shapes that `build_configs` returned.

    What is inside is built first, so that it has the shapes that it had, whatever the
    module around it would call it with. Building can bring forth further modules.
    """
    before, modules = 0, list(saved_modules(root))
    while len(modules) > before:
        for path, module in reversed(modules):
            if configs.get(path) and getattr(module, "built", True) is False:
                module.build_from_config(configs[path])
        before, modules = len(modules), list(saved_modules(root))


def _owners(
    root: Module, skip: str | None = None
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Each module that keeps variables, with its place and what it keeps there."""
    for path, module in saved_modules(root):
        if hasattr(module, "save_own_variables") and path.split("/")[0] != skip:
            values: dict[str, Any] = {}
            module.save_own_variables(values)
            yield f"{path}/vars".lstrip("/"), module, values


def weights_file(
    root: Module, checksum: bool = False, skip: str | None = None
) -> HDF5File:
    """The file of all variables of a module and of those below it.

    It refers to the variables' arrays and copies none.

    Args:
        root: the module.
        checksum: whether the file itself holds one, as one that stands alone should.
        skip: name of an attribute to leave out.

    Raises:
        ArgumentError: a module names a variable in a way that files can't.
    """
    groups: dict[str, dict[str, Any]] = {}
    attributes: dict[str, dict[str, str]] = {"": {"sha256": CHECKSUM}}
    for place, module, values in _owners(root, skip):
        wrong = [key for key in values if not isinstance(key, str) or "/" in key]
        if wrong:
            raise ArgumentError(
                f"{type(module).__name__}.save_own_variables stores something as "
                f"{wrong[0]!r}. Use strings without '/' as names."
            )
        groups[place] = {key: _array(value) for key, value in values.items()}
        attributes[place] = {"name": str(getattr(module, "name", ""))}
    if not checksum:
        del attributes[""]
    return HDF5File(groups, attributes)


def variable_records(root: Module, skip: str | None = None) -> dict[str, Any]:
    """Path, shape and type of each variable, by its place in the file.

    Args:
        root: the module.
        skip: name of an attribute to leave out.
    """
    return {
        f"{place}/{key}": {
            "path": value.path if isinstance(value, Variable) else f"{place}/{key}",
            "shape": list(np.shape(value)),
            "dtype": str(_array(value).dtype),
        }
        for place, _, values in _owners(root, skip)
        for key, value in values.items()
    }


def _array(value: Any) -> Any:
    if isinstance(value, Variable):
        return value.value  # an array that training does not write over
    return value if hasattr(value, "dtype") else np.asarray(value)


class _Stored(Mapping[str, np.ndarray]):
    """The arrays of one module, each read when it is asked for."""

    def __init__(self, datasets: dict[str, Dataset]) -> None:
        self.datasets = datasets

    def __getitem__(self, key: str) -> np.ndarray:
        return self.datasets[key].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.datasets)

    def __len__(self) -> int:
        return len(self.datasets)


def read_weights(
    root: Module,
    file: Group,
    skip: str | None = None,
    skip_mismatch: bool = False,
    strict: bool = True,
) -> LoadReport:
    """Read all variables of a module and of those below it.

    Everything is compared before anything is changed.

    Args:
        root: a module whose variables exist.
        file: what a file holds.
        skip: name of an attribute to leave as it is.
        skip_mismatch: whether variables that don't fit are left as they are.
        strict: whether variables that only one side has are an error.

    Raises:
        FileFormatError: the file's variables are not the module's.
    """
    wanted = list(_owners(root, skip))
    stored = {place: _datasets(file.group(place)) for place, _, _ in wanted}
    report = LoadReport([], [])
    for place, module, values in wanted:
        found = stored[place]
        # Keras's files have no states of seed generators.
        if found or not isinstance(module, SeedGenerator):
            _compare(place, values, found, report)
    known = {f"{place}/{key}" for place, found in stored.items() for key in found}
    for path, dataset in file.datasets():
        inner = "/optimizer/" in path
        if path not in known and path.split("/")[0] != skip and not inner:
            report.mismatches.append(Mismatch(path, None, dataset.shape))
    report.require(skip_mismatch, strict)
    for place, module, values in wanted:
        _load(module, values, stored[place])
    return report


def _datasets(group: Group | None) -> dict[str, Dataset]:
    members = group.members if group else {}
    return {k: v for k, v in members.items() if isinstance(v, Dataset)}


def _compare(
    place: str, values: dict[str, Any], found: dict[str, Dataset], report: LoadReport
) -> None:
    for key in {**values, **found}:
        value = values.get(key)
        path = value.path if isinstance(value, Variable) else f"{place}/{key}"
        in_model = None if value is None else tuple(np.shape(value))
        in_file = found[key].shape if key in found else None
        if in_model == in_file:
            report.loaded.append(path)
        else:
            report.mismatches.append(Mismatch(path, in_model, in_file))


def _load(module: Any, values: dict[str, Any], found: dict[str, Dataset]) -> None:
    fitting = {
        key: dataset
        for key, dataset in found.items()
        if key in values and np.shape(values[key]) == dataset.shape
    }
    if not fitting:
        return
    if len(fitting) == len(values) == len(found):
        module.load_own_variables(_Stored(fitting))
        return
    for key, dataset in fitting.items():
        if isinstance(values[key], Variable):
            values[key].assign(dataset.read())
