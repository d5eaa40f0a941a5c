"""Weights of a model by name, with mapping of names in other files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from lamina.core.variable import Variable
from lamina.errors import ArgumentError, did_you_mean
from lamina.io.hdf5 import Dataset
from lamina.io.load_report import LoadReport, Mismatch, Tolerance
from lamina.layers import Layer
from lamina.layers.base.weights import WeightOwner

_NUMBERED = re.compile(r"(.*?)(?:_(\d+))?")
# Name of the weight in the model, or (name, axes) to transpose the array, or None to
# skip the array.
WeightTarget: TypeAlias = str | tuple[str, Sequence[int]] | None
NameMap: TypeAlias = Mapping[str, WeightTarget] | Callable[[str], WeightTarget]


def named_weights(model: Layer) -> dict[str, Variable]:
    """Return a model's weights by the path of their layer, such as `"dense/kernel"`.

    These names depend only on the model, unlike a variable's `path`, which depends on
    where the variable was created. Repeated names get the suffixes `:1`, `:2`, ...
    """
    named: dict[str, Variable] = {}
    seen: set[int] = set()

    def visit(layer: WeightOwner, path: str) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        for variable in layer.own_weights():
            if id(variable) not in seen:
                seen.add(id(variable))
                named[_unique_name(path + variable.name, named)] = variable
        for inner in layer.sublayers():
            visit(inner, f"{path}{inner.name}/")

    visit(model, "")
    return named


def _unique_name(name: str, taken: Mapping[str, Any]) -> str:
    numbered = (f"{name}:{i}" if i else name for i in range(len(taken) + 1))
    return next(n for n in numbered if n not in taken)


# Array of a file, and the permutation of its axes.
_FileArray: TypeAlias = tuple[Dataset, tuple[int, ...]]


def load_named_weights(
    model: Layer,
    arrays: Mapping[str, Dataset],
    name_map: NameMap | None,
    tolerance: Tolerance,
) -> LoadReport:
    """Assign arrays to the weights of the same names.

    All arrays are compared before any weight is changed.

    Args:
        model: a model whose weights exist.
        arrays: arrays of a file, by name.
        name_map: map from names in the file to names in the model.
        tolerance: mismatches to allow.

    Raises:
        FileFormatError: the arrays do not match the model's weights.
        ArgumentError: `name_map` returns a name that the model does not have.
    """
    weights = named_weights(model)
    if name_map is None:
        names = _match_names(list(arrays), list(weights))
        found = {names[n]: (a, tuple(range(len(a.shape)))) for n, a in arrays.items()}
    else:
        found = _apply_name_map(arrays, name_map, list(weights))
    report = LoadReport([], [])
    for name in {**weights, **found}:
        in_model = weights[name].shape if name in weights else None
        array, axes = found.get(name, (None, ()))
        in_file = None if array is None else tuple(array.shape[a] for a in axes)
        report.add(Mismatch(name, in_model, in_file))
    report.require(*tolerance)
    for name in report.loaded:
        array, axes = found[name]
        weights[name].assign(array.read().transpose(axes))
    return report


def _match_names(names: list[str], weight_names: list[str]) -> dict[str, str]:
    """Map a file's names to the model's names.

    Automatic names depend on the process: `dense_3` may have been `dense`. If the names
    differ only in such numbers, they are matched by order.
    """
    if set(names) != set(weight_names):
        theirs, ours = _index_by_order(names), _index_by_order(weight_names)
        if theirs.keys() == ours.keys():
            return {name: ours[key] for key, name in theirs.items()}
    return {name: name for name in names}


def _index_by_order(names: list[str]) -> dict[tuple[str, int], str]:
    """Index names by their text without numbers, and by their order.

    "dense_1/kernel" and "dense_4/kernel" are ("dense/kernel", 0) and (..., 1).
    """
    alike: dict[str, list[tuple[list[int], str]]] = {}
    for name in names:
        parts = [_NUMBERED.fullmatch(part) for part in name.split("/")]
        base = "/".join(part[1] for part in parts if part)
        numbers = [int(part[2] or 0) for part in parts if part]
        alike.setdefault(base, []).append((numbers, name))
    return {
        (base, rank): name
        for base, numbered in alike.items()
        for rank, (_, name) in enumerate(sorted(numbered))
    }


def _apply_name_map(
    arrays: Mapping[str, Dataset], name_map: NameMap, weight_names: list[str]
) -> dict[str, _FileArray]:
    """Rename arrays by a user's map."""
    found: dict[str, _FileArray] = {}
    sources: dict[str, str] = {}
    for theirs, array in arrays.items():
        given = name_map(theirs) if callable(name_map) else name_map.get(theirs, theirs)
        if given is None:
            continue
        name, axes = _name_and_axes(theirs, given, len(array.shape))
        if name not in weight_names and given != theirs:
            raise ArgumentError(
                f"`name_map` maps {theirs!r} to {name!r}, which is not a weight of the "
                f"model.{did_you_mean(name, weight_names)} Weights are named by the "
                "path of their layer, such as 'encoder/dense/kernel'."
            )
        if name in found:
            raise ArgumentError(
                f"`name_map` maps both {sources[name]!r} and {theirs!r} to {name!r}. "
                "Map the one to skip to None."
            )
        found[name], sources[name] = (array, axes), theirs
    return found


def _name_and_axes(theirs: str, given: Any, ndim: int) -> tuple[str, tuple[int, ...]]:
    if isinstance(given, str):
        return given, tuple(range(ndim))
    try:
        name, axes = given
        if isinstance(name, str) and sorted(axes) == list(range(ndim)):
            return name, tuple(axes)
    except (TypeError, ValueError):
        pass
    raise ArgumentError(
        f"`name_map` must map {theirs!r} to a name, to (name, axes) with a permutation "
        f"of range({ndim}), such as ('dense/kernel', (1, 0)), or to None. Received: "
        f"{given!r}."
    )
