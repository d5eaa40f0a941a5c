"""Tracers in what user code has stored."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from jax.core import Tracer

__all__ = ["map_tracers", "tracers_in", "without_tracers"]


def tracers_in(value: Any) -> Iterator[Any]:
    """The tracers in nested lists, tuples and dictionaries."""
    stack: list[Any] = [value]
    seen: set[int] = set()  # a container may hold itself
    while stack:
        item = stack.pop()
        if isinstance(item, Tracer):
            yield item
        elif isinstance(item, (list, tuple, dict)) and id(item) not in seen:
            seen.add(id(item))
            stack.extend(item.values() if isinstance(item, dict) else item)


def map_tracers(
    function: Callable[[Any], Any],
    value: Any,
    is_place: Callable[[Any], bool] = lambda v: isinstance(v, Tracer),
) -> Any:
    """The same lists, tuples and dictionaries, each tracer replaced."""
    if is_place(value):
        return function(value)
    if isinstance(value, dict):
        return {k: map_tracers(function, v, is_place) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [map_tracers(function, v, is_place) for v in value]
        named = hasattr(value, "_fields")
        return type(value)(*items) if named else type(value)(items)
    return value


def without_tracers(value: Any, known: Container[int] = ()) -> Any:
    """The value, or if tracers are in it, a copy without them.

    Args:
        value: lists, tuples and dictionaries, or anything else.
        known: `id` of tracers that stay.
    """
    if all(id(tracer) in known for tracer in tracers_in(value)):
        return value
    if isinstance(value, dict):
        items = {k: v for k, v in value.items() if _stays(v, known)}
        return {k: without_tracers(v, known) for k, v in items.items()}
    if isinstance(value, (list, tuple)):
        return [without_tracers(v, known) for v in value if _stays(v, known)]
    return value


def _stays(value: Any, known: Container[int]) -> bool:
    return not isinstance(value, Tracer) or id(value) in known
