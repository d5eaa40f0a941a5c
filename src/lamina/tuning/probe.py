"""Findings from a few steps of training on one batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.graph import Node
from lamina.core.tracing import stateless
from lamina.core.variable import Variable
from lamina.data.arrays import Parts
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.training.checks.case import activation_of
from lamina.training.checks.findings import Finding, Findings
from lamina.training.plan.arguments import loss_kind
from lamina.training.state import training_of
from lamina.training.trainer import Trainer
from lamina.tuning.trial import Trial, trial
from lamina.typing import Data, PyTree

_STEPS = 150
# A batch is not learned if its loss stays above this part of the first one.
_NOT_LEARNED = 0.8
# Inputs matter if they make the loss lower than this part of that without them.
_SAME_LOSS = 0.98
_SIGMOIDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_DEAD, _SATURATED = 0.9, 0.9
_VANISHED, _EXPLODED = 1e-5, 1e4


def probe(
    model: Trainer,
    x: Data,
    y: Data | None = None,
    sample_weight: Data | None = None,
    batch_size: int | None = None,
) -> Findings:
    """Return findings about a compiled model, from a few steps on one batch.

    Afterwards the model and the optimizer are what they were, bit for bit.

    Args:
        model: a compiled model.
        x: inputs, as for `fit`; one batch of them is used.
        y: targets, as for `fit`.
        sample_weight: weight of each row.
        batch_size: rows in the batch; 32 by default.

    Raises:
        StateError: the model is not compiled.
        DataError: the data does not fit the model.
    """
    data = x, y, sample_weight
    with trial(model, "check", data, batch_size) as steps:
        batch = next(steps.batches())
        return Findings([*_layers(model, batch), *_learning(model, steps, batch)])


def _learning(model: Trainer, steps: Trial, batch: Parts) -> Iterator[Finding]:
    """Yield findings about the loss at the start and after some steps."""
    first = steps.losses(batch, 1, 0)
    guess = _uniform_guess(model, batch)
    if guess is not None and first > 3 * guess + 1:
        yield Finding(
            "initial-loss",
            "advice",
            f"The loss begins at {first:.3g}; a guess without the inputs has "
            f"{guess:.3g}. The first epochs only bring the outputs to their range.",
            "Scale the inputs (layers.Normalization) and the targets.",
        )
    last = steps.losses(batch, _STEPS, 1)
    if not last < first * _NOT_LEARNED and not first < 1e-3:
        yield Finding(
            "cannot-overfit",
            "warning",
            f"{_STEPS} steps on one batch change its loss from {first:.3g} to "
            f"{last:.3g}: the model cannot even learn these rows by heart.",
            "Check that the labels belong to the inputs, the last activation and the "
            "loss, and the learning rate: lamina.tuning.lr_find(model, x, y).",
        )
        return
    steps.restore()
    without = (jax.tree.map(lambda a: a * 0, batch[0]), *batch[1:])
    steps.losses(without, 1, 0)
    blind = steps.losses(without, _STEPS, 1)
    if last > blind * _SAME_LOSS and last > 1e-3:
        yield Finding(
            "inputs-not-used",
            "warning",
            f"After {_STEPS} steps on one batch the loss is {last:.3g}, and "
            f"{blind:.3g} with all inputs set to 0: the model does not use its inputs.",
            "Check how x is made, and that no layer removes it.",
        )


def _uniform_guess(model: Trainer, batch: Parts) -> float | None:
    """Return the loss of the best constant guess, for losses where it is known."""
    plan = training_of(model).plans.of_data
    if plan is None or len(plan.outputs) != 1:
        return None
    kind, labels = loss_kind(plan.outputs[0].loss), jax.tree.leaves(batch[1])
    values = np.asarray(labels[0], "float64") if labels else np.zeros(0)
    if kind == "mean_squared_error" and values.size:
        return float(values.var(axis=0).mean())
    if kind == "binary_crossentropy":
        return math.log(2)
    if kind in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        shape = jax.tree.leaves(model.output_shape, is_leaf=lambda v: v is None)
        return math.log(shape[-1]) if shape and shape[-1] else None
    return None


class _Measures(NamedTuple):
    """Measures of the layers of a model on a batch, before training.

    Args:
        dead: for each layer's name, the fraction of its units that are 0 for all rows.
        saturated: for each layer's name, the fraction of values near an end of the
            activation.
        gradients: root mean square of the gradient of each kernel.
    """

    dead: dict[str, Any]
    saturated: dict[str, Any]
    gradients: list[Any]


def _measures(model: Trainer, kernels: Sequence[Variable], batch: Parts) -> _Measures:
    """Measure a model in one compiled program, which changes no variable."""
    x, y, weight = batch
    found = _Measures({}, {}, [])

    def loss() -> tuple[Any, None]:
        y_pred = model(x, training=True)
        return model.compute_loss(x, y, y_pred, weight), None

    def measure() -> _Measures:
        graph = graph_of(model)
        if graph is not None:
            _measure_units(graph.program, x, found)
        _, gradients = stateless.value_and_grad(loss, kernels, has_aux=True)
        sizes = [jnp.sqrt(jnp.mean(jnp.square(g))) for g in gradients]
        return found._replace(gradients=sizes)

    variables = list(model.variables)
    values = [v.raw for v in variables]
    run = jax.jit(lambda values: stateless.call(measure, variables, values)[0])
    return jax.tree.map(float, run(values))


def _measure_units(graph: CallGraph, x: PyTree, found: _Measures) -> None:
    def call(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = node.operation(*args, **kwargs)
        name = activation_of(node.operation)
        is_trained = getattr(node.operation, "trainable_variables", ())
        if is_trained and jnp.ndim(result) > 1:
            units = result.reshape(-1, result.shape[-1])
            if name == "relu":
                found.dead[node.name] = (units <= 0).all(axis=0).mean()
            elif name in _SIGMOIDS:
                low, high = _SIGMOIDS[name]
                margin = 0.02 * (high - low)
                at_end = (units < low + margin) | (units > high - margin)
                found.saturated[node.name] = at_end.mean()
        return result

    graph.run(graph.match(x), call)


def _layers(model: Trainer, batch: Parts) -> Iterator[Finding]:
    """Yield findings about units and gradients at the start."""
    kernels = [v for v in model.trainable_variables if len(v.shape) > 1]
    found = _measures(model, kernels, batch)
    for name, dead in found.dead.items():
        if dead >= _DEAD:
            yield Finding(
                "dead-units",
                "warning",
                f"{dead:.0%} of the units of layer {name!r} return 0 for every row of "
                "a batch, so they have no gradient.",
                "Scale the inputs, remove a negative bias, or use 'leaky_relu'.",
            )
    for name, saturated in found.saturated.items():
        if saturated >= _SATURATED:
            yield Finding(
                "saturated-units",
                "warning",
                f"{saturated:.0%} of the values of layer {name!r} are at an end of its "
                "activation, where the gradient is almost 0.",
                "Scale the inputs, or begin with smaller weights.",
            )
    if len(kernels) > 1:
        yield from _gradients([v.path for v in kernels], found.gradients)


def _gradients(names: Sequence[str], sizes: Sequence[float]) -> Iterator[Finding]:
    """Yield findings about the sizes of the gradients of kernels, first to last."""
    largest = max(sizes)
    if largest > _EXPLODED:
        yield Finding(
            "exploding-gradients",
            "warning",
            f"The gradient of {names[sizes.index(largest)]!r} has the size "
            f"{largest:.2g} at the start: the first step will be far too large.",
            "Scale the inputs and targets, or pass clipnorm=1.0 to the optimizer.",
        )
    elif 0 <= sizes[0] < _VANISHED * largest:
        yield Finding(
            "vanishing-gradients",
            "warning",
            f"The gradient of {names[0]!r} is {sizes[0] / largest:.1g} of the largest "
            "one: the first layers hardly learn.",
            "Use 'relu' instead of 'sigmoid' or 'tanh', fewer layers, or "
            "BatchNormalization between them.",
        )
