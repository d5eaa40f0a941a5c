"""Functions of `tensorflow.config`: JAX finds and manages devices itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax


class PhysicalDevice(NamedTuple):
    """A device that JAX sees.

    Args:
        name: its name.
        device_type: "CPU", "GPU" or "TPU".
    """

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the devices of a type, or all."""
    names = {"cpu": "CPU", "gpu": "GPU", "cuda": "GPU", "tpu": "TPU"}
    devices = [
        PhysicalDevice(f"/physical_device:{kind}:{device.id}", kind)
        for device in jax.devices()
        for kind in [names.get(str(device.platform), str(device.platform).upper())]
    ]
    return [d for d in devices if device_type in (None, d.device_type)]


list_logical_devices = list_physical_devices


def run_functions_eagerly(run_eagerly: Any) -> None:
    """Do nothing: functions outside of models run eagerly."""
