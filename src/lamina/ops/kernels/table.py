"""The table of forms: which one of an op runs, by platform, shapes and parameters.

Every op in the table has one reference form, written in plain JAX beside the op. A
faster form is a function of the same arguments under `@lowering`, in a file of its
platform's folder; `tests/laws/test_kernels.py` compares each with its reference. An op
asks `call` for the form to run, at trace time: a compiled program holds the form
itself, and choosing costs it nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import jax

from lamina import config
from lamina.core.scope import local
from lamina.errors import ArgumentError, did_you_mean
from lamina.ops.kernels import autotune as tuning

__all__ = [
    "Choice",
    "Kernel",
    "call",
    "kernels_of",
    "kernel",
    "ops",
    "recording",
    "reference",
]

F = TypeVar("F", bound=Callable[..., Any])


class Kernel(NamedTuple):
    """One way to compute an op."""

    op: str
    name: str
    platform: str | None  # None: every platform
    run: Callable[..., Any]
    can: Callable[..., bool]
    when: Callable[..., bool]
    close: bool = False

    @property
    def reason(self) -> str:
        """When the form is worth it, in words: what `when` is documented as."""
        return inspect.cleandoc(self.when.__doc__ or "").rstrip(".")


class Choice(NamedTuple):
    """Which form a call got, and why."""

    path: tuple[str, ...]  # of the layer that called the op
    op: str
    form: str
    reason: str


_table: dict[str, list[Kernel]] = {}
_choices: ContextVar[list[Choice] | None] = ContextVar("choices", default=None)


def _always(*_: Any) -> bool:
    """no faster form is known for these arguments"""
    return True


def reference(op: str) -> Callable[[F], F]:
    """Make a function the form of an op that every platform and argument can use."""

    def register(function: F) -> F:
        form = Kernel(op, "reference", None, function, _always, _always)
        _table.setdefault(op, []).append(form)
        return function

    return register


def kernel(
    op: str,
    platform: str,
    when: Callable[..., bool],
    can: Callable[..., bool] = _always,
    close: bool = False,
) -> Callable[[F], F]:
    """Add a form of an op; the first that can run and is worth it is chosen.

    Args:
        op: the op's name in the table.
        platform: a JAX backend, such as "cpu".
        when: whether the form is worth it for the op's arguments; its docstring is
            the reason that users read.
        can: whether the form gives the right result for them at all.
        close: whether it is to be timed against the op's other close forms, where
            the rules choose one of them.
    """

    def register(function: F) -> F:
        name = function.__name__
        form = Kernel(op, name, platform, function, can, when, close)
        _table.setdefault(op, []).append(form)
        return function

    return register


def ops() -> list[str]:
    """The ops in the table."""
    return sorted(_table)


def kernels_of(op: str) -> list[Kernel]:
    """An op's forms in the order in which they are considered, the reference last."""
    return sorted(_table[op], key=lambda form: form.platform is None)


def call(op: str, *args: Any) -> Any:
    """The op's result for these arguments, in the form that suits them."""
    form, reason = _choose(op, args)
    choices = _choices.get()
    if choices is not None:
        path = local.call.path if local.call else ()
        choices.append(Choice(path, op, form.name, reason))
    return form.run(*args)


def _choose(op: str, args: tuple[Any, ...]) -> tuple[Kernel, str]:
    forced = config.kernel(op)
    if forced is not None:
        form = _named(op, forced)
        if form.can(*args):
            return form, "forced by config.set_kernel"
        return kernels_of(op)[-1], f"{forced!r} can't run on these arguments"
    here = None, jax.default_backend()
    able = [f for f in kernels_of(op) if f.platform in here and f.can(*args)]
    form = next(f for f in able if f.when(*args))
    rivals = [f for f in able if f.close and f is not form] if form.close else []
    if rivals:
        name = tuning.fastest(op, [form, *rivals], args)
        if name is not None:
            return _named(op, name), "the fastest when timed on this machine"
    return form, form.reason


def _named(op: str, name: str) -> Kernel:
    known = {form.name: form for form in kernels_of(op)}
    if name not in known:
        raise ArgumentError(
            f"config.set_kernel: {op!r} has no form {name!r}."
            f"{did_you_mean(name, known)} Its forms are: {', '.join(known)}."
        )
    return known[name]


@contextmanager
def recording() -> Iterator[list[Choice]]:
    """Collect which forms are chosen by what is traced inside the block."""
    choices: list[Choice] = []
    token = _choices.set(choices)
    try:
        yield choices
    finally:
        _choices.reset(token)
