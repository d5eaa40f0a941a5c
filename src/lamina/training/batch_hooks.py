"""Batch methods of callbacks, called once for each execution of several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.training.callbacks.callback_list import CallbackList


class BatchHooks:
    """`on_<kind>_batch_begin` and `on_<kind>_batch_end` of callbacks.

    As in Keras, they are called once for each `steps_per_execution` batches: with the
    number of the first one, and with that of the last one and the logs up to there. The
    number of the last one includes batches that a shorter execution lacks.

    Args:
        callbacks: what to call.
        kind: "train", "test" or "predict".
        merge: makes the logs of an execution from those of its batches; the last by
            default.
    """

    def __init__(
        self,
        callbacks: CallbackList,
        kind: str,
        merge: Callable[[list[Any]], Any] = lambda logs: logs[-1],
    ) -> None:
        self._begin = getattr(callbacks, f"on_{kind}_batch_begin")
        self._end = getattr(callbacks, f"on_{kind}_batch_end")
        steps = getattr(callbacks.model, "steps_per_execution", 1)
        self._steps = steps if isinstance(steps, int) else 1
        self._merge = merge
        self._batch = 0
        self._logs: list[Any] = []

    def begin(self, batch: int) -> None:
        """Call `on_<kind>_batch_begin` at the first batch of an execution."""
        if batch % self._steps == 0:
            self._begin(batch)

    def end(self, batch: int, logs: Any) -> None:
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
            self._end(first + self._steps - 1, self._merge(logs))
