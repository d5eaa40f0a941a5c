"""Selection of the device on which arrays are created."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

from lamina.errors import invalid

_PLATFORMS = ("cpu", "gpu", "cuda", "rocm", "tpu", "metal")


def _find(name: str) -> Any:
    platform, _, number = (
        str(name).lower().strip("/").rpartition("device:")[-1].partition(":")
    )
    known = ", ".join(f"{d.platform}:{d.id}" for d in jax.devices())
    expected = f"a platform and a number, as in 'gpu:0'. Available: {known}"
    if platform not in _PLATFORMS or not (number or "0").isdigit():
        raise invalid("device", "device_name", name, expected)
    try:
        return jax.devices(platform)[int(number or 0)]
    except (RuntimeError, IndexError):
        raise invalid("device", "device_name", name, expected) from None


@contextmanager
def device(device_name: str) -> Iterator[None]:
    """Create arrays and variables on a device inside this block.

    Args:
        device_name: platform and number, such as `"gpu:0"` or `"cpu"`.

    Raises:
        ArgumentError: there is no such device.

    Example:
        >>> import jax.numpy as jnp
        >>> with device("cpu:0"):
        ...     print(jnp.ones(2).devices().pop().platform)
        cpu
    """
    with jax.default_device(_find(device_name)):
        yield
