"""Training steps that are undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from lamina.core.variable import Variable
from lamina.data.arrays import Parts
from lamina.data.batches import Batches, Segment
from lamina.data.feeds import Feed
from lamina.data.rows import on_device
from lamina.errors import StateError
from lamina.training.dispatch import DispatchArgs, DispatchResult
from lamina.training.engine import Engine


class Trial:
    """Training steps of a model.

    Args:
        engine: dispatches the steps.
        feed: the data.
    """

    def __init__(self, engine: Engine, feed: Feed) -> None:
        self.engine, self.feed = engine, feed
        self._before: dict[int, tuple[Variable, Any]] = {}
        self._store()

    def _store(self) -> None:
        """Store the values of variables that are not stored yet."""
        for variable in self.engine.state().variables:
            if id(variable) not in self._before:
                self._before[id(variable)] = variable, variable.raw
                # So that the loop does not overwrite the array.
                variable.storage.aliased = True

    def run(self, segment: Segment, args: DispatchArgs) -> DispatchResult:
        """Run steps on batches of a segment."""
        runner = self.engine.runner(segment)
        self._store()  # tracing finds variables outside the model
        return runner.run(segment.data, args)

    def losses(self, batch: Parts, steps: int, done: int) -> float:
        """Train on a batch for some steps after `done` ones; return the mean loss.

        The loss is NaN if a step was not finite.
        """
        size = jax.tree.leaves(batch)[0].shape[0]
        data = jax.tree.map(on_device, batch), None
        # With a stride of 0, each step gets the same rows.
        segment = Segment(data, Batches("rows", size, 0), 0, steps)
        out = self.run(segment, DispatchArgs(0, done, 0, steps, 0, steps))
        if "loss" not in out.logs:
            raise StateError(
                "`train_step` of this model returns no 'loss', which is needed here. "
                "Add it to the dictionary that `train_step` returns."
            )
        return float(np.asarray(out.logs["loss"])) if int(out.bad) < 0 else float("nan")

    def batches(self) -> Iterator[Parts]:
        """Yield batches of one size, epoch after epoch, if the data can be repeated."""
        epoch, shape = 0, None
        while True:
            count = 0
            for segment in self.feed.segments(epoch):
                batches = segment.batches
                for i in range(segment.first, segment.last):
                    data = batches.ordered(segment.data, 0, epoch, i)
                    batch: Any = batches.take(data, i)
                    new = jax.tree.map(lambda a: a.shape, batch)
                    shape, count = shape or new, count + 1
                    if new == shape:
                        yield batch
            if count == 0 or not self.feed.is_resident:
                return
            epoch += 1

    def restore(self) -> None:
        """Restore all variables."""
        self.engine.release()
        for variable, value in self._before.values():
            variable.storage.set(value, aliased=True)
