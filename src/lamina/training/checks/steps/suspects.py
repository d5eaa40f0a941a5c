"""Likely causes of an operation whose result is not finite."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lamina.core.module import signature
from lamina.training.checks.steps.replay import NonFiniteOperation
from lamina.typing import PyTree

# Larger values in the data than this are taken for the cause of an overflow.
_LARGE = 1e6


class Suspect(NamedTuple):
    """The likely cause, and what mends it."""

    cause: str
    fix: str


def find_suspect(
    origin: NonFiniteOperation, in_gradient: bool, batch: PyTree, optimizer: Any
) -> Suspect:
    """Return the likely cause.

    Args:
        origin: the first operation whose result is not finite.
        in_gradient: whether it computes a gradient.
        batch: the data of the step.
        optimizer: the model's optimizer, or `None`.
    """
    rule = _RULES.get(origin.operation.name)
    return (rule and rule(origin, in_gradient)) or _overflow(origin, batch, optimizer)


def learning_rate_of(optimizer: Any) -> float:
    """Return the current learning rate of an optimizer."""
    rate = optimizer.learning_rate
    return float(np.asarray(getattr(rate, "value", rate)))


def _lower(optimizer: Any) -> float:
    """Return a tenth of the learning rate, or the default if that is lower."""
    rate = learning_rate_of(optimizer)
    parameter = signature(type(optimizer)).parameters.get("learning_rate")
    default = None if parameter is None else parameter.default
    return min(rate / 10, default) if isinstance(default, float) else rate / 10


def _overflow(origin: NonFiniteOperation, batch: PyTree, optimizer: Any) -> Suspect:
    """Return the likely cause of numbers that became too large for their type."""
    made = [np.asarray(a) for a in origin.outputs]
    if any(a.dtype == np.float16 for a in made):
        return Suspect(
            "an overflow: the largest float16 number is 65504.",
            'use lamina.mixed_precision.set_global_policy("mixed_bfloat16"), or '
            'give this layer dtype="float32".',
        )
    leaves = [np.asarray(a, np.float32) for a in jax.tree.leaves(batch)]
    largest = max((float(np.abs(a).max(initial=0)) for a in leaves), default=0.0)
    if largest > _LARGE:
        return Suspect(
            f"values up to {largest:.2g} in the data.",
            "remove rows that are wrong, and normalize the rest: "
            "x = (x - x.mean(0)) / x.std(0).",
        )
    if optimizer is None:
        return Suspect("an overflow.", "scale the values before this operation.")
    rate = learning_rate_of(optimizer)
    name = type(optimizer).__name__
    return Suspect(
        f"a learning rate that is too high: with {rate:.3g} the weights have grown "
        "until this overflowed.",
        f"compile with a smaller one, optimizer={name}({_lower(optimizer):.2g}), "
        "or with clipnorm=1.0; lamina.tuning.lr_find(model, x, y) suggests a "
        "value.",
    )


# What an operation did to its inputs; `None` if they were in its domain.


def _log(origin: NonFiniteOperation, _: bool) -> Suspect | None:
    x = np.asarray(origin.inputs[0], np.float32)
    low = -1.0 if origin.operation.name == "log1p" else 0.0
    if (x < low).any():
        return Suspect(
            f"a logarithm of {x.min():.3g}, a negative number.",
            "clip the argument: ops.log(ops.maximum(x, 1e-7)).",
        )
    if (x == low).any():
        return Suspect(
            "a logarithm of 0.", "add a small number inside: ops.log(x + 1e-7)."
        )
    return None


def _div(origin: NonFiniteOperation, in_gradient: bool) -> Suspect | None:
    if not (np.asarray(origin.inputs[1], np.float32) == 0).any():
        return None
    if in_gradient:
        return Suspect(
            "a gradient that divides by 0, as that of a logarithm, root or norm at 0.",
            "add a small number inside: ops.log(x + 1e-7), ops.sqrt(x + 1e-7).",
        )
    return Suspect(
        "a division by 0.",
        "use ops.divide_no_nan(x, y), or add a small number: x / (y + 1e-7).",
    )


def _root(origin: NonFiniteOperation, _: bool) -> Suspect | None:
    x = np.asarray(origin.inputs[0], np.float32)
    if (x < 0).any():
        return Suspect(
            f"a root of {x.min():.3g}, a negative number.",
            "clip the argument: ops.sqrt(ops.maximum(x, 0.0) + 1e-7).",
        )
    if (x == 0).any():
        return Suspect(
            "a division by the root of 0, perhaps in a gradient.",
            "add a small number inside: ops.sqrt(x + 1e-7), ops.rsqrt(x + 1e-7).",
        )
    return None


def _power(origin: NonFiniteOperation, _: bool) -> Suspect | None:
    x = np.asarray(origin.inputs[0], np.float32)
    if (x > 0).all() or np.abs(x).max(initial=0) > _LARGE:
        return None
    return Suspect(
        f"a power of {x.min():.3g}, whose value or gradient is not finite.",
        "keep the base positive: ops.power(ops.maximum(x, 1e-7), y).",
    )


def _exp(origin: NonFiniteOperation, _: bool) -> Suspect | None:
    x = np.asarray(origin.inputs[0])
    if x.dtype == np.float16:
        return None
    return Suspect(
        f"an exponential of {float(x.max()):.3g}.",
        "use ops.softmax or ops.logsumexp, which subtract the largest value first, "
        "or clip the argument: ops.exp(ops.clip(x, -50, 50)).",
    )


_RULES = {
    "div": _div,
    "exp": _exp,
    "expm1": _exp,
    "log": _log,
    "log1p": _log,
    "pow": _power,
    "rsqrt": _root,
    "sqrt": _root,
}
