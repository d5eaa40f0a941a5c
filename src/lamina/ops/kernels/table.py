"""Registry of kernels, and the dispatch of an op to one of them.

Every op in the registry has a reference kernel, written in plain JAX beside the op. A
faster kernel is a function of the same arguments under `@register_kernel`, in a file of
its platform's folder; `tests/laws/test_kernels.py` compares each with the reference. An
op calls `dispatch`, which selects the kernel at trace time: a compiled program contains
the selected kernel only, so dispatch costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import jax

from lamina import config
from lamina.core.scope import local
from lamina.errors import ArgumentError, did_you_mean
from lamina.ops.kernels import autotune

F = TypeVar("F", bound=Callable[..., Any])


class Kernel(NamedTuple):
    """Implementation of an op.

    Args:
        op: name of the op.
        name: name of the kernel.
        platform: the JAX backend it runs on; `None` for every one.
        run: computes the op.
        supports: returns whether `run` is correct for the op's arguments.
        is_preferred: returns whether it is expected to be the fastest for them.
        reason: one sentence that says why it is preferred.
        autotuned: whether it is timed against the op's other autotuned kernels.
    """

    op: str
    name: str
    platform: str | None
    run: Callable[..., Any]
    supports: Callable[..., bool]
    is_preferred: Callable[..., bool]
    reason: str
    autotuned: bool = False


class Choice(NamedTuple):
    """Kernel that a call of an op selected, and the reason."""

    path: tuple[str, ...]  # of the layer that called the op
    op: str
    form: str
    reason: str


_kernels: dict[str, list[Kernel]] = {}
_choices: ContextVar[list[Choice] | None] = ContextVar("choices", default=None)


def _always(*_: Any) -> bool:
    return True


def register_reference(op: str) -> Callable[[F], F]:
    """Register a function as the kernel for every platform and every argument."""

    def register(function: F) -> F:
        reason = "No faster kernel supports these arguments."
        kernel = Kernel(op, "reference", None, function, _always, _always, reason)
        _kernels.setdefault(op, []).append(kernel)
        return function

    return register


def register_kernel(
    op: str,
    platform: str,
    reason: str,
    when: Callable[..., bool] = _always,
    supports: Callable[..., bool] = _always,
    autotuned: bool = False,
) -> Callable[[F], F]:
    """Register a function as a kernel; `dispatch` tries kernels in this order.

    Args:
        op: name of the op.
        platform: a JAX backend, such as "cpu".
        reason: one sentence that says why the kernel is preferred.
        when: returns whether it is expected to be faster for the op's arguments.
        supports: returns whether it is correct for them.
        autotuned: whether it is timed against the op's other autotuned kernels where
            `dispatch` would select one of them.
    """

    def register(function: F) -> F:
        name = function.__name__
        kernel = Kernel(op, name, platform, function, supports, when, reason, autotuned)
        _kernels.setdefault(op, []).append(kernel)
        return function

    return register


def ops() -> list[str]:
    """Return the names of the ops that have kernels."""
    return sorted(_kernels)


def kernels_of(op: str) -> list[Kernel]:
    """Return an op's kernels in the order of dispatch, the reference last."""
    return sorted(_kernels[op], key=lambda kernel: kernel.platform is None)


def dispatch(op: str, *args: Any) -> Any:
    """Compute an op with the kernel that suits its arguments."""
    kernel, reason = _select(op, args)
    choices = _choices.get()
    if choices is not None:
        path = local.call.path if local.call else ()
        choices.append(Choice(path, op, kernel.name, reason))
    return kernel.run(*args)


def _select(op: str, args: tuple[Any, ...]) -> tuple[Kernel, str]:
    forced = config.kernel(op)
    if forced is not None:
        kernel = _find(op, forced)
        if kernel.supports(*args):
            return kernel, "Set by config.set_kernel."
        return kernels_of(op)[-1], f"{forced!r} does not support these arguments."
    platforms = None, jax.default_backend()
    supported = [
        k for k in kernels_of(op) if k.platform in platforms and k.supports(*args)
    ]
    kernel = next(k for k in supported if k.is_preferred(*args))
    rivals = [k for k in supported if k.autotuned and k is not kernel]
    if kernel.autotuned and rivals:
        name = autotune.find_fastest(op, [kernel, *rivals], args)
        if name is not None:
            return _find(op, name), "Timed as the fastest on this machine."
    return kernel, kernel.reason


def _find(op: str, name: str) -> Kernel:
    known = {kernel.name: kernel for kernel in kernels_of(op)}
    if name not in known:
        raise ArgumentError(
            f"config.set_kernel: the op {op!r} has no kernel {name!r}."
            f"{did_you_mean(name, known)} Its kernels are: {', '.join(known)}."
        )
    return known[name]


@contextmanager
def recording() -> Iterator[list[Choice]]:
    """Collect the kernels selected by ops that are traced inside the block."""
    choices: list[Choice] = []
    token = _choices.set(choices)
    try:
        yield choices
    finally:
        _choices.reset(token)
