"""Explanation of a step whose loss or gradients are not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.process import host_array
from lamina.layers import Layer
from lamina.runtime.interrupts import Interrupted
from lamina.runtime.operations import Operation, innermost
from lamina.training.checks.steps.replay import (
    FailedStep,
    NonFiniteOperation,
    Replay,
    replay,
)
from lamina.training.checks.steps.suspects import find_suspect, learning_rate_of

USUAL_CAUSES = (
    "Usual causes: a learning rate that is too high, a division by zero or logarithm "
    "of zero in a custom loss, values in the data that are not normalized."
)
_SHOWN_ROWS = 5


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
        in_gradient = found.part == "gradient"
        cause, fix = find_suspect(origin, in_gradient, self.batch, self.optimizer)
        yield f"suspect: {cause}"
        yield f"fix: {fix}"

    def _facts(self) -> Iterator[str]:
        if self.optimizer is not None:
            yield f"learning rate: {learning_rate_of(self.optimizer):.3g}"
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

    def _largest_weight(self) -> tuple[str, float] | None:
        weights = [w for layer in self.layers.values() for w in layer.own_weights()]
        sizes = [
            (float(np.abs(host_array(w.raw).astype(np.float32)).max(initial=0)), w.path)
            for w in weights
            if jnp.issubdtype(w.raw.dtype, jnp.floating)
        ]
        size, path = max(sizes, default=(0.0, ""))
        return (path, size) if path else None


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
