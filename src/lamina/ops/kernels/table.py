"""Registry of kernels, and the dispatch of an op to one of them.

Every op in the registry has a reference kernel, written in plain JAX beside the op. A
faster kernel is a function of the same call under `@register_kernel`, in a file of its
platform's folder; `tests/laws/test_kernels.py` compares each with the reference. An
op calls `dispatch`, which selects the kernel at trace time: a compiled program contains
the selected kernel only, so dispatch costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from lamina import config
from lamina.core.scope import local
from lamina.core.tracing.trace_state import platform
from lamina.errors import ArgumentError, did_you_mean
from lamina.ops.kernels import autotune
from lamina.runtime.compile_cache import exclude_from_cache
from lamina.runtime.executable import is_in_process_compile
from lamina.runtime.placement import is_spread

F = TypeVar("F", bound=Callable[..., Any])


def _always(_: object) -> bool:
    return True


class Kernel(NamedTuple):
    """Implementation of an op.

    Its functions take the arguments of a call as one object, a named tuple of `calls`.

    Args:
        op: name of the op.
        name: name of the kernel.
        run: computes the op.
        reason: one sentence that says why it is preferred.
        platform: the JAX backend it runs on; `None` for every one.
        supports: returns whether `run` is correct for the op's arguments.
        is_preferred: returns whether it is expected to be the fastest for them.
        autotuned: whether it is timed against the op's other autotuned kernels.
        in_process_call: target of a custom call in the kernel that XLA cannot
            serialize. Only programs compiled and run in this process get the kernel.
    """

    op: str
    name: str
    run: Callable[[Any], Any]
    reason: str
    platform: str | None = None
    supports: Callable[[Any], bool] = _always
    is_preferred: Callable[[Any], bool] = _always
    autotuned: bool = False
    in_process_call: str | None = None

    def is_applicable(self, call: object) -> bool:
        """Return whether the kernel is correct for a call that is being traced."""
        # XLA cannot split a custom call among devices.
        is_allowed = self.in_process_call is None or (
            is_in_process_compile() and not is_spread()
        )
        return is_allowed and self.supports(call)


class Choice(NamedTuple):
    """Kernel that a call of an op selected, and the reason.

    Example:
        >>> model = lamina.Sequential([lamina.Input((8,)), lamina.layers.Dense(4)])
        >>> lamina.kernels.choices(model)[0].op
        'matmul'
    """

    path: tuple[str, ...]  # of the layer that called the op
    op: str
    kernel: str
    reason: str


_kernels: dict[str, list[Kernel]] = {}
_choices: ContextVar[list[Choice] | None] = ContextVar("choices", default=None)


def register_reference(op: str) -> Callable[[F], F]:
    """Register a function as the kernel for every platform and every argument."""

    def register(function: F) -> F:
        reason = "No faster kernel supports these arguments."
        kernel = Kernel(op, "reference", function, reason)
        _kernels.setdefault(op, []).append(kernel)
        return function

    return register


def register_kernel(
    op: str,
    platform: str,
    reason: str,
    *,
    name: str | None = None,
    when: Callable[[Any], bool] = _always,
    supports: Callable[[Any], bool] = _always,
    autotuned: bool = False,
    in_process_call: str | None = None,
) -> Callable[[F], F]:
    """Register a function as a kernel; `dispatch` tries kernels in this order.

    Args:
        op: name of the op.
        platform: a JAX backend, such as "cpu".
        reason: one sentence that says why the kernel is preferred.
        name: name of the kernel; that of the function by default.
        when: returns whether it is expected to be faster for the op's arguments.
        supports: returns whether it is correct for them.
        autotuned: whether it is timed against the op's other autotuned kernels where
            `dispatch` would select one of them.
        in_process_call: target of a custom call in the kernel that XLA cannot
            serialize. Only programs compiled and run in this process get the kernel.
    """
    if in_process_call is not None:
        exclude_from_cache(in_process_call)

    def register(function: F) -> F:
        kernel = Kernel(
            op=op,
            name=name or function.__name__,
            run=function,
            reason=reason,
            platform=platform,
            supports=supports,
            is_preferred=when,
            autotuned=autotuned,
            in_process_call=in_process_call,
        )
        _kernels.setdefault(op, []).append(kernel)
        return function

    return register


def ops() -> list[str]:
    """Return the names of the ops that have kernels."""
    return sorted(_kernels)


def kernels_of(op: str) -> list[Kernel]:
    """Return an op's kernels in the order of dispatch.

    Library calls are first, as they support the fewest arguments, the reference last.
    """

    def order(kernel: Kernel) -> tuple[bool, bool]:
        return kernel.platform is None, kernel.in_process_call is None

    return sorted(_kernels[op], key=order)


def dispatch(op: str, call: object) -> Any:
    """Compute an op with the kernel that suits its arguments."""
    choices = _choices.get()
    if local.infers_shapes and choices is None:
        # All kernels return the same shapes; the reference is the fastest to trace.
        return kernels_of(op)[-1].run(call)
    kernel, reason = _select(op, call)
    if choices is not None:
        path = local.call.path if local.call else ()
        choices.append(Choice(path, op, kernel.name, reason))
    return kernel.run(call)


def _select(op: str, call: Any) -> tuple[Kernel, str]:
    forced = config.kernel(op)
    if forced is not None:
        kernel = _find(op, forced)
        if kernel.is_applicable(call):
            return kernel, "Set by config.set_kernel."
        return kernels_of(op)[-1], f"{forced!r} does not support these arguments."
    platforms = None, platform()
    supported = [
        k for k in kernels_of(op) if k.platform in platforms and k.is_applicable(call)
    ]
    kernel = next(k for k in supported if k.is_preferred(call))
    rivals = [k for k in supported if k.autotuned and k is not kernel]
    if kernel.autotuned and rivals:
        name = autotune.find_fastest(op, [kernel, *rivals], call)
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
