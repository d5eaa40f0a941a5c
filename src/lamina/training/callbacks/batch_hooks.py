"""Batch methods of callbacks, called once for each execution of several steps."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lamina.training.callbacks.callback_list import CallbackList
from lamina.typing import PyTree


def joined(*outputs: PyTree) -> Any:
    """Join the outputs for several batches."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *outputs)


class BatchHooks:
    """`on_<kind>_batch_begin` and `on_<kind>_batch_end` of callbacks.

    As in Keras, they are called once for each `steps_per_execution` batches: with the
    number of the first one, and with that of the last one and the logs up to there. The
    number of the last one includes batches that a shorter execution lacks.

    Args:
        callbacks: what to call.
        kind: "train", "test" or "predict".
    """

    def __init__(self, callbacks: CallbackList, kind: str) -> None:
        self._begin = getattr(callbacks, f"on_{kind}_batch_begin")
        self._end = getattr(callbacks, f"on_{kind}_batch_end")
        steps = getattr(callbacks.model, "steps_per_execution", 1)
        self._steps = steps if isinstance(steps, int) else 1
        self._kind = kind
        self._batch = 0
        self._logs: list[dict[str, Any]] = []

    def begin(self, batch: int) -> None:
        """Call `on_<kind>_batch_begin` at the first batch of an execution."""
        if batch % self._steps == 0:
            self._begin(batch)

    def end(self, batch: int, logs: dict[str, Any]) -> None:
        """Call `on_<kind>_batch_end` at the last batch of an execution."""
        self._batch = batch
        self._logs.append(logs)
        if (batch + 1) % self._steps == 0:
            self.flush()

    def flush(self) -> None:
        """End an execution that has fewer batches than the others."""
        logs, self._logs = self._logs, []
        if logs:
            first = self._batch - self._batch % self._steps
            self._end(first + self._steps - 1, self._merged(logs))

    def _merged(self, logs: list[dict[str, Any]]) -> dict[str, Any]:
        # Logs of metrics are of all batches so far.
        return joined(*logs) if self._kind == "predict" else logs[-1]
