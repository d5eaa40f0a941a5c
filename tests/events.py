"""Events of JAX while a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

COMPILATION = "backend_compile_duration"
LOWERING = "jaxpr_to_mlir_module_duration"


@contextmanager
def recorded_events(kind: str) -> Iterator[list[str]]:
    """Collect the events of a kind inside the block."""
    events: list[str] = []

    def listen(event: str, _: float, **__: object) -> None:
        if event.endswith(kind):
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
