"""Comparison of a model's variables with those of a file, and assignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from lamina.core.custom_objects import custom_object_scope
from lamina.core.module import Module, is_user_defined
from lamina.core.random.seeds import SeedGenerator
from lamina.core.registry import deserialize
from lamina.core.untrusted import untrusted_config
from lamina.core.variable import Variable, deferred_init
from lamina.errors import FileFormatError
from lamina.io.hdf5 import Dataset, Group
from lamina.io.load_report import LoadReport, Mismatch, Tolerance
from lamina.layers import Layer
from lamina.optimizers import Optimizer
from lamina.saving import records
from lamina.training.trainer import Trainer

# Memory allowance for variables that are not in the file, such as metric state.
_UNSAVED_BYTES = 2**26
_MAX_ITEMSIZE = 8


@contextmanager
def untrusted_model(
    config: object, what: str, stored: int, custom_objects: dict[str, Any] | None
) -> Iterator[None]:
    """Bound the cost of building a model from its config by the size of its weights.

    Args:
        config: the config.
        what: name of the file in error messages.
        stored: bytes of the weights in the file.
        custom_objects: your classes and functions, by the names in the file.
    """
    size, reason = stored + _UNSAVED_BYTES, "its file holds weights for"
    with (
        untrusted_config(config, f"The model in {what}", size, reason),
        custom_object_scope(custom_objects),
        deferred_init(),
    ):
        yield


def stored_bytes(weights: Group) -> int:
    """Return the most bytes that the weights in a file take."""
    return sum(_MAX_ITEMSIZE * dataset.size for _, dataset in weights.datasets())


def deserialize_model(config: dict[str, Any]) -> Trainer:
    """Return the model that a config describes.

    Raises:
        FileFormatError: the config is not that of a model.
    """
    model = deserialize(config)
    if not isinstance(model, Trainer):
        raise FileFormatError(f"The file holds a {type(model).__name__}, not a model.")
    return model


class _LazyStore(Mapping[str, Any]):
    """Mapping of a module's arrays that reads those of a file on access."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arrays = arrays

    def __getitem__(self, key: str) -> Any:
        value = self.arrays[key]
        return value.read() if isinstance(value, Dataset) else records.as_array(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


class _Pair(NamedTuple):
    """A module's record and the arrays in the file, under the same keys."""

    record: records.ModuleRecord
    datasets: dict[str, Dataset]

    def compare(self) -> dict[str, Mismatch]:
        """Compare each variable of the model with that of the file, by key."""
        if not self.datasets and isinstance(self.record.module, SeedGenerator):
            return {}  # Keras's files do not hold these states.
        keys = {**self.record.variables, **self.datasets}
        return {key: self._compare_key(key) for key in keys}

    def _compare_key(self, key: str) -> Mismatch:
        value, dataset = self.record.variables.get(key), self.datasets.get(key)
        array = value if hasattr(value, "dtype") or value is None else np.asarray(value)
        return Mismatch(
            value.path if isinstance(value, Variable) else self.record.location(key),
            None if array is None else tuple(array.shape),
            None if dataset is None else dataset.shape,
            None if array is None else str(array.dtype),
            None if dataset is None else dataset.dtype.name,
        )

    def load(self, keys: Collection[str]) -> None:
        """Assign the file's values for these keys, and the current ones for others."""
        if keys:
            values = self.record.variables.items()
            self._load({k: self.datasets[k] if k in keys else v for k, v in values})

    def _load(self, arrays: Mapping[str, Any]) -> None:
        if isinstance(self.record.module, records.StoresVariables):
            self.record.module.load_own_variables(_LazyStore(arrays))

    def has_custom_loading(self) -> bool:
        """Return whether a user-defined `load_own_variables` reads the arrays."""
        cls = type(self.record.module)
        return bool(self.datasets) and is_user_defined(cls, "load_own_variables")

    def load_custom(self) -> str:
        """Call the user-defined method and return its error, or an empty string.

        The method may support files of an earlier version of its class.
        """
        try:
            self._load(self.datasets)
        except Exception as error:  # whatever a user's method may raise
            name = f"{type(self.record.module).__name__}.load_own_variables"
            return f"{name} raised {format_error(error)}"
        return ""


def format_error(error: Exception) -> str:
    """Format the type and message of an exception on one line."""
    text = "".join(c if c.isprintable() else " " for c in str(error)[:300])
    return f"{type(error).__name__}: {text}"


def read_weights(
    root: Layer,
    stored: records.StoredModel,
    skip: Collection[str],
    tolerance: Tolerance,
    hint: str = "",
    omitted: Iterable[Module] = (),
) -> LoadReport:
    """Read the variables of a model from a file.

    All variables are compared before any is changed.

    Args:
        root: a model whose variables exist.
        stored: contents of the file.
        skip: names of attributes to leave unchanged.
        tolerance: mismatches to allow.
        hint: text to show below a table of mismatches.
        omitted: modules to leave unchanged, with those that only they have.

    Raises:
        FileFormatError: the file's variables do not match the module's.
    """
    known: set[str] = set()
    matched: list[tuple[_Pair, list[str]]] = []
    custom: list[tuple[_Pair, list[Mismatch]]] = []
    report = LoadReport([], [], hint)
    for record in records.module_records(root, skip, False, omitted):
        found = stored.at(record.path)
        known |= {record.location(key) for key in found.datasets}
        keys = match_keys(record, found)
        pair = _Pair(record, {keys.get(k, k): d for k, d in found.datasets.items()})
        compared = pair.compare()
        is_wrong = any(item.kind for item in compared.values())
        if is_wrong and pair.has_custom_loading():
            custom.append((pair, list(compared.values())))
        else:
            matched.append(
                (pair, [k for k, item in compared.items() if report.add(item)])
            )
    for path, dataset in stored.weights.datasets():
        is_nested_optimizer = "/optimizer/" in path
        is_skipped = path.split("/")[0] in skip
        if path not in known and not is_skipped and not is_nested_optimizer:
            report.add(Mismatch(path, None, dataset.shape, None, dataset.dtype.name))
    report.require(*tolerance)
    for pair, items in custom:
        problem = pair.load_custom()
        if problem:
            report.hint += f"\n{problem}"
            report.mismatches += [item for item in items if item.kind]
        else:
            report.loaded += [item.path for item in items if item.in_file is not None]
    report.require(*tolerance)
    for pair, keys in matched:
        pair.load(keys)
    return report


def match_keys(
    record: records.ModuleRecord, stored: records.StoredModule
) -> dict[str, str]:
    """Map a module's keys in the file to its keys in memory, by variable names.

    A layer's variables are numbered in creation order, which may change with its class.
    A variable of the file that the layer does not have is mapped to its name. The
    result is empty if the file has no names: the keys are then the same.
    """
    cls = type(record.module)
    methods = ("save_own_variables", "load_own_variables")
    is_custom = any(is_user_defined(cls, name) for name in methods)
    # An optimizer's slots are named after the variables that it updates.
    if is_custom or isinstance(record.module, Optimizer) or not is_user_defined(cls):
        return {}
    known: dict[str, str] = {}
    while (key := f"{len(known)}") in stored.variables:
        known[key] = stored.variables[key]["path"].rpartition("/")[2]
    # A layer may store an array that it computes, such as an adapted weight.
    names = (getattr(v, "name", key) for key, v in record.variables.items())
    keys = dict(zip(_number_repeats(names), record.variables, strict=True))
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
