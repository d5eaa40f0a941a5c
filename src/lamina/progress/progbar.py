"""`Progbar`: the progress bar for custom loops."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from lamina.errors import ArgumentError
from lamina.progress.output import open_output
from lamina.progress.snapshot import Metric, Snapshot
from lamina.typing import ArrayLike

# Names and values of metrics.
Values: TypeAlias = Sequence[tuple[str, ArrayLike]]


class Progbar:
    """Progress bar for custom loops, with the means of metrics.

    Args:
        target: total number of steps; `None` if it is unknown.
        width: accepted for Keras's signature.
        verbose: 0 for no output, 1 for a moving bar, 2 for a line at the end.
        interval: seconds between updates of the bar.
        stateful_metrics: names of metrics that are shown without averaging.
        stateless_metrics: names of metrics that are averaged; pass only one of both.
        unit_name: name of a step.

    Raises:
        ArgumentError: both `stateful_metrics` and `stateless_metrics` are given.

    Example:
        >>> bar = Progbar(2, verbose=2)
        >>> for loss in (3.0, 1.0):
        ...     bar.add(1, values=[("loss", loss)])  # doctest: +ELLIPSIS
        2/2 - ... - loss: 2.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
        stateless_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError(
                "Progbar: pass `stateful_metrics` or `stateless_metrics`, not both."
            )
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self._as_is = set(stateful_metrics or ())
        self._means = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, float]] = {}
        self._seen = 0
        self._began = time.perf_counter()
        self._output = open_output(verbose, interval=interval)

    def update(
        self, current: int, values: Values | None = None, finalize: bool | None = None
    ) -> None:
        """Set the number of steps done.

        Args:
            current: number of steps done.
            values: pairs of a metric's name and its value in the steps since.
            finalize: whether the loop has ended; by default when `target` is reached.
        """
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            number = float(np.mean(np.asarray(value)))
            other = self._means is not None and name not in self._means
            if other or name in self._as_is:
                self._sums[name] = number, 1
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = total + number * steps, count + steps
        self._seen = current
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        if finalize:
            self._output.finish(self._snapshot())
            self._output.close()
        elif self._output.is_due():
            self._output.draw(self._snapshot())

    def add(self, n: int, values: Values | None = None) -> None:
        """Add steps done.

        Args:
            n: number of steps.
            values: as for `update`.
        """
        self.update(self._seen + n, values)

    def _snapshot(self) -> Snapshot:
        seconds = time.perf_counter() - self._began
        return Snapshot(
            "",
            self._seen,
            self.target,
            seconds,
            seconds / max(self._seen, 1),
            self.unit_name,
            metrics=[Metric(n, total / c) for n, (total, c) in self._sums.items()],
        )
