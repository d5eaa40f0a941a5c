"""The end of all processes of a training when one of them ends or does not answer.

The others would wait for it: most communication on devices has no time limit.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

from lamina.core.process import exchanges

_FAILED, _ENDED, _STARTED = "lamina/failed/", "lamina/ended/", "lamina/started"
_INTERVAL = 1.0  # seconds between two checks
_WAIT = 1000  # milliseconds of one wait for another process
_CTRL_C = 130  # exit status
# Seconds that the other processes have to end before the first one.
_LAST_SECONDS = 3.0
_ADVICE = (
    "Start the same command again in all processes: with fit(..., resume=folder), it "
    "continues from the newest complete checkpoint.\n"
)
# ctypes does not hold a reference to a handler.
_handlers: list[Any] = []


def end_together(seconds: float) -> None:
    """Let all processes end if one fails, with an error that names it.

    A process that raises an exception reports it to the others. JAX detects one that is
    killed or stopped, and aborts the others. The others detect one whose program ends,
    as by `sys.exit`, while they wait for it.

    Args:
        seconds: time in which the first process must answer.
    """
    # On first use: few programs have several processes. JAX has no other public name
    # for its connection.
    from jax.experimental import multihost_utils

    connection: Any = vars(multihost_utils)["distributed"].global_state
    watch = _Watch(connection, int(seconds * 500))
    watch.start()
    watch.previous, sys.excepthook = sys.excepthook, watch.report
    atexit.register(watch.close)
    if threading.current_thread() is threading.main_thread():
        # JAX replaced the handler by one that ignores the signal.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    if sys.platform != "win32":
        _explain_abort(f"Process {watch.this} of {watch.count}")


class _Watch:
    """Exchange of failures between processes.

    Args:
        connection: that to the other processes.
        milliseconds: time in which the first process must answer.
    """

    def __init__(self, connection: Any, milliseconds: int) -> None:
        self.this, self.count = connection.process_id, connection.num_processes
        self.previous = sys.__excepthook__
        self._client, self._milliseconds = connection.client, milliseconds
        self._error: BaseException | None = None
        self._is_ending = False
        self._is_lost = False  # whether a connection to another process has ended
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)

    def start(self) -> None:
        """Start to look for failures of other processes in a thread."""
        if self.this == 0:
            self._client.key_value_set(_STARTED, "")
        self._thread.start()

    def run(self) -> None:
        """Wait for the failure of another process, and end this one then."""
        while not self._closed.wait(_INTERVAL):
            try:
                # Returns at once if the first process answers.
                self._client.blocking_key_value_get(_STARTED, self._milliseconds)
                failures = self._client.key_value_dir_get(_FAILED) or self._missed()
            except Exception as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    return  # the connection has ended, and JAX aborts the process
                failures = [("", f"0 of {self.count} does not answer")]
            if failures and self._error is None and not self._closed.is_set():
                self._end(failures[0][1])

    def _missed(self) -> list[tuple[str, str]]:
        """Return processes whose program has ended, but which this one waits for."""
        ended = self._client.key_value_dir_get(_ENDED)
        for key, count in ended:
            if int(count) < exchanges():
                number = key.removeprefix(_ENDED)
                text = f"{number} of {self.count} has ended, but others wait for it"
                self._publish(text)
                return [(key, text)]
        return []

    def _end(self, failure: str) -> None:
        text = f"\nProcess {failure}. So all processes end. {_ADVICE}"
        self._is_ending = True
        print(text, end="", file=sys.stderr)
        self._exit(1)

    def report(
        self,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
    ) -> None:
        """Show an exception that ends this process, and report it to the others."""
        if self._is_ending:  # after the first of several errors
            self._thread.join()
        self.previous(kind, error, traceback)
        if "Gloo" in str(error) or "NCCL" in str(error):
            self._is_lost = True
            return
        self._error = error
        if isinstance(error, KeyboardInterrupt):  # all processes receive it
            return
        line = (str(error).splitlines() or [""])[0].rstrip(".")
        self._publish(f"{self.this} of {self.count} ended by {kind.__name__}: {line}")

    def _publish(self, failure: str) -> None:
        """Report a failure to the other processes."""
        with suppress(Exception):  # the first process has ended
            self._client.key_value_set(f"{_FAILED}{self.this}", failure)

    def close(self) -> None:
        """Wait for the end of all programs; after an error, end at once.

        JAX would wait for five minutes, and then abort all processes.
        """
        if self._is_lost:
            # This thread or JAX finds out which process has ended, and ends this one.
            self._thread.join(self._milliseconds / 250)
        elif self._error is None:
            self._wait_for_others()
        self._closed.set()
        # A thread that returns to Python after its end would abort the process.
        self._thread.join(_LAST_SECONDS)
        if self._error is not None:
            self._exit(_CTRL_C if isinstance(self._error, KeyboardInterrupt) else 1)

    def _wait_for_others(self) -> None:
        """Wait until no other process needs this one, while the thread watches."""
        with suppress(Exception):  # the first process has ended
            self._client.key_value_set(f"{_ENDED}{self.this}", f"{exchanges()}")
        for i in range(self.count):
            while not self._has_ended(i):
                pass

    def _has_ended(self, number: int) -> bool:
        """Wait for a while for the end of a process."""
        try:
            self._client.blocking_key_value_get(f"{_ENDED}{number}", _WAIT)
        except Exception as error:
            return "DEADLINE_EXCEEDED" not in str(error)
        return True

    def _exit(self, status: int) -> None:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        if self.this == 0:
            # JAX aborts the others when the first process has ended.
            time.sleep(_LAST_SECONDS)
        os._exit(status)


def _explain_abort(process: str) -> None:
    """Say how to continue when JAX aborts this process.

    JAX aborts from a thread of C++, so that Python's handlers of signals do not run.
    """
    text = (
        f"\n{process} was aborted. If the lines above say that tasks are unhealthy, or "
        "that the leader cannot be reached, then these processes have ended or do not "
        f"answer; the leader is process 0. {_ADVICE}"
    ).encode()
    handler_type = ctypes.CFUNCTYPE(None, ctypes.c_int)

    def handle(number: int) -> None:
        os.write(2, text)
        if previous:
            handler_type(previous)(number)

    handler = handler_type(handle)
    _handlers.append(handler)
    install = ctypes.CDLL(None).signal
    install.argtypes, install.restype = [ctypes.c_int, handler_type], ctypes.c_void_p
    previous = install(signal.SIGABRT, handler)
