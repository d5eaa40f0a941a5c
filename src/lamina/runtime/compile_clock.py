"""Time spent on compiling, reported while it passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["CompileClock", "compiling", "tick"]


class _Current(threading.local):
    clock: CompileClock | None = None


_current = _Current()


class CompileClock:
    """Context in which the calling thread's compilations are reported.

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
        """Report a compilation that is not done."""
        if self._began is not None:
            self._report(time.perf_counter() - self._began, False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Context that is a compilation, or a part of one."""
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
    """Report the calling thread's compilation, if it is in one that is reported."""
    if _current.clock is not None:
        _current.clock.tick()


@contextmanager
def compiling() -> Iterator[None]:
    """Context that traces or compiles, or waits for that."""
    if _current.clock is None:
        yield
        return
    with _current.clock.running():
        yield
