"""Mistakes in callbacks: names and parameters of the methods that `fit` calls."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from lamina.core.module import is_user_defined
from lamina.errors import ArgumentTypeError
from lamina.training.callbacks.base import Callback

_HOOKS = {
    name: list(inspect.signature(method).parameters)[1:]
    for name, method in vars(Callback).items()
    if name.startswith("on_")
}
# Words that other libraries have in the names of their methods.
_WORDS = {
    "start": "begin",
    "finish": "end",
    "step": "batch",
    "iteration": "batch",
    "fit": "train",
    "training": "train",
    "validation": "test",
    "val": "test",
    "evaluate": "test",
    "evaluation": "test",
    "prediction": "predict",
}
# Lowest ratio of `difflib` at which a name is a misspelt one.
_SIMILAR = 0.9


def check_parameters(callback: Callback) -> None:
    """Raise for a method that cannot take the arguments with which it is called.

    Raises:
        ArgumentTypeError: a method has other parameters.
    """
    for name, method in _user_hooks(callback):
        names = _HOOKS[name]
        try:
            inspect.signature(method).bind(*names)
        except TypeError as error:
            written = ", ".join(names).replace("logs", "logs=None")
            raise ArgumentTypeError(
                f"{type(callback).__name__}.{name} is called with {len(names)} "
                f"arguments, {' and '.join(names)}, which it does not take: {error}. "
                f"Define it with the parameters ({written})."
            ) from None
        except ValueError:  # a function of C without a signature
            continue


def misnamed_methods(callback: Callback) -> Iterator[tuple[str, str]]:
    """Yield methods that are probably meant to be called, each with the right name.

    Methods that other methods of the class use are not among them.
    """
    classes = [c for c in type(callback).__mro__ if is_user_defined(c)]
    methods = {
        name: value
        for cls in reversed(classes)
        for name, value in vars(cls).items()
        if isinstance(value, FunctionType)
    }
    used = {name for f in methods.values() for name in _names_in(f.__code__)}
    for name in methods.keys() - used - _HOOKS.keys():
        near = _nearest(name) if name.startswith("on_") else None
        if near is not None and near not in methods:
            yield name, near


def _user_hooks(callback: Callback) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the methods that code outside of lamina has defined."""
    for name in _HOOKS:
        method = getattr(callback, name, None)
        module = getattr(method, "__module__", None) or ""
        if callable(method) and module.partition(".")[0] != "lamina":
            yield name, method


def _names_in(code: CodeType) -> Iterator[str]:
    """Yield the names of attributes that a function and those within it use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _nearest(name: str) -> str | None:
    """Return the method that a name means, `None` if it may mean something else."""
    words = [word.removesuffix("s") for word in name.split("_")]
    words = [_WORDS.get(word, word) for word in words]
    # Other libraries have epochs of each kind.
    if {"train", "epoch"} <= set(words):
        words.remove("train")
    if {"test", "epoch"} <= set(words):
        words.remove("epoch")
    near = difflib.get_close_matches("_".join(words), _HOOKS, n=1, cutoff=_SIMILAR)
    return near[0] if near else None
