"""Rules for user-defined losses."""

from __future__ import annotations

import re
from types import FunctionType

from lamina.training.checks.case import Case, OutputCase
from lamina.training.checks.rules.base import Advice, rule

# Names of arguments.
_PREDICTION = re.compile(r"pred|y_hat|yhat|logits")
_TARGET = re.compile(r"true|target|label")


@rule("loss-without-gradient", "warning", each="outputs")
def loss_without_gradient(out: OutputCase) -> Advice:
    call = out.loss_call
    if call is None or call.has_gradient:
        return None
    if not call.uses_pred:
        return _loss_without_predictions(out)
    return (
        f"The gradient of the loss {out.loss.name!r} is zero for all predictions, so "
        "nothing is trained: rounding, comparisons, argmax and integers have no "
        "gradient.",
        "Compute the loss from the predictions themselves, and pass such a function in "
        "`metrics`.",
        out.case.compiled_at,
    )


def _loss_without_predictions(out: OutputCase) -> Advice:
    """Return the finding for a loss that is not there for `add_loss` or a penalty."""
    model, plan = out.case.model, out.case.plan
    if len(out.case.outputs) > 1 or model.losses or (plan is not None and plan.groups):
        return None
    for layer in (*model.all_layers(), model):
        call = getattr(type(layer), "call", None)
        if "add_loss" in getattr(getattr(call, "__code__", None), "co_names", ()):
            return None
        if getattr(layer, "activity_regularizer", None) is not None:
            return None
    return (
        f"The loss {out.loss.name!r} does not depend on the predictions, so nothing is "
        "trained.",
        "Compute it from `y_pred`, its second argument.",
        out.case.compiled_at,
    )


@rule("loss-arguments", "warning", each="outputs")
def predictions_before_targets(out: OutputCase) -> Advice:
    function = getattr(out.loss, "fn", None)
    if out.is_known_loss or not isinstance(function, FunctionType):
        return None
    code = function.__code__
    names = code.co_varnames[: code.co_argcount][:2]
    if len(names) < 2 or not _PREDICTION.search(names[0]):
        return None
    if not _TARGET.search(names[1]) or _PREDICTION.search(names[1]):
        return None
    return (
        f"The loss {out.loss.name!r} is called with the targets and then the "
        f"predictions, but its arguments are named {names[0]!r} and {names[1]!r}.",
        f"Define it with the arguments ({names[1]}, {names[0]}).",
        f"{code.co_filename}:{code.co_firstlineno}",
    )


@rule("zero-loss-weights", "warning")
def all_losses_have_weight_zero(case: Case) -> Advice:
    weights = [out.plan.loss_weight for out in case.outputs]
    if not weights or any(w is None or float(w) != 0 for w in weights):
        return None
    if case.plan is None or case.plan.groups or case.model.losses:
        return None
    return (
        "`loss_weights` is 0 for every output, so nothing is trained.",
        "Give the losses positive weights.",
        case.compiled_at,
    )


@rule("loss-broadcast", "warning", each="outputs")
def loss_of_each_row_with_each_other(out: OutputCase) -> Advice:
    call = out.loss_call
    if call is None or len(call.true) == len(call.pred):
        return None
    rows = call.pred[:1]
    if (call.true, call.pred) not in ((rows, (*rows, 1)), ((*rows, 1), rows)):
        return None
    if call.values != rows * 2:
        return None
    return (
        f"The loss {out.loss.name!r} compares each row with all others: targets of "
        f"shape {_written(call.true)} and predictions of shape {_written(call.pred)} "
        "broadcast to (rows, rows).",
        "Pass the targets as a column: y.reshape(-1, 1).",
        out.case.compiled_at,
    )


@rule("loss-ignores-weights", "warning", each="outputs")
def scalar_loss_with_weights(out: OutputCase) -> Advice:
    call, options = out.loss_call, out.case.options
    if call is None or call.values != ():
        return None
    if not options.class_weight and out.case.arrays[2] is None:
        return None
    given = "class_weight" if options.class_weight else "sample_weight"
    return (
        f"The loss {out.loss.name!r} returns one number for all rows of a batch, so "
        f"`{given}` does not weight the rows.",
        "Return one value for each row, as in ops.mean(..., axis=-1).",
        out.case.compiled_at,
    )


def _written(shape: tuple[int, ...]) -> str:
    return "(rows,)" if len(shape) == 1 else "(rows, 1)"
