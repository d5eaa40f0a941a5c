"""Methods of a model that only one thread may run at a time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from lamina.errors import StateError

F = TypeVar("F", bound=Callable[..., Any])

# The thread that is in such a method of a model, and the method's name.
_users: WeakKeyDictionary[Any, tuple[threading.Thread, str]] = WeakKeyDictionary()
_lock = threading.Lock()


def exclusive(method: F) -> F:
    """Let one thread at a time run the marked methods of a model.

    A callback of the thread that trains may call them too.
    """
    name = method.__name__

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        thread = threading.current_thread()
        with _lock:
            user = _users.get(self)
            if user is None:
                _users[self] = thread, name
        if user is None:
            try:
                return method(self, *args, **kwargs)
            finally:
                with _lock:
                    _users.pop(self, None)
        if user[0] is not thread:
            raise StateError(
                f"`{name}` can't begin: the thread {user[0].name!r} is in "
                f"`{user[1]}` of this model, and both change its weights or metrics. "
                "Wait until that returns, or give each thread a model of its own: "
                "lamina.models.clone_model(model)."
            )
        return method(self, *args, **kwargs)

    return cast(F, call)
