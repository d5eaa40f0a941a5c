"""State of JAX's tracing in the calling thread.

`jax.extend` is imported on first use: it loads Pallas, 20 ms of `import lamina`.
"""

from __future__ import annotations

import functools
from threading import Thread
from typing import Any

import jax


def default_device() -> Any:
    """Return the device or platform that `jax.default_device` selects, or `None`."""
    return jax.config.jax_default_device  # type: ignore[attr-defined]


def platform() -> str:
    """Return the platform on which this thread computes, such as "cpu" or "gpu"."""
    device = default_device() or jax.default_backend()
    return device if isinstance(device, str) else device.platform


def trace_state() -> object:
    """Return an object that differs between two transformations of JAX."""
    from jax.extend.core import get_opaque_trace_state

    return get_opaque_trace_state()


@functools.cache
def _eager_state() -> object:
    states: list[object] = []
    thread = Thread(target=lambda: states.append(trace_state()))  # it traces nothing
    thread.start()
    thread.join()
    return states[0]


def is_tracing() -> bool:
    """Return whether JAX is transforming a function, of lamina or of the user."""
    return trace_state() != _eager_state()
