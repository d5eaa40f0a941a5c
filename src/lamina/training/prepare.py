"""Preparation of a run: callbacks, building, checks of the data."""

from __future__ import annotations

from typing import Any

import jax

from lamina.core.module import is_user_defined
from lamina.core.variable import state_lock
from lamina.data.feeds import Feed
from lamina.layers.base.call_graph import graph_of
from lamina.training.callbacks import CallbackList, History
from lamina.training.checks.arrays import check_data
from lamina.training.checks.label_shapes import check_label_shapes


def callback_list(
    model: Any, callbacks: Any, verbose: int | str, history: bool = False, **params: Any
) -> CallbackList:
    """Return the user's callbacks, then a history if asked for, then a progress bar.

    Args:
        model: the model that callbacks get.
        callbacks: what the user passed, perhaps a `CallbackList`, which is kept.
        verbose: as for `fit`.
        history: whether a `History` is needed.
        **params: what callbacks find in `params`: epochs, steps.
    """
    if isinstance(callbacks, CallbackList):
        if history and callbacks.find(History) is None:
            callbacks.append(History())
            callbacks.set_model(model)
        return callbacks
    verbose = 1 if verbose == "auto" else int(verbose)
    return CallbackList(
        callbacks, history, verbose > 0, model, verbose=verbose, **params
    )


def prepare_model(
    model: Any, feed: Feed, check: bool, finite: bool = True, to_train: bool = False
) -> list[Any]:
    """Build the model for the data, and check the data against it.

    Args:
        model: the model.
        feed: the data; batches of a stream are checked when they come.
        check: whether to check values.
        finite: whether to search for values that are not finite.
        to_train: whether the model is about to be trained on this data.

    Returns:
        Shapes of the outputs, flat, in the plan's order.
    """
    batch = feed.example()
    graph = graph_of(model)
    arrays = feed.sample()
    plain = _is_lamina(model, "train_step", "test_step", "compute_loss")
    if graph is not None and plain and _is_lamina(model, "call"):
        graph.check_rows(arrays[0], to_train)
    with state_lock:
        pred = model._make_ready(_specs(batch))
    plan, graph = model._plan, graph_of(model)
    if plain and plan is not None:
        check_label_shapes(plan, arrays[1], pred, to_train)
    if check:
        feed.check(
            lambda data, whole: check_data(data, plan, pred, graph, finite and whole)
        )
    return pred


def _is_lamina(model: Any, *methods: str) -> bool:
    """Return whether a model has none of these methods from a user's class."""
    return not any(is_user_defined(type(model), name) for name in methods)


def _specs(batch: Any) -> Any:
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), batch)
