"""Steps of a model as functions of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.core.module import signature
from lamina.core.scope import local
from lamina.errors import ArgumentError


def step_function(model: Any, name: str) -> Callable[[Any], dict[str, Any]]:
    """Return `train_step` or `test_step` of a model as a function of a batch alone.

    Raises:
        ArgumentError: the method takes neither `data` nor `state` and `data`.
    """
    method = getattr(model, name)
    parameters = list(signature(method.__func__).parameters)[1:]
    if len(parameters) == 1:
        return lambda batch: method(_trimmed(batch))
    if len(parameters) == 2:
        return lambda batch: _with_state(model, name, method, batch)
    raise ArgumentError(
        f"{type(model).__name__}.{name} must take `data`, or `state` and `data`. It "
        f"takes {parameters}."
    )


def _trimmed(batch: Any) -> Any:
    """Return a batch as users pass it, without trailing parts that are None."""
    x, y, weight = batch
    if weight is not None:
        return x, y, weight
    return (x, y) if y is not None else (x,)


def _with_state(model: Any, name: str, method: Any, batch: Any) -> dict[str, Any]:
    """Call a step in Keras's stateless form, on lists of variables' values."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    if name == "train_step":
        groups.append(list(model.optimizer.variables))
    groups.append(model.metrics_variables)
    scope = local.state
    assert scope is not None
    state = tuple([scope.read(v) for v in group] for group in groups)
    logs, after = method(state, _trimmed(batch))
    for group, values in zip(groups, after, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    if "loss" in logs and name == "train_step":
        scope.watch(logs["loss"])
    return logs
