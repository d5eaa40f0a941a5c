"""Comparison of a model's variables with those of a file, and assignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.core.module import Module, is_user_defined
from lamina.core.random.seeds import SeedGenerator
from lamina.core.variable import Variable
from lamina.errors import FileFormatError
from lamina.io.hdf5 import Dataset, Group
from lamina.io.load_report import LoadReport, Mismatch
from lamina.optimizers import Optimizer
from lamina.saving.weights import module_variables, saved_modules

_MAX_PATH_CHARS = 1000


class _LazyStore(Mapping[str, np.ndarray]):
    """Mapping of a module's arrays in a file that reads each on access."""

    def __init__(self, datasets: dict[str, Dataset]) -> None:
        self.datasets = datasets

    def __getitem__(self, key: str) -> np.ndarray:
        return self.datasets[key].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.datasets)

    def __len__(self) -> int:
        return len(self.datasets)


class _ModuleState(NamedTuple):
    """A module with its variables and the arrays in the file, under the same keys."""

    group: str
    module: Any
    values: dict[str, Any]
    datasets: dict[str, Dataset]

    def compare(self) -> dict[str, Mismatch]:
        """Compare each variable of the model with that of the file, by key."""
        if not self.datasets and isinstance(self.module, SeedGenerator):
            return {}  # Keras's files do not hold these states.
        return {key: self._compare_key(key) for key in {**self.values, **self.datasets}}

    def _compare_key(self, key: str) -> Mismatch:
        value, dataset = self.values.get(key), self.datasets.get(key)
        path = value.path if isinstance(value, Variable) else f"{self.group}/{key}"
        array = value if hasattr(value, "dtype") or value is None else np.asarray(value)
        return Mismatch(
            path,
            None if array is None else tuple(array.shape),
            None if dataset is None else dataset.shape,
            None if array is None else str(array.dtype),
            None if dataset is None else dataset.dtype.name,
        )

    def load(self, keys: Collection[str]) -> None:
        """Assign the file's values for these keys."""
        if keys and len(keys) == len(self.values) == len(self.datasets):
            self.module.load_own_variables(_LazyStore(self.datasets))
            return
        for key in keys:
            if isinstance(self.values[key], Variable):
                self.values[key].assign(self.datasets[key].read())

    def has_custom_loading(self) -> bool:
        """Return whether a user-defined `load_own_variables` reads the arrays."""
        return bool(self.datasets) and is_user_defined(
            type(self.module), "load_own_variables"
        )

    def load_custom(self) -> str:
        """Call the user-defined method and return its error, or an empty string.

        The method may support files of an earlier version of its class.
        """
        try:
            self.module.load_own_variables(_LazyStore(self.datasets))
        except Exception as error:  # whatever a user's method may raise
            name = f"{type(self.module).__name__}.load_own_variables"
            return f"{name} raised {format_error(error)}"
        return ""


def format_error(error: Exception) -> str:
    """Format the type and message of an exception on one line."""
    text = "".join(c if c.isprintable() else " " for c in str(error)[:300])
    return f"{type(error).__name__}: {text}"


def validate_records(metadata: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the records of variables in a file's metadata after checking them.

    Raises:
        FileFormatError: the path in a record is not a printable string.
    """
    records = metadata.get("variables", {})
    for record in records.values() if isinstance(records, dict) else [None]:
        path = record.get("path") if isinstance(record, dict) else None
        if (
            not isinstance(path, str)
            or not path.isprintable()
            or len(path) > _MAX_PATH_CHARS
        ):
            raise FileFormatError(
                "The file is damaged: the path in each record of a variable must be a "
                "printable string."
            )
    return records


def datasets_in(file: Group, path: str) -> dict[str, Dataset]:
    """Return the arrays in a group of a file, by name."""
    group = file.group(path)
    members = group.members if group else {}
    return {k: v for k, v in members.items() if isinstance(v, Dataset)}


def read_weights(
    root: Module,
    file: Group,
    skip: Collection[str] = (),
    skip_mismatch: bool = False,
    strict: bool = True,
    records: Mapping[str, Any] | None = None,
    hint: str = "",
) -> LoadReport:
    """Read the variables of a module and its submodules from a file.

    All variables are compared before any is changed.

    Args:
        root: a module whose variables exist.
        file: root group of the file.
        skip: names of attributes to leave unchanged.
        skip_mismatch: whether to skip variables that do not match.
        strict: whether a variable that only one side has is an error.
        records: result of `validate_records`.
        hint: text to show below a table of mismatches.

    Raises:
        FileFormatError: the file's variables do not match the module's.
    """
    known: set[str] = set()
    matched: list[tuple[_ModuleState, list[str]]] = []
    custom: list[tuple[_ModuleState, list[Mismatch]]] = []
    report = LoadReport([], [], hint)
    for group, module, values in module_variables(
        saved_modules(root), skip, complete=False
    ):
        stored = datasets_in(file, group)
        known |= {f"{group}/{key}" for key in stored}
        keys = match_keys(group, module, values, records)
        stored = {keys.get(key, key): dataset for key, dataset in stored.items()}
        state = _ModuleState(group, module, values, stored)
        compared = state.compare()
        wrong = [item for item in compared.values() if item.kind]
        if wrong and state.has_custom_loading():
            custom.append((state, list(compared.values())))
            continue
        matched.append((state, [k for k, item in compared.items() if not item.kind]))
        report.loaded += [item.path for item in compared.values() if not item.kind]
        report.mismatches += wrong
    for path, dataset in file.datasets():
        is_nested_optimizer = "/optimizer/" in path
        is_skipped = path.split("/")[0] in skip
        if path not in known and not is_skipped and not is_nested_optimizer:
            item = Mismatch(path, None, dataset.shape, None, dataset.dtype.name)
            report.mismatches.append(item)
    report.require(skip_mismatch, strict)
    for state, items in custom:
        problem = state.load_custom()
        if problem:
            report.hint += f"\n{problem}"
            report.mismatches += [item for item in items if item.kind]
        else:
            report.loaded += [item.path for item in items if item.in_file is not None]
    report.require(skip_mismatch, strict)
    for state, keys in matched:
        state.load(keys)
    return report


def match_keys(
    group: str, module: Any, values: dict[str, Any], records: Mapping[str, Any] | None
) -> dict[str, str]:
    """Map the file's keys of a user-defined layer to the layer's keys, by names.

    A layer's variables are numbered in creation order, which may change with its class.
    A name that the layer does not have becomes its key. For other modules, and without
    records, the result is empty: the keys are the same on both sides.
    """
    methods = ("save_own_variables", "load_own_variables")
    is_custom = any(is_user_defined(type(module), name) for name in methods)
    # An optimizer's slots are named after the variables that it updates.
    named = is_user_defined(type(module)) and not isinstance(module, Optimizer)
    if is_custom or not named or not records:
        return {}
    known: dict[str, str] = {}
    while (key := f"{len(known)}") and (record := records.get(f"{group}/{key}")):
        known[key] = record["path"].rpartition("/")[2]
    ours = _number_repeats(value.name for value in values.values())
    keys = dict(zip(ours, values, strict=True))
    theirs = zip(known, _number_repeats(known.values()), strict=True)
    return {
        key: keys.get(name, f"{name}:0" if name.isdigit() else name)
        for key, name in theirs
    }


def _number_repeats(names: Iterable[str]) -> list[str]:
    """Append a number to repeated names."""
    counts: Counter[str] = Counter()
    numbered: list[str] = []
    for name in names:
        numbered.append(f"{name}:{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return numbered
