"""Find and replace tracers in nested containers."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from jax.core import Tracer

from lamina.typing import PyTree

CONTAINERS = (list, tuple, dict)
HOLDERS = (Tracer, *CONTAINERS)
"""Types of values in which `tracers_in` finds tracers."""


def tracers_in(value: PyTree) -> Iterator[Any]:
    """Yield the tracers in nested lists, tuples and dictionaries."""
    stack: list[Any] = [value]
    seen: set[int] = set()  # a container may hold itself
    while stack:
        item = stack.pop()
        if isinstance(item, Tracer):
            yield item
        elif isinstance(item, CONTAINERS) and id(item) not in seen:
            seen.add(id(item))
            stack.extend(item.values() if isinstance(item, dict) else item)


def map_tracers(
    function: Callable[[Any], Any],
    value: PyTree,
    is_target: Callable[[Any], bool] = lambda v: isinstance(v, Tracer),
) -> Any:
    """Return nested containers in which each tracer is replaced by a function of it."""
    if is_target(value):
        return function(value)
    if isinstance(value, dict):
        return {k: map_tracers(function, v, is_target) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [map_tracers(function, v, is_target) for v in value]
        named = hasattr(value, "_fields")
        return type(value)(*items) if named else type(value)(items)
    return value


def without_tracers(value: PyTree, known: Container[int] = ()) -> Any:
    """Return a value, or a copy without tracers if it contains any.

    Args:
        value: lists, tuples and dictionaries, or any other value.
        known: `id` of tracers that are kept.
    """
    if all(id(tracer) in known for tracer in tracers_in(value)):
        return value
    if isinstance(value, dict):
        items = {k: v for k, v in value.items() if _is_kept(v, known)}
        return {k: without_tracers(v, known) for k, v in items.items()}
    if isinstance(value, (list, tuple)):
        return [without_tracers(v, known) for v in value if _is_kept(v, known)]
    return value


def _is_kept(value: PyTree, known: Container[int]) -> bool:
    return not isinstance(value, Tracer) or id(value) in known
