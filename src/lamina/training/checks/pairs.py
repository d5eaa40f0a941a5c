"""Check of losses and metrics against the last activation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina import activations, metrics
from lamina.core.tracebacks import warn
from lamina.errors import LikelyMistakeWarning
from lamina.training.checks.history import Output, nodes_of
from lamina.training.plan import OutputPlan, Plan, loss_kind
from lamina.typing import PyTree

_SQUASHING = {
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "categorical_focal_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
_UNBOUNDED = ("linear", "relu", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu")
# Layers that do not change values.
_SHAPE_LAYERS = ("Reshape", "Flatten", "Permute", "RepeatVector", "Dropout")


def check_pairs(plan: Plan, y: PyTree, y_pred: Sequence[Output]) -> None:
    """Warn of outputs whose last activation, loss and metrics contradict each other.

    Args:
        plan: losses and metrics by output.
        y: labels, or their shapes.
        y_pred: the outputs in the plan's order, with nodes if a graph computes them.
    """
    true = plan.labels(y)
    for out, labels, pred in zip(plan.outputs, true, y_pred, strict=True):
        for text in (*_wrong_ends(out, pred), *_wrong_metrics(out, labels)):
            warn(text, LikelyMistakeWarning)


def _wrong_ends(out: OutputPlan, pred: Output) -> Iterator[str]:
    last, layer = _last_activation(pred)
    wanted, takes_logits = _SQUASHING.get(loss_kind(out.loss)), _takes_logits(out.loss)
    if last == "softmax" and tuple(pred.shape[-1:]) == (1,):
        yield (
            f"Layer {layer!r} ends in a softmax over one unit, which is always 1, so "
            "nothing can be learned. For two classes use Dense(1, "
            "activation='sigmoid') with 'binary_crossentropy'."
        )
    elif wanted is None or last is None:
        return
    elif takes_logits and last in ("softmax", "sigmoid"):
        yield (
            f"Layer {layer!r} ends in a {last}, and the loss has from_logits=True, so "
            f"it applies a {wanted} to probabilities again. Remove one of the two."
        )
    elif not takes_logits and last in _UNBOUNDED:
        yield (
            f"Layer {layer!r} ends in the activation {last!r}, so its outputs are not "
            f"probabilities from 0 to 1, which {loss_kind(out.loss)!r} needs. Give it "
            f"activation={wanted!r}, or the loss from_logits=True."
        )


def _takes_logits(loss: object) -> bool:
    given = getattr(loss, "options", {}).get("from_logits", False)
    return bool(getattr(loss, "from_logits", given))


def _last_activation(tensor: object) -> tuple[str | None, str]:
    """Return the name of an output's last activation, and its layer's name."""
    for node in nodes_of(tensor):
        layer, kind = node.operation, type(node.operation).__name__
        function = getattr(layer, "activation", None)
        if kind == "Softmax":
            return "softmax", node.name
        if kind in _SHAPE_LAYERS:
            continue
        if kind == "Activation" and function is activations.linear:
            continue
        # The output of recurrent layers is a product, not their activation.
        is_recurrent = hasattr(layer, "recurrent_activation")
        return None if is_recurrent else getattr(function, "__name__", None), node.name
    return None, ""


def _wrong_metrics(out: OutputPlan, labels: Any) -> Iterator[str]:
    for metric in (*out.metrics, *out.weighted_metrics):
        if type(metric) is not metrics.BinaryAccuracy or not hasattr(labels, "max"):
            continue
        values = np.asarray(labels)
        if ((values == 0) | (values == 1)).all():
            continue
        yield (
            f"The metric {metric.name!r} compares outputs above {metric.threshold} "
            "with labels of 1, but the labels range from "
            f"{values.min():g} to {values.max():g}. For continuous values use a metric "
            "such as 'mae'; for classes, use one output per class."
        )
