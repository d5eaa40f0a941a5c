"""The variables of a model as nested dictionaries of their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from lamina.core.check import check_arguments, one_of
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, did_you_mean
from lamina.training.state import MetricsOwner

StateTree: TypeAlias = dict[str, Any]

WEIGHTS = ("trainable_variables", "non_trainable_variables")
_FORMATS = {"value_format": one_of("backend_tensor", "numpy_array")}


def get_state_tree(model: MetricsOwner, value_format: str) -> StateTree:
    """Return the values of a model's variables, in each group nested by path.

    Raises:
        ArgumentError: the format is unknown, or two variables have the same path.
    """
    check_arguments("get_state_tree", _FORMATS, {"value_format": value_format})
    as_numpy = value_format.lower() == "numpy_array"
    return {
        group: _nested(by_path, as_numpy) for group, by_path in _groups(model).items()
    }


def set_state_tree(model: MetricsOwner, tree: Mapping[str, Any]) -> None:
    """Assign the values of a tree to the variables of a model.

    Raises:
        ArgumentError: the model lacks a group, or a weight.
    """
    groups = _groups(model)
    for group, values in tree.items():
        _require(group, groups, "The groups of variables are")
        for path, value in flat(values):
            # Metrics and optimizers may create their variables in the first step.
            if group in WEIGHTS:
                _require(path, groups[group], f"The paths in {group!r} are")
            if path in groups[group]:
                groups[group][path].assign(value)


def _require(name: str, known: Mapping[str, object], start: str) -> None:
    if name not in known:
        raise ArgumentError(
            f"set_state_tree: the model has no {name!r}.{did_you_mean(name, known)} "
            f"{start}: {', '.join(known)}."
        )


def _groups(model: MetricsOwner) -> dict[str, dict[str, Variable]]:
    """Return a model's variables by group and path."""
    return {
        **{name: _by_path(getattr(model, name)) for name in WEIGHTS},
        "optimizer_variables": _by_path(getattr(model.optimizer, "variables", [])),
        "metrics_variables": _by_path(model.metrics_variables),
    }


def _by_path(variables: list[Variable]) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for variable in variables:
        if found.setdefault(variable.path, variable) is not variable:
            raise ArgumentError(
                f"Two variables have the path {variable.path!r}, so a state tree "
                "cannot hold both. Give the layers, or the metrics, unique names."
            )
    return found


def _nested(variables: Mapping[str, Variable], as_numpy: bool) -> StateTree:
    tree: StateTree = {}
    for path, variable in variables.items():
        *parents, name = path.split("/")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = variable.numpy() if as_numpy else variable.value
    return tree


def flat(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each leaf of nested dictionaries."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{path}", leaf) for path, leaf in flat(value))
        else:
            yield name, value
