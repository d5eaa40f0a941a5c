"""Functions of `keras.distribution`: lamina trains on one device."""

from __future__ import annotations

import jax

__all__ = ["distribution", "list_devices"]


def distribution() -> None:
    """Return `None`: no distribution is set."""


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the names of the devices that JAX sees, such as "cpu:0".

    Args:
        device_type: "cpu", "gpu" or "tpu"; the type in use by default.
    """
    return [f"{d.platform}:{d.id}" for d in jax.devices(device_type)]
