"""Reports of the time that compilations take, while they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Current(threading.local):
    clock: CompileClock | None = None


_current = _Current()


class CompileClock:
    """Context manager that reports the compilations of the calling thread.

    Args:
        report: takes the seconds of a compilation so far, and whether it is done.
    """

    def __init__(self, report: Callable[[float, bool], None]) -> None:
        self._report = report
        self._began: float | None = None
        self._outer: CompileClock | None = None

    def __enter__(self) -> CompileClock:
        self._outer, _current.clock = _current.clock, self
        return self

    def __exit__(self, *_: object) -> None:
        _current.clock = self._outer

    def tick(self) -> None:
        """Report the compilation that is running, if any."""
        if self._began is not None:
            self._report(time.perf_counter() - self._began, False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time this block as a compilation, or as a part of the outer one."""
        if self._began is not None:
            yield
            return
        self._began = time.perf_counter()
        try:
            yield
        finally:
            seconds, self._began = time.perf_counter() - self._began, None
            self._report(seconds, True)


def tick() -> None:
    """Report the running compilation of the calling thread, if it has a clock."""
    if _current.clock is not None:
        _current.clock.tick()


@contextmanager
def compiling() -> Iterator[None]:
    """Time this block as a compilation, if the calling thread has a clock."""
    if _current.clock is None:
        yield
        return
    with _current.clock.running():
        yield
