"""Calls of `compute_loss`, which users may override."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from lamina.core.module import is_user_defined, signature
from lamina.errors import ArgumentTypeError

_NAMES = ("x", "y", "y_pred", "sample_weight")


def batch_loss(
    model: Any,
    x: Any = None,
    y: Any = None,
    y_pred: Any = None,
    sample_weight: Any = None,
    training: bool = True,
) -> Any:
    """Call `compute_loss`; a user-defined one may lack the argument `training`.

    As in Keras, a user-defined one may have other names for the first four.

    Raises:
        ArgumentTypeError: it cannot take the arguments, or its result is no scalar.
    """
    values: tuple[Any, ...] = (x, y, y_pred, sample_weight)
    named: dict[str, Any] = dict(zip(_NAMES, values, strict=True))
    if not is_user_defined(type(model), "compute_loss"):
        return model.compute_loss(**named, training=training)
    called = f"{type(model).__name__}.compute_loss"
    parameters = signature(type(model).compute_loss).parameters
    kinds = [p.kind for p in parameters.values()]
    takes_any = inspect.Parameter.VAR_KEYWORD in kinds
    flags = {"training": training} if takes_any or "training" in parameters else {}
    if takes_any or set(_NAMES) <= parameters.keys():
        values = ()
    else:
        named = {}
    try:
        inspect.signature(model.compute_loss).bind(*values, **named, **flags)
    except TypeError as error:
        raise ArgumentTypeError(
            f"{called} does not take the arguments of a step: {error}. Define it with "
            "the parameters (x, y, y_pred, sample_weight, training)."
        ) from None
    loss = model.compute_loss(*values, **named, **flags)
    if training and (loss is None or np.shape(loss) != ()):
        got = "None" if loss is None else f"an array of shape {np.shape(loss)}"
        raise ArgumentTypeError(
            f"{called} must return one number, the loss of the batch, not {got}. "
            "Return it, as in `return ops.mean(loss)`."
        )
    return loss
