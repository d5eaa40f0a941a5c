"""Functions of `tensorflow.autograph`: functions are traced, not converted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def to_graph(entity: Callable[..., Any], recursive: bool = True, **_: object) -> Any:
    """Return the function unchanged: lamina needs no conversion."""
    return entity


def to_code(entity: Callable[..., Any], recursive: bool = True, **_: object) -> str:
    """Return the source of a function, which is not converted."""
    return inspect.getsource(inspect.unwrap(entity))


def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """Do nothing: there are no messages about conversions."""


class _Experimental:
    """Names of `tensorflow.autograph.experimental`."""

    @staticmethod
    def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
        """Return a function as it is, or a decorator that does so."""
        return func if func is not None else lambda function: function

    @staticmethod
    def set_loop_options(*_: object, **__: object) -> None:
        """Do nothing: loops run in Python, or are compiled as they are."""


experimental = _Experimental()
