"""`StepTimer`: the time of an epoch's steps, without compilation."""

from __future__ import annotations

import time


class StepTimer:
    """Times of one epoch.

    Attributes:
        done: number of steps done.
        compiling: seconds of compilation, with that of validation.
        waiting: seconds in which the device waited for data.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first = self._last = 0, self._began
        self._compiling = 0.0  # without that of validation
        self.compiling = self.waiting = 0.0

    @property
    def done(self) -> int:
        """Number of steps done."""
        return self._last[0]

    @property
    def seconds(self) -> float:
        """Seconds since the epoch began."""
        return time.perf_counter() - self._began

    def add_compilation(self, seconds: float, is_validation: bool) -> None:
        """Add the time of a compilation."""
        self.compiling += seconds
        self._compiling += 0.0 if is_validation else seconds

    def note(self, done: int) -> None:
        """Note that steps are done."""
        self._last = done, time.perf_counter()
        if self._first[0] == 0:
            self._first = self._last

    def per_step(self) -> float:
        """Return the seconds of a step."""
        done, at = self._last
        # The first dispatch is slow; exclude it if it is a single step.
        if self._first[0] == 1 and done > 1:
            return (at - self._first[1]) / (done - 1)
        return max(at - self._began - self._compiling, 0) / max(done, 1)
