"""Constructors that also take the old names of their arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lamina.compat.arguments import constructor_arguments, library_class
from lamina.compat.defaults import with_old_defaults
from lamina.compat.notices import tell
from lamina.compat.patches.apply import is_replaced, replace
from lamina.core.module import Module, accepted_names, is_user_defined
from lamina.layers import Layer

# Options of Keras 1 and tf.keras that change what a layer computes.
_OPTIONS = {
    "AdditiveAttention": "causal",
    "Attention": "causal",
    "BatchNormalization": "mode",
    "Embedding": "dropout",
}


def new_object(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `__new__` whose check of the arguments sees today's names."""

    @functools.wraps(function)
    def new(cls: type, *args: object, **kwargs: object) -> Any:
        for base in cls.__mro__:
            if not is_replaced(base, "__init__") and _has_own_init(base):
                replace(base, "__init__", _initialize(base, vars(base)["__init__"]))
        if not is_user_defined(cls, "__init__"):
            args, kwargs = constructor_arguments(
                library_class(cls), args, kwargs, _is_called_by_library()
            )
            if _sets_weights(cls):
                kwargs.pop("weights", None)
        return function(cls, *args, **kwargs)

    return new


def _is_called_by_library() -> bool:
    """Return whether the caller of the function that calls this one is in lamina."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    name = frame.f_globals.get("__name__", "") if frame else ""
    return name.partition(".")[0] == "lamina"


def _has_own_init(cls: type) -> bool:
    return (
        issubclass(cls, Module) and "__init__" in vars(cls) and not is_user_defined(cls)
    )


def _initialize(owner: type, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `__init__` of a class that also takes old names of its arguments."""

    @functools.wraps(function)
    def init(self: Module, *args: object, **kwargs: object) -> None:
        cls = library_class(type(self))
        # Some programs call `super().__init__(self)`.
        args = args[1:] if args and args[0] is self else args
        _remember_option(self, cls, kwargs)
        args, found = constructor_arguments(cls, args, kwargs, _is_called_by_library())
        # Not in the constructor of a base, which does not take all arguments.
        if next(c for c in cls.__mro__ if "__init__" in vars(c)) is owner:
            with_old_defaults(cls, len(args), found)
        weights = found.pop("weights", None) if _sets_weights(cls) else None
        function(self, *args, **found)
        if weights is not None:
            tell(f"{cls.__name__}(weights=)", "layer.set_weights() after it is built")
            vars(self)["_initial_weights"] = weights

    return init


def _sets_weights(cls: type) -> bool:
    """Return whether `weights` is an old argument of a class."""
    library = library_class(cls)
    return issubclass(library, Layer) and "weights" not in accepted_names(library)


def mark_built(function: Callable[..., None]) -> Callable[..., None]:
    """Return a method that also assigns the weights passed to the constructor."""

    @functools.wraps(function)
    def mark(self: Layer, *shapes: object, **named: object) -> None:
        function(self, *shapes, **named)
        weights = vars(self).pop("_initial_weights", None)
        if weights is not None:
            self.set_weights(weights)

    return mark


def _remember_option(self: object, cls: type, given: dict[str, Any]) -> None:
    """Store an old option in a layer, for its call."""
    value = given.get(_OPTIONS.get(cls.__name__, ""))
    if value:
        vars(self)["_old_option"] = value
