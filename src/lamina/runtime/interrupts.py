"""Handling of Ctrl-C and SIGTERM during a run, and interruptible waiting."""

from __future__ import annotations

import atexit
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from lamina.core.process import is_first_process
from lamina.core.scope import local
from lamina.runtime.compile_clock import tick
from lamina.runtime.placement import is_shared

# Seconds between two checks of the flag while waiting.
_POLL = 0.05
# JAX aborts the other processes when the first one ends. Schedulers send SIGKILL about
# 30 seconds after SIGTERM.
_LAST_SECONDS = 2.0

# Threads of `run_in_thread` that may still run, and the runs of all threads.
_threads: set[threading.Thread] = set()
_runs: set[Interrupt] = set()
# Seconds that runs in other threads have to stop when Python exits.
_EXIT_TIMEOUT = 10.0

T = TypeVar("T")


class _Current(threading.local):
    interrupt: Interrupt | None = None


_current = _Current()


class Interrupted(KeyboardInterrupt):
    """A request to interrupt; raised only where a run can be abandoned."""


class Interrupt:
    """Context manager in which the first Ctrl-C sets a flag and the second one raises.

    The run inside stops at the next point where its state is consistent. On exit, the
    previous handlers are restored, Ctrl-C raises a `KeyboardInterrupt` and SIGTERM is
    sent again. A nested context shares the flag of the outer one. Only the main thread
    receives signals, and a SIGINT handler that the user installed is not replaced. If
    several processes train, all set the flag between the same two dispatches.

    Args:
        terminate: whether SIGTERM also sets the flag.
    """

    def __init__(self, terminate: bool = False) -> None:
        self._terminate = terminate
        self._received: list[int] = []
        self._agreed: list[bool] = []
        self._is_shared = False
        self._handlers: dict[int, Any] = {}
        self._outer: Interrupt | None = None

    @property
    def requested(self) -> bool:
        """True if a signal was received, and all processes know it."""
        return bool(self._agreed if self._is_shared else self._received)

    @property
    def received(self) -> bool:
        """True if this process received a signal."""
        return bool(self._received)

    def agree(self, received: bool) -> None:
        """Set the flag if one of several processes received a signal."""
        if received:
            self._agreed.append(True)

    def request(self) -> None:
        """Set the flag, as Ctrl-C does."""
        self._received.append(signal.SIGINT)

    def check(self) -> None:
        """Raise `Interrupted` if the flag is set."""
        if self.requested:
            raise Interrupted

    def __enter__(self) -> Interrupt:
        self._outer, _current.interrupt = _current.interrupt, self
        local.check_interrupt = self.check
        self._is_shared = is_shared()
        if self._outer is not None:
            self._received, self._agreed = self._outer._received, self._outer._agreed
        _runs.add(self)
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._install(signal.SIGINT)
            if self._terminate and _is_replaceable(signal.getsignal(signal.SIGTERM)):
                self._install(signal.SIGTERM)
        return self

    def _install(self, number: int) -> None:
        self._handlers[number] = signal.signal(number, self._handle)

    def _handle(self, number: int, _: object) -> None:
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
            if self._is_shared and is_first_process():
                time.sleep(_LAST_SECONDS)  # it must not end before the others
            signal.raise_signal(signal.SIGTERM)
        if (self._received or self._agreed) and (
            kind is None or issubclass(kind, Interrupted)
        ):
            # Python exits with the right status only for this class, not a subclass.
            raise KeyboardInterrupt from None


def _is_replaceable(handler: object) -> bool:
    """Return whether a handler was installed from Python and handles its signal."""
    return handler is not None and handler is not signal.SIG_IGN


def check_interrupt() -> None:
    """Raise `Interrupted` if the run of this thread received a signal."""
    if local.check_interrupt is not None:
        local.check_interrupt()


def run_in_thread(function: Callable[..., T], *args: object) -> Future[T]:
    """Call a function in a daemon thread and return its future."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function(*args))
        except BaseException as error:  # `future.result()` raises it
            future.set_exception(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    _threads.difference_update([t for t in list(_threads) if not t.is_alive()])
    _threads.add(thread)
    return future


@atexit.register
def _wait_before_exit() -> None:
    """Wait for runs and threads: XLA aborts if Python exits during a compilation.

    It also aborts if a thread deletes arrays meanwhile, which may be after its future
    has a result. After Ctrl-C the process does not wait but sends itself SIGINT, as
    Python does after an unhandled `KeyboardInterrupt`.
    """
    for run in list(_runs):
        run.request()
    end = time.monotonic() + _EXIT_TIMEOUT
    while _runs and time.monotonic() < end:
        time.sleep(_POLL)
    running = [thread for thread in list(_threads) if thread.is_alive()]
    if not running:
        return
    if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    for thread in running:
        thread.join()


def result_of(future: Future[T]) -> T:
    """Wait for a result; Ctrl-C stops the wait, not the computation."""
    while not future.done():
        wait([future], _POLL)
        check_interrupt()
        tick()
    return future.result()
