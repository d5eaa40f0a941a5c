"""`ProgressBar`: the progress of a loop over rows, files or bytes."""

from __future__ import annotations

import time
from types import TracebackType

from lamina.progress.output import Output, open_output
from lamina.progress.snapshot import Snapshot


class ProgressBar:
    """Context manager that shows how far a loop is.

    Args:
        title: the name of the loop.
        total: total number of units, if known.
        unit: the unit's name in the singular; "B" for bytes.
        delay: seconds before it is shown; shorter loops show nothing.
        is_kept: whether a line remains at the end.
    """

    def __init__(
        self,
        title: str,
        total: int | None = None,
        unit: str = "step",
        delay: float = 1.0,
        is_kept: bool = False,
    ) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._delay, self._is_kept = delay, is_kept
        self._output = Output()

    def __enter__(self) -> ProgressBar:
        self._output = open_output(1)
        self._began, self._done = time.perf_counter(), 0
        if self._is_kept:
            self._output.begin(self._title)
        return self

    def add(self, count: int) -> None:
        """Add units that are done."""
        self._done += count
        if self._output.is_due():
            snapshot = self._snapshot()
            if snapshot.seconds >= self._delay:
                self._output.draw(snapshot)

    def _snapshot(self) -> Snapshot:
        seconds = time.perf_counter() - self._began
        each = seconds / max(self._done, 1)
        return Snapshot(self._title, self._done, self._total, seconds, each, self._unit)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and self._is_kept:
            self._output.finish(self._snapshot())
        self._output.close()
