"""A model's variables compared with those of a file, and given their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.core.module import Module, is_user_defined
from lamina.core.random import SeedGenerator
from lamina.core.variable import Variable
from lamina.errors import FileFormatError
from lamina.io.hdf5 import Dataset, Group
from lamina.io.load_report import LoadReport, Mismatch
from lamina.optimizers import Optimizer
from lamina.saving.weights import module_variables, saved_modules

__all__ = ["arrays_at", "checked_records", "described", "keys_by_name", "read_weights"]

_LONGEST = 1000


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


class _Owner(NamedTuple):
    """A module, what it keeps, and what the file has for it under the same keys."""

    place: str
    module: Any
    values: dict[str, Any]
    found: dict[str, Dataset]

    def rows(self) -> dict[str, Mismatch]:
        """Each variable of model and file, compared, by key."""
        if not self.found and isinstance(self.module, SeedGenerator):
            return {}  # which Keras's files have no states of
        return {key: self._row(key) for key in {**self.values, **self.found}}

    def _row(self, key: str) -> Mismatch:
        value, dataset = self.values.get(key), self.found.get(key)
        path = value.path if isinstance(value, Variable) else f"{self.place}/{key}"
        array = value if hasattr(value, "dtype") or value is None else np.asarray(value)
        return Mismatch(
            path,
            None if array is None else tuple(array.shape),
            None if dataset is None else dataset.shape,
            None if array is None else str(array.dtype),
            None if dataset is None else dataset.dtype.name,
        )

    def take(self, keys: Collection[str]) -> None:
        """Take the file's values for these keys."""
        if keys and len(keys) == len(self.values) == len(self.found):
            self.module.load_own_variables(_Stored(self.found))
            return
        for key in keys:
            if isinstance(self.values[key], Variable):
                self.values[key].assign(self.found[key].read())

    def reads_itself(self) -> bool:
        """Whether a user's method decides what fits, not the rows."""
        return bool(self.found) and is_user_defined(
            type(self.module), "load_own_variables"
        )

    def read_itself(self) -> str:
        """Let the user's method take what the file has; returns why it could not.

        It may know what an earlier form of its class has written.
        """
        try:
            self.module.load_own_variables(_Stored(self.found))
        except Exception as error:  # whatever a user's method may raise
            name = f"{type(self.module).__name__}.load_own_variables"
            return f"{name} did not work: {described(error)}"
        return ""


def described(error: Exception) -> str:
    """What kind of error it is and what it says, fit for one line of another."""
    text = "".join(c if c.isprintable() else " " for c in str(error)[:300])
    return f"{type(error).__name__}: {text}"


def checked_records(metadata: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the metadata of a file says of its variables.

    Raises:
        FileFormatError: a record has no path that can be shown.
    """
    records = metadata.get("variables", {})
    for record in records.values() if isinstance(records, dict) else [None]:
        path = record.get("path") if isinstance(record, dict) else None
        if not isinstance(path, str) or not path.isprintable() or len(path) > _LONGEST:
            raise FileFormatError(
                "The file is damaged: its record of a variable has no path to show."
            )
    return records


def arrays_at(file: Group, place: str) -> dict[str, Dataset]:
    """The arrays in a group of a file, by name."""
    group = file.group(place)
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
    """Read all variables of a module and of those below it.

    Everything is compared before anything is changed.

    Args:
        root: a module whose variables exist.
        file: what a file holds.
        skip: names of attributes to leave as they are.
        skip_mismatch: whether variables that don't fit are left as they are.
        strict: whether variables that only one side has are an error.
        records: what `checked_records` returned.
        hint: what to say below a table of mismatches.

    Raises:
        FileFormatError: the file's variables are not the module's.
    """
    known: set[str] = set()
    fitting: list[tuple[_Owner, list[str]]] = []
    odd: list[tuple[_Owner, list[Mismatch]]] = []
    report = LoadReport([], [], hint)
    for place, module, values in module_variables(
        saved_modules(root), skip, filled=False
    ):
        found = arrays_at(file, place)
        known |= {f"{place}/{key}" for key in found}
        keys = keys_by_name(place, module, values, records)
        found = {keys.get(key, key): dataset for key, dataset in found.items()}
        owner = _Owner(place, module, values, found)
        rows = owner.rows()
        wrong = [row for row in rows.values() if row.kind]
        if wrong and owner.reads_itself():
            odd.append((owner, list(rows.values())))
            continue
        fitting.append((owner, [key for key, row in rows.items() if not row.kind]))
        report.loaded += [row.path for row in rows.values() if not row.kind]
        report.mismatches += wrong
    for path, dataset in file.datasets():
        inner = "/optimizer/" in path
        if path not in known and path.split("/")[0] not in skip and not inner:
            row = Mismatch(path, None, dataset.shape, None, dataset.dtype.name)
            report.mismatches.append(row)
    report.require(skip_mismatch, strict)
    for owner, rows in odd:
        problem = owner.read_itself()
        report.hint += f"\n{problem}" if problem else ""
        report.loaded += (
            [] if problem else [r.path for r in rows if r.in_file is not None]
        )
        report.mismatches += [row for row in rows if row.kind] if problem else []
    report.require(skip_mismatch, strict)
    for owner, keys in fitting:
        owner.take(keys)
    return report


def keys_by_name(
    place: str, module: Any, values: dict[str, Any], records: Mapping[str, Any] | None
) -> dict[str, str]:
    """Under which key a user's layer has what the file has under another one.

    A layer's variables are numbered in the order in which they were made, which a
    change of its class may change; a name that the layer does not know is its own key.
    Elsewhere, and where the file has no record, keys are the same on both sides.
    """
    methods = ("save_own_variables", "load_own_variables")
    by_hand = any(is_user_defined(type(module), name) for name in methods)
    # An optimizer's variables are named after those that it changes.
    named = is_user_defined(type(module)) and not isinstance(module, Optimizer)
    if by_hand or not named or not records:
        return {}
    known: dict[str, str] = {}
    while (key := f"{len(known)}") and (record := records.get(f"{place}/{key}")):
        known[key] = record["path"].rpartition("/")[2]
    ours = _numbered(value.name for value in values.values())
    keys = dict(zip(ours, values, strict=True))
    theirs = zip(known, _numbered(known.values()), strict=True)
    return {
        key: keys.get(name, f"{name}:0" if name.isdigit() else name)
        for key, name in theirs
    }


def _numbered(names: Iterable[str]) -> list[str]:
    """Names with a number on those that come again."""
    counts: Counter[str] = Counter()
    found: list[str] = []
    for name in names:
        found.append(f"{name}:{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return found
