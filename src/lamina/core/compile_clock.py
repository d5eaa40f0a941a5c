"""Time spent on compiling, reported while it passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lamina.core.scope import local

__all__ = ["CompileClock", "compiling"]


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
        self._outer, local.compile_clock = local.compile_clock, self
        return self

    def __exit__(self, *_: object) -> None:
        local.compile_clock = self._outer

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


@contextmanager
def compiling() -> Iterator[None]:
    """Context that traces or compiles, or waits for that."""
    if local.compile_clock is None:
        yield
        return
    with local.compile_clock.running():
        yield
