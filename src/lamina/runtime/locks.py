"""Locks of models, for programs with several threads."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from lamina.core.variable import state_lock
from lamina.errors import StateError

F = TypeVar("F", bound=Callable[..., Any])


class MethodLock:
    """Lock of a model for the methods that change its weights or metrics."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holder: tuple[str, str] | None = None  # thread and method

    def __reduce__(self) -> tuple[type[MethodLock], tuple[()]]:
        return MethodLock, ()  # a copy of the model has a lock of its own

    @contextmanager
    def hold(self, method: str) -> Iterator[None]:
        """Hold the lock while a method runs.

        A callback of the thread that holds it may call such methods too.

        Raises:
            StateError: another thread holds the lock.
        """
        if not self._lock.acquire(blocking=False):
            thread, running = self._holder or ("another", "a method")
            raise StateError(
                f"`{method}` cannot begin: the thread {thread!r} is in `{running}` of "
                "this model, and both change its weights or metrics. Wait until that "
                "returns, or give each thread its own model: "
                "lamina.models.clone_model(model)."
            )
        outer = self._holder
        self._holder = outer or (threading.current_thread().name, method)
        try:
            yield
        finally:
            self._holder = outer
            self._lock.release()


def between_dispatches(function: F) -> F:
    """Decorate a function that must read all variables at the same training step."""

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        with state_lock:
            return function(*args, **kwargs)

    return cast(F, call)
