"""Explanation of a step whose loss or gradients are not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.module import signature
from lamina.layers import Layer
from lamina.runtime.interrupts import Interrupted
from lamina.runtime.operations import Operation, innermost
from lamina.training.checks.steps.replay import (
    FailedStep,
    NonFiniteOperation,
    Replay,
    replay,
)

USUAL_CAUSES = (
    "Usual causes: a learning rate that is too high, a division by zero or logarithm "
    "of zero in a custom loss, values in the data that are not normalised."
)
# Larger values in the data than this are taken for the cause of an overflow.
_LARGE = 1e6
_SHOWN_ROWS = 5


class Suspect(NamedTuple):
    """The likely cause, and what mends it."""

    cause: str
    fix: str


def explain(step: FailedStep) -> str:
    """Return a text about a failed step: what was not finite, where, and likely why.

    The step is replayed for this. If it cannot be, as with some user-defined steps,
    the text names the usual causes.
    """
    head = (
        f"The loss or a gradient was not finite in batch {step.batch_number} of epoch "
        f"{step.epoch + 1}. Training stopped before that batch's update, so the "
        "weights are the last finite ones."
    )
    try:
        lines = list(_Explanation(step).lines())
    # The explanation must not hide what it explains; Ctrl-C ends it.
    except (Exception, Interrupted):
        lines = []
    return "\n  ".join([head, *lines]) if lines else f"{head} {USUAL_CAUSES}"


class _Explanation:
    def __init__(self, step: FailedStep) -> None:
        batch, self.row_numbers = step.batch()
        self.batch: Any = jax.tree.map(np.asarray, batch)
        modules = [m for root in step.engine.step.modules() for m in root.modules()]
        self.layers = {m.path: m for m in modules if isinstance(m, Layer)}
        self.variables = step.engine.state().variables
        optimizers = [m for m in modules if hasattr(m, "learning_rate")]
        self.optimizer: Any = optimizers[0] if optimizers else None
        self.bad_data = self._bad_data()
        # Data that is not finite explains everything after it.
        self.replay = None if self.bad_data else replay(step, batch)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the explanation; none if the replay found nothing."""
        if self.bad_data:
            name, rows = self.bad_data
            yield f"where: the data {name} has values that are not finite"
            yield f"rows: {self._numbered(rows)}"
            yield from self._facts()
            yield f"suspect: values in {name} that are infinite or NaN."
            yield (
                "fix: remove these rows, or fill the values: "
                f"{name} = np.nan_to_num({name})."
            )
        elif self.replay and self.replay.origin:
            yield from self._about(self.replay, self.replay.origin)

    def _about(self, found: Replay, origin: NonFiniteOperation) -> Iterator[str]:
        yield f"where: {self._where(found, origin.operation)}"
        line = origin.operation.source_line()
        if line:
            yield f"line: {line}"
        if origin.rows is not None:
            yield f"rows: {self._numbered(origin.rows)}"
        if found.gradient_norms:
            yield f"gradient norms: {_norms(found.gradient_norms)}"
        yield from self._facts()
        rule = _RULES.get(origin.operation.name)
        suspect = rule and rule(origin, found.part == "gradient")
        cause, fix = suspect or self._overflow(origin)
        yield f"suspect: {cause}"
        yield f"fix: {fix}"

    def _facts(self) -> Iterator[str]:
        if self.optimizer is not None:
            yield f"learning rate: {self._learning_rate():.3g}"
        largest = self._largest_weight()
        if largest:
            yield f"largest weight: {largest[1]:.3g} in {largest[0]!r}"

    def _bad_data(self) -> tuple[str, np.ndarray] | None:
        """Return the name and the rows of the first data that is not finite."""
        names = "x", "y", "sample_weight"
        for (part, *path), leaf in jax.tree.leaves_with_path(self.batch):
            if jnp.issubdtype(leaf.dtype, jnp.inexact):
                bad = ~np.isfinite(np.asarray(leaf, np.float32))
                if bad.any():
                    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(1))
                    return names[part.idx] + jax.tree_util.keystr(tuple(path)), rows
        return None

    def _where(self, found: Replay, operation: Operation) -> str:
        what = f"the operation {operation.name!r}"
        layer = innermost(operation.path, self.layers)
        if layer is not None:
            path, kind = layer[0], type(layer[1]).__name__
            return f"the {found.part} of layer {path!r} ({kind}), in {what}"
        if found.bad_loss:
            return f"the loss, in {what}; the outputs of all layers are finite"
        if found.part == "gradient":
            return f"the gradient of the loss, in {what}; the loss is finite"
        paths = ", ".join(repr(v.path) for v in found.bad_variables[:3])
        return f"the new value of {paths}, in {what}; loss and gradients are finite"

    def _numbered(self, rows: np.ndarray) -> str:
        count = len(jax.tree.leaves(self.batch)[0])
        if len(rows) == count > 1:
            return f"all {count} of this batch"
        numbers = self.row_numbers
        of = f"of the {count} in this batch"
        if numbers is not None:
            rows, of = (
                np.sort(numbers[rows]),
                f"of the data ({count} are in this batch)",
            )
        shown = ", ".join(map(str, rows[:_SHOWN_ROWS]))
        more = f" and {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
        return f"{shown}{more} {of}"

    def _learning_rate(self) -> float:
        rate = self.optimizer.learning_rate
        return float(np.asarray(getattr(rate, "value", rate)))

    def _lower(self, rate: float) -> float:
        """Return a tenth of a learning rate, or the default if that is lower."""
        parameter = signature(type(self.optimizer)).parameters.get("learning_rate")
        default = None if parameter is None else parameter.default
        return min(rate / 10, default) if isinstance(default, float) else rate / 10

    def _largest_weight(self) -> tuple[str, float] | None:
        weights = [w for layer in self.layers.values() for w in layer.own_weights()]
        sizes = [
            (float(np.abs(np.asarray(w.raw, np.float32)).max(initial=0)), w.path)
            for w in weights
            if jnp.issubdtype(w.raw.dtype, jnp.floating)
        ]
        size, path = max(sizes, default=(0.0, ""))
        return (path, size) if path else None

    def _overflow(self, origin: NonFiniteOperation) -> Suspect:
        """Return the likely cause of numbers that became too large for their type."""
        made = [np.asarray(a) for a in origin.outputs]
        if any(a.dtype == np.float16 for a in made):
            return Suspect(
                "an overflow: the largest float16 number is 65504.",
                'use lamina.mixed_precision.set_global_policy("mixed_bfloat16"), or '
                'give this layer dtype="float32".',
            )
        leaves = [np.asarray(a, np.float32) for a in jax.tree.leaves(self.batch)]
        largest = max((float(np.abs(a).max(initial=0)) for a in leaves), default=0.0)
        if largest > _LARGE:
            return Suspect(
                f"values up to {largest:.2g} in the data.",
                "remove rows that are wrong, and normalise the rest: "
                "x = (x - x.mean(0)) / x.std(0).",
            )
        if self.optimizer is None:
            return Suspect("an overflow.", "scale the values before this operation.")
        rate = self._learning_rate()
        name = type(self.optimizer).__name__
        return Suspect(
            f"a learning rate that is too high: with {rate:.3g} the weights have grown "
            "until this overflowed.",
            f"compile with a smaller one, optimizer={name}({self._lower(rate):.2g}), "
            "or with clipnorm=1.0; lamina.tuning.lr_find(model, x, y) suggests a "
            "value.",
        )


def _norms(norms: list[tuple[str, float]]) -> str:
    """Return the total norm and the largest ones, or those that are not finite."""
    bad = [path for path, norm in norms if not np.isfinite(norm)]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        names = ", ".join(map(repr, bad[:3]))
        return f"not finite for {len(bad)} of {len(norms)} weights, {names}{more}"
    total = float(np.linalg.norm([norm for _, norm in norms]))
    path, largest = max(norms, key=lambda pair: pair[1])
    return f"{total:.3g} in total, largest {largest:.3g} for {path!r}"


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
