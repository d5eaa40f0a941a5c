"""Attributes that user code assigns while it is traced.

A tracer is not valid after its trace. A call inside a program of lamina's may store
tracers in attributes: after the trace the attributes are restored, and after the
program has run they hold the values that it computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jax.core import Tracer

from lamina.core.module import Module, all_modules
from lamina.core.scope import local
from lamina.core.tracing.trace_state import trace_state
from lamina.core.tracing.tracers import (
    HOLDERS,
    map_tracers,
    tracers_in,
    without_tracers,
)
from lamina.typing import PyTree


class StoredAttributes:
    """Context manager in a traced function that lets attributes hold tracers.

    At its end the attributes are restored. For each attribute that was assigned in the
    trace of this block, `tracers` has the tracers of its value, and `stored` a function
    that assigns the value with arrays in place of those tracers.

    Args:
        roots: the modules that are called, with all below them.
    """

    def __init__(self, roots: Iterable[Module]) -> None:
        self._roots = list(roots)
        self.stored: list[Callable[[Sequence[Any]], None]] = []
        self.tracers: list[list[Any]] = []

    def __enter__(self) -> StoredAttributes:
        self._before = {id(m): (m, dict(vars(m))) for m in all_modules(self._roots)}
        # An outer trace may have stored tracers already.
        self._known = {
            id(tracer)
            for _, attributes in self._before.values()
            for value in attributes.values()
            if isinstance(value, HOLDERS)
            for tracer in tracers_in(value)
        }
        self._trace = trace_state()
        self._outer, local.stores = local.stores, {}
        return self

    def __exit__(self, *_: object) -> None:
        stores, local.stores = local.stores or {}, self._outer
        for module in all_modules(self._roots):
            for name, value in list(vars(module).items()):
                if not isinstance(value, HOLDERS):
                    continue
                if all(id(tracer) in self._known for tracer in tracers_in(value)):
                    continue
                if stores.get((id(module), name)) == self._trace:
                    self.stored.append(_assignment(module, name, value))
                    self.tracers.append(list(tracers_in(value)))
                self._restore(module, name, value)

    def _restore(self, module: Module, name: str, value: PyTree) -> None:
        # A module created in the trace has no earlier value: only remove its tracers.
        _, before = self._before.get(id(module), (module, {name: value}))
        old = without_tracers(before.get(name), self._known)
        if name in before and not isinstance(old, Tracer):
            module.__dict__[name] = old
        else:
            del module.__dict__[name]


def _assignment(module: Module, name: str, value: PyTree) -> Callable[[Any], None]:
    placeholder = object()
    template = map_tracers(lambda _: placeholder, value)

    def assign(arrays: Sequence[Any]) -> None:
        rest = iter(arrays)
        module.__dict__[name] = map_tracers(
            lambda _: next(rest), template, lambda v: v is placeholder
        )

    return assign
