"""Ctrl-C and SIGTERM during a run, and waiting that does not defer them."""

from __future__ import annotations

import atexit
import logging
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from lamina.core.scope import local
from lamina.runtime.compile_clock import tick

__all__ = [
    "Interrupt",
    "Interrupted",
    "check_interrupt",
    "item_of",
    "result_of",
    "run_in_thread",
]

# Seconds between two looks at the flag while waiting.
_POLL = 0.05

# What threads of `run_in_thread` are at work on, and the runs of all threads.
_running: set[Future[Any]] = set()
_runs: set[Interrupt] = set()
# Seconds that runs in other threads get to stop when Python ends.
_STOPPING = 10.0

T = TypeVar("T")


class _Current(threading.local):
    interrupt: Interrupt | None = None


_current = _Current()


class Interrupted(KeyboardInterrupt):
    """An interrupt was requested; raised only where a run can be abandoned."""


class Interrupt:
    """Context in which the first Ctrl-C sets a flag and the second one raises.

    The run inside stops at the next place where its state is whole. On exit the
    handlers from before are restored; then Ctrl-C becomes a `KeyboardInterrupt`, and
    SIGTERM is sent again. A nested context shares the flag of the outer one. Threads
    other than the main one get no signals, and a SIGINT handler of the user's stays.

    Args:
        terminate: whether SIGTERM also sets the flag.
    """

    def __init__(self, terminate: bool = False) -> None:
        self._terminate = terminate
        self._received: list[int] = []
        self._handlers: dict[int, Any] = {}
        self._outer: Interrupt | None = None

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return bool(self._received)

    def request(self) -> None:
        """Set the flag, as Ctrl-C does."""
        self._received.append(signal.SIGINT)

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come."""
        if self._received:
            raise Interrupted

    def __enter__(self) -> Interrupt:
        self._outer, _current.interrupt = _current.interrupt, self
        local.check_interrupt = self.check
        if self._outer is not None:
            self._received = self._outer._received
        _runs.add(self)
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._install(signal.SIGINT)
            if self._terminate and _is_replaceable(signal.getsignal(signal.SIGTERM)):
                self._install(signal.SIGTERM)
        return self

    def _install(self, number: int) -> None:
        self._handlers[number] = signal.signal(number, self._note)

    def _note(self, number: int, _: object) -> None:
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received.append(number)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _runs.discard(self)
        _current.interrupt = self._outer
        local.check_interrupt = None if self._outer is None else self._outer.check
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if signal.SIGTERM in self._received and signal.SIGTERM in self._handlers:
            sys.stdout.flush()
            sys.stderr.flush()
            signal.raise_signal(signal.SIGTERM)
        if self._received and (kind is None or issubclass(kind, Interrupted)):
            # Python ends with the right exit status only for this very class.
            raise KeyboardInterrupt from None


def _is_replaceable(handler: Any) -> bool:
    """True unless a handler ignores its signal or was not installed from Python."""
    return handler is not None and handler is not signal.SIG_IGN


def check_interrupt() -> None:
    """Raise `Interrupted` if a signal has come to the run of this thread."""
    if local.check_interrupt is not None:
        local.check_interrupt()


def run_in_thread(function: Callable[..., T], *args: Any) -> Future[T]:
    """Call a function in a daemon thread."""
    future: Future[T] = Future()
    _running.add(future)
    future.add_done_callback(_running.discard)

    def work() -> None:
        try:
            future.set_result(function(*args))
        except BaseException as error:  # raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


@atexit.register
def _wait_before_exit() -> None:
    """Let runs and compilations end: XLA aborts the process if Python ends under one.

    After Ctrl-C nobody wants to wait for a compilation, so the process dies of SIGINT
    here, as Python itself does after an unhandled `KeyboardInterrupt`.
    """
    for run in list(_runs):
        run.request()
    end = time.monotonic() + _STOPPING
    while _runs and time.monotonic() < end:
        time.sleep(_POLL)
    if not _running:
        return
    if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    wait(list(_running))


def result_of(future: Future[T]) -> T:
    """Wait for a result; Ctrl-C ends the waiting, not the work."""
    while not future.done():
        wait([future], _POLL)
        check_interrupt()
        tick()
    return future.result()


def item_of(items: queue.Queue[T]) -> T:
    """Wait for the next item; Ctrl-C ends the waiting."""
    while True:
        try:
            return items.get(timeout=_POLL)
        except queue.Empty:
            check_interrupt()
