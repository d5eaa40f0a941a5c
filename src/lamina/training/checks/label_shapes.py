"""Check of the labels' shapes against the outputs before the first step."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from lamina.errors import ShapeError
from lamina.layers.base.input_shapes import sizes_agree
from lamina.losses.base import Loss
from lamina.training.checks.label_advice import SPARSE, Misfit, explanation
from lamina.training.checks.output_nodes import Output
from lamina.training.plan.arguments import is_known_loss, loss_kind
from lamina.training.plan.plan import Plan
from lamina.typing import PartialShape, PyTree

# Size for unknown dimensions, unlikely to equal one of the labels.
_PROBE = 61


def check_label_shapes(
    plan: Plan, y: PyTree, y_pred: Sequence[Output], to_train: bool
) -> None:
    """Raise for labels that a loss of lamina's cannot compare with its output.

    Args:
        plan: losses by output.
        y: labels, arrays or their shapes.
        y_pred: the outputs in the plan's order, with nodes if a graph computes them.
        to_train: whether the loss can still be changed.

    Raises:
        ShapeError: the shapes do not match.
    """
    true = plan.labels(y)
    for out, labels, pred in zip(plan.outputs, true, y_pred, strict=True):
        if out.loss is None or labels is None or not is_known_loss(out.loss):
            continue
        shape = tuple(labels.shape)
        if _fits(shape[1:], tuple(pred.shape[1:]), loss_kind(out.loss)):
            continue
        refused = _refusal(out.loss, shape, pred)
        if refused is not None:
            text = explanation(
                Misfit(out.name, loss_kind(out.loss), labels, pred, to_train)
            )
            refused.code = "label-shape"
            raise ShapeError(text, refused.code) if text else refused


def _fits(true: PartialShape, pred: PartialShape, kind: str) -> bool:
    """Return whether shapes without the batch axis match for most losses."""
    if kind == SPARSE:
        pred = (*pred[:-1], 1)
    without = true[:-1] if true[-1:] == (1,) else true
    return any(sizes_agree(some, pred) for some in (true, without, (*true, 1)))


def _refusal(loss: Loss, shape: tuple[int, ...], pred: Output) -> ShapeError | None:
    """Return the error that a loss raises for these shapes, if it does."""
    sizes = [*shape, *[_PROBE] * len(pred.shape)]
    known = [s if n is None else n for n, s in zip(pred.shape, sizes, strict=False)]
    labels = jax.ShapeDtypeStruct(shape, "float32")
    outputs = jax.ShapeDtypeStruct((shape[0], *known[1:]), "float32")
    try:
        jax.eval_shape(lambda t, p: loss(t, p), labels, outputs)
    except ShapeError as error:
        return error
    return None
