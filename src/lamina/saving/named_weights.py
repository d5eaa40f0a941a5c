"""A model's weights by their names, and names of others turned into them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from lamina.core.variable import Variable
from lamina.errors import ArgumentError, did_you_mean
from lamina.io.hdf5 import Dataset
from lamina.io.load_report import LoadReport, Mismatch

__all__ = ["NameMap", "named_weights", "read_named"]

_NUMBERED = re.compile(r"(.*?)(?:_(\d+))?")
# A model's name for an array, or the name and the order that its axes are to have, or
# nothing for an array that is not wanted.
Named: TypeAlias = str | tuple[str, Sequence[int]] | None
NameMap: TypeAlias = Mapping[str, Named] | Callable[[str], Named]


def named_weights(model: Any) -> dict[str, Variable]:
    """A model's weights, named by the layers that lead to them: `"dense/kernel"`.

    A variable's `path` says where it was made, which may have been outside of the
    model; the names here follow from the model alone. Of equal names, the second ends
    in `:1`, the third in `:2`.
    """
    found: dict[str, Variable] = {}
    seen: set[int] = set()

    def visit(layer: Any, path: str) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        for variable in layer.own_weights():
            if id(variable) not in seen:
                seen.add(id(variable))
                found[_free(path + variable.name, found)] = variable
        for inner in layer.sublayers():
            visit(inner, f"{path}{inner.name}/")

    visit(model, "")
    return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    numbered = (f"{name}:{i}" if i else name for i in range(len(taken) + 1))
    return next(n for n in numbered if n not in taken)


class _Found(NamedTuple):
    """An array of the file, and the order that its axes are to have."""

    dataset: Dataset
    axes: tuple[int, ...] | None

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = self.dataset.shape
        return sizes if self.axes is None else tuple(sizes[a] for a in self.axes)

    def read(self) -> Any:
        values = self.dataset.read()
        return values if self.axes is None else values.transpose(self.axes)


def read_named(
    model: Any,
    arrays: Mapping[str, Dataset],
    name_map: NameMap | None = None,
    skip_mismatch: bool = False,
    strict: bool = True,
) -> LoadReport:
    """Give a model's weights the arrays of their names.

    Everything is compared before anything is changed.

    Args:
        model: a model whose weights exist.
        arrays: arrays of a file, by name.
        name_map: what the file's names are in the model.
        skip_mismatch: whether weights that don't fit are left as they are.
        strict: whether weights that only one side has are an error.

    Raises:
        FileFormatError: the arrays are not the model's weights.
        ArgumentError: `name_map` does not lead to weights of the model.
    """
    wanted = named_weights(model)
    if name_map is None:
        names = _matched(list(arrays), list(wanted))
        found = {names[n]: _Found(array, None) for n, array in arrays.items()}
    else:
        found = _mapped(arrays, name_map, list(wanted))
    report = LoadReport([], [])
    for name in {**wanted, **found}:
        in_model = wanted[name].shape if name in wanted else None
        in_file = found[name].shape if name in found else None
        if in_model == in_file:
            report.loaded.append(name)
        else:
            report.mismatches.append(Mismatch(name, in_model, in_file))
    report.require(skip_mismatch, strict)
    for name in report.loaded:
        wanted[name].assign(found[name].read())
    return report


def _matched(names: list[str], wanted: list[str]) -> dict[str, str]:
    """What a file's names are in the model.

    Names made by counting differ from one process to another: `dense_3` may have been
    `dense`. So if the names differ, but only in such numbers, then their order counts.
    """
    if set(names) != set(wanted):
        theirs, ours = _by_order(names), _by_order(wanted)
        if theirs.keys() == ours.keys():
            return {name: ours[key] for key, name in theirs.items()}
    return {name: name for name in names}


def _by_order(names: list[str]) -> dict[tuple[str, int], str]:
    """Names by what they are without numbers, and their place among those alike."""
    alike: dict[str, list[tuple[list[int], str]]] = {}
    for name in names:
        parts = [_NUMBERED.fullmatch(part) for part in name.split("/")]
        base = "/".join(part[1] for part in parts if part)
        numbers = [int(part[2] or 0) for part in parts if part]
        alike.setdefault(base, []).append((numbers, name))
    return {
        (base, place): name
        for base, found in alike.items()
        for place, (_, name) in enumerate(sorted(found))
    }


def _mapped(
    arrays: Mapping[str, Dataset], name_map: NameMap, wanted: list[str]
) -> dict[str, _Found]:
    """The arrays under the names that a user's map gives them."""
    found: dict[str, _Found] = {}
    sources: dict[str, str] = {}
    for theirs, array in arrays.items():
        given = name_map(theirs) if callable(name_map) else name_map.get(theirs, theirs)
        if given is None:
            continue
        name, axes = _name_and_axes(theirs, given, len(array.shape))
        if name not in wanted and given != theirs:
            raise ArgumentError(
                f"`name_map` gives {theirs!r} the name {name!r}, which is no weight of "
                f"the model.{did_you_mean(name, wanted)} Its weights are named by the "
                "layers that lead to them, such as 'encoder/dense/kernel'."
            )
        if name in found:
            raise ArgumentError(
                f"`name_map` gives {sources[name]!r} and {theirs!r} the same name, "
                f"{name!r}. Let it be None for the one that is not wanted."
            )
        found[name], sources[name] = _Found(array, axes), theirs
    return found


def _name_and_axes(
    theirs: str, given: Any, ndim: int
) -> tuple[str, tuple[int, ...] | None]:
    if isinstance(given, str):
        return given, None
    try:
        name, axes = given
        if isinstance(name, str) and sorted(axes) == list(range(ndim)):
            return name, tuple(axes)
    except (TypeError, ValueError):
        pass
    raise ArgumentError(
        f"`name_map` must give {theirs!r} a name, a name and the order of its {ndim} "
        f"axes such as ('dense/kernel', (1, 0)), or None. Received: {given!r}."
    )
