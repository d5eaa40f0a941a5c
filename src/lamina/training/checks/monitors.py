"""Explanations of monitored metrics that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax

from lamina.core.module import is_user_defined
from lamina.errors import UnknownNameError, did_you_mean
from lamina.metrics.base import metric_registry
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.monitoring.model_checkpoint import ModelCheckpoint
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.training.state import MetricsOwner

# Entries that lamina's callbacks add to the logs.
_ADDED = ("learning_rate",)
_IN_PATHS = ("epoch", "batch")
_STEPS = ("train_step", "test_step", "compute_metrics", "get_metrics_result")


def unknown_monitors(
    model: MetricsOwner, callbacks: Sequence[Callback], validates: bool
) -> Iterator[str]:
    """Yield an explanation of each metric that will not be in the logs of any epoch.

    Args:
        model: a model whose metrics are known.
        callbacks: the run's callbacks; a user-defined one may add to the logs.
        validates: whether there is validation data.
    """
    if any(is_user_defined(type(model), name) for name in _STEPS):
        return
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint):
            yield from _unknown_in_path(model, callback, validates)
        if isinstance(callback, MonitorCallback):
            problem = _problem(model, callback, validates)
            callback.is_explained = problem is not None
            if problem is not None:
                yield problem
        elif _adds_logs(callback):
            return


def _unknown_in_path(
    model: MetricsOwner, callback: ModelCheckpoint, validates: bool
) -> Iterator[str]:
    """Yield an explanation of each name in a path that no metric has."""
    wanted = [n for n in callback.names_in_path if n not in (*_IN_PATHS, *_ADDED)]
    if not wanted:
        return
    names = [*model.metrics_names, *jax.eval_shape(model.get_metrics_result)]
    known = [p + name for p in ("", "val_")[: 1 + validates] for name in names]
    for name in wanted:
        if name not in known:
            yield (
                f"The path of ModelCheckpoint, {callback.filepath!r}, has the name "
                f"{name!r}, but the metrics are {', '.join(dict.fromkeys(known))}, so "
                f"nothing can be saved.{did_you_mean(name, known)}"
            )


def _adds_logs(callback: Callback) -> bool:
    """Return whether a callback runs user code at the end of epochs."""
    # A `LambdaCallback` has functions as attributes.
    is_function = "on_epoch_end" in vars(callback)
    return is_function or is_user_defined(type(callback), "on_epoch_end")


def _problem(
    model: MetricsOwner, callback: MonitorCallback, validates: bool
) -> str | None:
    name = callback.monitor
    if not callback.is_watching() or name in _ADDED:
        return None
    metric, callback_kind = name.removeprefix("val_"), type(callback).__name__
    if metric != name and not validates:
        return (
            f"{callback_kind} monitors {name!r}, but `fit` has no validation data, so "
            "there is no such value. Pass some: fit(..., validation_split=0.2)."
        )
    if metric in model.metrics_names:
        return None
    # One metric may return several values by name.
    names = list(jax.eval_shape(model.get_metrics_result))
    if metric in names:
        return None
    kind = _metric_class(metric)
    mend = "" if kind is None else f" Compile with metrics=[{metric!r}]."
    for same in (m.name for m in model.metrics if type(m) is kind):
        mend = f" Write {callback_kind}(monitor={name.replace(metric, same)!r})."
    start = name.removesuffix(metric)
    return callback.missing([start + known for known in names], mend)


def _metric_class(name: str) -> type | None:
    try:
        found = metric_registry.find(name)
    except UnknownNameError:
        return None
    return found if isinstance(found, type) else None
