"""Functions of `tensorflow.config`: JAX finds and manages devices itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from lamina.compat.tensorflow.recording.function import (
    functions_run_eagerly as functions_run_eagerly,
)
from lamina.compat.tensorflow.recording.function import (
    run_functions_eagerly as run_functions_eagerly,
)

experimental_run_functions_eagerly = run_functions_eagerly
experimental_functions_run_eagerly = functions_run_eagerly


def experimental_connect_to_cluster(*_: object, **__: object) -> None:
    """Do nothing: JAX has found its devices."""


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


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the devices of a type, or all."""
    return list_physical_devices(device_type)


list_logical_devices = get_visible_devices


def set_visible_devices(devices: object, device_type: str | None = None) -> None:
    """Do nothing: JAX has found its devices."""


def set_soft_device_placement(enabled: bool) -> None:
    """Do nothing: JAX places arrays."""


def get_soft_device_placement() -> bool:
    """Return true: JAX places arrays."""
    return True


def set_logical_device_configuration(device: object, logical_devices: object) -> None:
    """Do nothing: devices are not divided."""


def get_logical_device_configuration(device: object) -> None:
    """Return `None`: devices are not divided."""


class LogicalDeviceConfiguration(NamedTuple):
    """Memory of a part of a device, without effect.

    Args:
        memory_limit: number of megabytes.
    """

    memory_limit: int | None = None


class Device(NamedTuple):
    """A device that JAX sees, as `device_lib.list_local_devices` describes it."""

    name: str
    device_type: str
    physical_device_desc: str


def list_local_devices(session_config: object = None) -> list[Device]:
    """Return the devices that JAX sees."""
    found = [(d.name.replace("physical_", ""), d) for d in list_physical_devices()]
    return [Device(name, d.device_type, f"device: {name}") for name, d in found]


class _Experimental:
    """Functions of `tensorflow.config.experimental`."""

    list_physical_devices = staticmethod(list_physical_devices)
    list_logical_devices = staticmethod(list_physical_devices)
    get_visible_devices = staticmethod(list_physical_devices)
    set_visible_devices = staticmethod(set_visible_devices)
    set_virtual_device_configuration = staticmethod(set_logical_device_configuration)
    get_virtual_device_configuration = staticmethod(get_logical_device_configuration)
    LogicalDeviceConfiguration = LogicalDeviceConfiguration
    VirtualDeviceConfiguration = LogicalDeviceConfiguration

    @staticmethod
    def get_device_details(device: PhysicalDevice) -> dict[str, Any]:
        """Return the name of a device."""
        return {"device_name": device.name}

    @staticmethod
    def reset_memory_stats(device: str) -> None:
        """Do nothing: JAX counts from its start."""

    @staticmethod
    def set_memory_growth(device: object, enable: bool) -> None:
        """Do nothing: JAX allocates memory by its own settings."""

    @staticmethod
    def enable_op_determinism() -> None:
        """Do nothing: `lamina.config.enable_determinism()` does this."""

    @staticmethod
    def get_memory_info(device: str) -> dict[str, Any]:
        """Return the bytes in use on the first device."""
        stats = jax.local_devices()[0].memory_stats() or {}
        return {
            "current": stats.get("bytes_in_use", 0),
            "peak": stats.get("peak_bytes_in_use", 0),
        }


class _Threading:
    """Functions of `tensorflow.config.threading`."""

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads: int) -> None:
        """Do nothing: XLA uses all cores."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads: int) -> None:
        """Do nothing: XLA uses all cores."""


class _Optimizer:
    """Functions of `tensorflow.config.optimizer`."""

    @staticmethod
    def set_jit(enabled: object) -> None:
        """Do nothing: XLA compiles all programs."""

    @staticmethod
    def get_experimental_options() -> dict[str, Any]:
        """Return no options."""
        return {}

    @staticmethod
    def set_experimental_options(options: object) -> None:
        """Do nothing: XLA optimizes all programs."""


experimental, threading, optimizer = _Experimental(), _Threading(), _Optimizer()
