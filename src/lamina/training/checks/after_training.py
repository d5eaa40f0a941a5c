"""Findings at the end of `fit`, from the curves and, if these are bad, the model."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import activations, config
from lamina.core.graph import Node
from lamina.core.process import host_array
from lamina.core.variable import Variable
from lamina.data.feeds import Feed
from lamina.layers import Layer, ReLU
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.training.callbacks import CallbackList
from lamina.training.checks.curves import (
    MIN_EPOCHS,
    RunFacts,
    curve_findings,
    unit_findings,
    update_findings,
)
from lamina.training.checks.findings import Finding, Findings
from lamina.training.checks.steps.trial import Trial
from lamina.training.engine import Engine
from lamina.training.state import MetricsOwner, is_overridden
from lamina.typing import PyTree

# Curves of these kinds have causes in the model.
_EXAMINED = frozenset({"no-progress", "oscillation", "plateau", "rising-loss"})
_ROWS = 256
_WIDTH = 120


def examine(
    model: MetricsOwner,
    callbacks: CallbackList,
    engine: Engine,
    feed: Feed,
    fresh: bool,
) -> Findings:
    """Return findings about the run that has ended; none for most runs.

    Runs of fewer than five epochs, and user-defined steps or losses, have none.

    Args:
        model: the model; its `history` has the curves.
        callbacks: the callbacks of the run.
        engine: the training steps.
        feed: the training data.
        fresh: whether the model was not trained before the run.
    """
    count = len(model.history.epoch)
    has_custom_loss = is_overridden(model, "train_step", "compute_loss")
    if count < MIN_EPOCHS or has_custom_loss:
        return Findings()
    logs = {name: curve[-count:] for name, curve in model.history.history.items()}
    rate = getattr(model.optimizer, "learning_rate", None)
    facts = RunFacts(
        fresh,
        any(map(_restores_best, callbacks.callbacks)),
        sum(float(penalty) for penalty in model.weight_penalties()),
        float(rate.numpy()) if isinstance(rate, Variable) else None,
    )
    found = curve_findings(logs, facts)
    if feed.is_resident and any(f.code in _EXAMINED for f in found):
        with suppress(Exception):  # the run has ended well, whatever fails here
            found += _causes(model, engine, feed)
    return Findings(f for f in found if f.code not in config.silenced_checks())


def text_of(found: Findings) -> str:
    """Return findings as text of the terminal's width, a paragraph for each."""
    width = min(shutil.get_terminal_size().columns, _WIDTH)
    paragraphs = [f"{finding.code}: {finding}" for finding in found]
    return "\n".join(
        textwrap.fill(p, width, subsequent_indent="  ", break_long_words=False)
        for p in paragraphs
    )


def _causes(model: MetricsOwner, engine: Engine, feed: Feed) -> list[Finding]:
    """Return findings about the model; dead units also have small updates."""
    dead = unit_findings(dead_units(model, feed.sample()[0]))
    return dead or update_findings(update_ratios(model, engine, feed))


def _restores_best(callback: object) -> bool:
    names = "restore_best_weights", "save_best_only"
    return any(getattr(callback, name, False) for name in names)


def update_ratios(model: MetricsOwner, engine: Engine, feed: Feed) -> dict[str, float]:
    """Return the norm of one step's update of each kernel, relative to the kernel.

    The step is undone.
    """
    kernels = [w for w in model.trainable_variables if len(w.shape) > 1]
    steps = Trial(engine, feed)
    before = [host_array(w.raw).astype(np.float32) for w in kernels]
    try:
        steps.losses(next(steps.batches()), 1, 0)
        after = [host_array(w.raw).astype(np.float32) for w in kernels]
    finally:
        steps.restore()
    return {
        w.path: float(np.linalg.norm(new - old) / np.linalg.norm(old))
        for w, old, new in zip(kernels, before, after, strict=True)
        if np.any(old)
    }


def dead_units(model: MetricsOwner, x: PyTree) -> dict[str, float]:
    """Return the part of the units of each ReLU layer that are 0 for all rows.

    Args:
        model: a model; without a graph, nothing is returned.
        x: inputs, of which the first 256 rows are used.
    """
    graph = graph_of(model)
    return {} if graph is None else _dead_units(graph.program, x)


def _dead_units(graph: CallGraph, x: PyTree) -> dict[str, float]:
    dead: dict[str, float] = {}

    def call(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
        outputs = node.operation(*args, **kwargs)
        if isinstance(node.operation, Layer) and _is_relu(node.operation):
            largest = np.asarray(outputs).reshape(-1, outputs.shape[-1]).max(0)
            dead[node.operation.path] = float(np.mean(largest <= 0))
        return outputs

    values: Sequence[Any] = [
        jnp.asarray(np.asarray(array[:_ROWS]), tensor.dtype)
        for array, tensor in zip(graph.match(x), graph.input_leaves, strict=True)
    ]
    graph.run(values, call)
    return dead


def _is_relu(layer: Layer) -> bool:
    if isinstance(layer, ReLU):
        return not layer.negative_slope
    return getattr(layer, "activation", None) is activations.relu
