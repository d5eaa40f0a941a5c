"""Functions that also take the old names of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lamina.compat.arguments import FUNCTIONS, function_arguments
from lamina.compat.defaults import with_method_defaults
from lamina.core.module import signature


def with_old_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that also takes the old names of its arguments."""
    owner = function.__qualname__
    module = function.__module__.rpartition(".")[2]
    table = FUNCTIONS.get(owner) or FUNCTIONS.get(f"{module}.{owner}")
    if table is None:
        return function
    shown = (
        owner.removesuffix(".__init__").removeprefix("Trainer.").removeprefix("Layer.")
    )

    names = list(signature(function).parameters)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        found = function_arguments(shown, table, kwargs)
        with_method_defaults(shown, names[: len(args)], found)
        return function(*args, **found)

    return call
