"""Preparation of a run: callbacks, building, checks of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from lamina.core.variable import state_lock
from lamina.data.feeds import Feed
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.lazy import LazyImport
from lamina.runtime.executable import argument_shapes
from lamina.training.callbacks import Callback, CallbackList, History
from lamina.training.checks.arrays import check_data
from lamina.training.checks.label_shapes import check_label_shapes
from lamina.training.options import EvaluateOptions
from lamina.training.state import MetricsOwner, TrainingState, is_overridden

_REPORT = LazyImport("lamina.report.callback:Report")


def callback_list(
    model: MetricsOwner,
    options: EvaluateOptions,
    steps: int | None,
    history: bool = False,
) -> CallbackList:
    """Return the user's callbacks, then a history if asked for, then a progress bar.

    Args:
        model: the model that callbacks get.
        options: what the user passed; a `CallbackList` is used as it is.
        steps: batches in an epoch, if known.
        history: whether a `History` is needed.
    """
    callbacks = options.callbacks
    if isinstance(callbacks, CallbackList):
        if history and callbacks.find(History) is None:
            callbacks.append(History())
            callbacks.set_model(model)
        return callbacks
    verbose = 1 if options.verbose == "auto" else int(options.verbose)
    params = {"verbose": verbose, "epochs": options.epochs, "steps": steps}
    return CallbackList(callbacks, history, verbose > 0, model, **params)


def add_report(callbacks: CallbackList, report: str | Path | Callback) -> None:
    """Append the callback of a report; as the last, it gets the logs of all others.

    Args:
        callbacks: the callbacks of a run.
        report: the path of the page, or the callback.
    """
    added = report if isinstance(report, Callback) else _REPORT.load()(report)
    added.set_model(callbacks.model)
    added.set_params(callbacks.params)
    callbacks.append(added)


def prepare_model(
    state: TrainingState,
    feed: Feed,
    check: bool,
    finite: bool = True,
    to_train: bool = False,
) -> list[Any]:
    """Build the model for the data, and check the data against it.

    Args:
        state: the model's training.
        feed: the data; batches of a stream are checked when they come.
        check: whether to check values.
        finite: whether to search for values that are not finite.
        to_train: whether the model is about to be trained on this data.

    Returns:
        Shapes of the outputs, flat, in the plan's order.
    """
    model, batch, arrays = state.model, feed.example(), feed.sample()
    is_plain = not is_overridden(model, "train_step", "test_step", "compute_loss")

    def build() -> list[Any]:
        graph = _program_graph(model)
        if graph is not None and is_plain and not is_overridden(model, "call"):
            graph.check_rows(arrays[0], to_train)
        specs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), batch)
        with state_lock:
            pred = state.build(specs)
        if is_plain and state.plan is not None:
            check_label_shapes(state.plan, arrays[1], pred, to_train)
        return pred

    pred = state.once((argument_shapes((batch, arrays)), to_train), build)
    plan, graph = state.plan, _program_graph(model)
    if check:
        feed.check(
            lambda data, whole: check_data(data, plan, pred, graph, finite and whole)
        )
    return pred


def _program_graph(model: MetricsOwner) -> CallGraph | None:
    """Return the graph of a model's program, if it has a graph."""
    graph = graph_of(model)
    return None if graph is None else graph.program
