"""Preparation of a run: callbacks, building, checks of the data."""

from __future__ import annotations

from typing import Any

import jax

from lamina.core.dtypes import shape_to_trace
from lamina.core.process import process_count
from lamina.core.random.seeds import SeedGenerator
from lamina.core.scope import local
from lamina.core.variable import state_lock
from lamina.data.feeds import Feed
from lamina.data.rows import leaves
from lamina.errors import AdviceWarning
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.lazy import LazyImport
from lamina.runtime.executable import argument_shapes
from lamina.runtime.placement import current, processes
from lamina.tracebacks import warn
from lamina.training.callbacks import (
    Callback,
    CallbackList,
    History,
    TerminateOnNaN,
)
from lamina.training.checks.arrays import check_class_weight, check_data
from lamina.training.checks.findings import Findings
from lamina.training.checks.label_shapes import check_label_shapes
from lamina.training.options import EvaluateOptions, FitOptions
from lamina.training.state import MetricsOwner, TrainingState, is_overridden

_CHECKS = LazyImport("lamina.training.checks.before_training")
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


def fit_callbacks(model: MetricsOwner, options: FitOptions) -> CallbackList:
    """Return the callbacks of `fit`; that of a report, the last, gets all logs."""
    callbacks = callback_list(model, options, None, history=True)
    report = options.report
    if report is not None:
        added = report if isinstance(report, Callback) else _REPORT.load()(report)
        added.set_model(callbacks.model)
        added.set_params(callbacks.params)
        callbacks.append(added)
    return callbacks


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
        specs = jax.tree.map(lambda a: shape_to_trace(a.shape, a.dtype), batch)
        with state_lock:
            pred = state.build(specs)
        plan = state.plans.of_data
        if is_plain and plan is not None:
            check_label_shapes(plan, arrays[1], pred, to_train)
        return pred

    pred = state.once((argument_shapes((batch, arrays)), to_train), build)
    plan, graph = state.plans.of_data, _program_graph(model)
    if check:
        feed.check(
            lambda data, whole: check_data(data, plan, pred, graph, finite and whole)
        )
    return pred


def check_fit_data(
    state: TrainingState,
    given: FitOptions,
    options: FitOptions,
    feed: Feed,
    callbacks: CallbackList,
) -> Findings:
    """Build the model for `fit`, seed its layers, and check the data and the model.

    Args:
        state: the training of a compiled model.
        given: the arguments of `fit`.
        options: the arguments with the rows of validation taken out.
        feed: the training data.
        callbacks: the callbacks of the run.

    Returns:
        The likely mistakes.
    """
    finite = callbacks.find(TerminateOnNaN) is None  # else it decides
    # A program that is only checked shows likely mistakes before an error.
    is_asked, checks = local.on_findings is not None, options.checks_values
    pred = prepare_model(state, feed, checks and not is_asked, finite, True)
    placement = current()
    if placement is None and process_count() > 1:
        warn(
            f"There are {process_count()} processes, but each trains a model of its "
            "own. Pass devices='all' to train one model together.",
            AdviceWarning,
        )
    if placement is not None:
        placement.check_model(lambda: _paths(state.model))
        rows = leaves(feed.example())[0].shape[0]
        shares = len(processes(placement)) if feed.is_share else 1
        placement.check_batch(rows * shares)
    if options.seed is not None:
        modules = state.model.modules()
        generators = (m for m in modules if isinstance(m, SeedGenerator))
        for number, generator in enumerate(generators):
            generator.reseed(options.seed, number)
    plan = state.plans.of_data
    if plan is not None:
        check_class_weight(options.class_weight, plan, pred)
    report = _CHECKS.load()
    case = report.Case(
        state.model,
        plan,
        feed.sample(),
        pred,
        options,
        callbacks.callbacks,
        is_whole=feed.is_resident,
    )
    found = report.check_case(state, given, case)
    is_explained = {"loss-without-gradient", "zero-loss-weights"} & {*found.codes}
    is_silent = given.check_level in ("off", "errors")
    state.warns_of_update = not (is_explained or is_silent)
    if is_asked:
        prepare_model(state, feed, checks, finite, True)
    return found


def _paths(model: MetricsOwner) -> list[str]:
    """Return the paths of a model's variables and of its layers' outputs."""
    outputs = [f"{layer.path}/output" for layer in model.all_layers()]
    return [*(v.path for v in model.variables), *outputs]


def _program_graph(model: MetricsOwner) -> CallGraph | None:
    """Return the graph of a model's program, if it has a graph."""
    graph = graph_of(model)
    return None if graph is None else graph.program
