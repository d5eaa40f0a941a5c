"""Devices, and meshes of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Mesh

from lamina.core.check import Check, check_arguments, one_of, optional
from lamina.errors import ArgumentError, invalid
from lamina.tracebacks import filter_traceback


class Device(Protocol):
    """Protocol of a JAX device."""

    @property
    def platform(self) -> str:
        """The kind of device, such as "gpu"."""
        ...

    @property
    def id(self) -> int:
        """The number of the device."""
        ...


_TYPE = {"device_type": optional(one_of("cpu", "gpu", "tpu"))}
_NAMES = Check(
    "a list of different names",
    lambda v: (
        isinstance(v, (list, tuple))
        and all(isinstance(name, str) and name for name in v)
        and len(set(v)) == len(v) > 0
    ),
    (["batch", "batch"], [], "batch", [1]),
)
_SHAPE = Check(
    "a tuple of positive integers",
    lambda v: (
        isinstance(v, (list, tuple))
        and all(isinstance(n, (int, np.integer)) and n > 0 for n in v)
        and len(v) > 0
    ),
    ((), (0,), (2, -1), 8),
)


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the names of all devices of a type, those of other hosts included.

    Args:
        device_type: "cpu", "gpu" or "tpu"; by default "gpu" or "tpu" if there are
            some, else "cpu".

    Returns:
        Names such as "gpu:1".

    Raises:
        ArgumentError: the type is unknown, or there is no such device.

    Example:
        >>> list_devices("cpu")[0]
        'cpu:0'
    """
    found = _devices("list_devices", device_type)
    return [f"{device.platform}:{device.id}" for device in found]


def get_device_count(device_type: str | None = None) -> int:
    """Return the number of devices of a type, those of other hosts included.

    Args:
        device_type: "cpu", "gpu" or "tpu"; by default "gpu" or "tpu" if there are
            some, else "cpu".

    Raises:
        ArgumentError: the type is unknown, or there is no such device.

    Example:
        >>> get_device_count("cpu") == len(list_devices("cpu"))
        True
    """
    return len(_devices("get_device_count", device_type))


def _devices(owner: str, device_type: str | None) -> list[Any]:
    check_arguments(owner, _TYPE, {"device_type": device_type})
    try:
        return jax.devices(device_type and device_type.lower())
    except RuntimeError:
        known = sorted({d.platform for d in jax.devices()} | {"cpu"})
        expected = f"one of {', '.join(known)}"
        raise invalid(owner, "device_type", device_type, expected) from None


class DeviceMesh:
    """Devices in an array, whose axes have names.

    Args:
        shape: number of devices along each axis, such as `(2, 4)`.
        axis_names: a name for each axis, such as `["batch", "model"]`.
        devices: names of the devices, or JAX devices; all of them by default.

    Raises:
        ArgumentError: the numbers of axes, names or devices do not fit together.

    Example:
        >>> DeviceMesh((1,), ["batch"], devices=["cpu:0"])
        <DeviceMesh shape=(1,), axis_names=['batch']>
    """

    @filter_traceback
    def __init__(
        self,
        shape: Sequence[int],
        axis_names: Sequence[str],
        devices: Sequence[str | Device] | np.ndarray | None = None,
    ) -> None:
        given = {"shape": shape, "axis_names": axis_names}
        check_arguments("DeviceMesh", {"shape": _SHAPE, "axis_names": _NAMES}, given)
        if len(shape) != len(axis_names):
            raise ArgumentError(
                "DeviceMesh: `shape` and `axis_names` need the same length. "
                f"Received: shape={tuple(shape)}, axis_names={list(axis_names)}."
            )
        found = np.array(list_devices() if devices is None else devices)
        if found.size != math.prod(shape):
            raise _wrong_number(shape, found.size, devices is None)
        self._shape, self._axis_names = tuple(shape), list(axis_names)
        self._devices = found.reshape(self._shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of devices along each axis."""
        return self._shape

    @property
    def axis_names(self) -> list[str]:
        """The names of the axes."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray:
        """The devices as they were given, in an array of the mesh's shape."""
        return self._devices

    @functools.cached_property
    def backend_mesh(self) -> Mesh:
        """The mesh as a `jax.sharding.Mesh`.

        Raises:
            ArgumentError: there is no such device, or none of them is of this process.
        """
        found = [find_device(device) for device in self._devices.flat]
        if not any(device.process_index == jax.process_index() for device in found):
            raise ArgumentError(
                f"Process {jax.process_index()} has none of the devices "
                f"{[str(d) for d in self._devices.flat]}. Pass devices of all "
                "processes, as in devices='all'."
            )
        devices = np.array(found, object).reshape(self._shape)
        return Mesh(devices, tuple(self._axis_names))

    def size_of(self, axis_name: str) -> int:
        """Return the number of devices along an axis."""
        return self._shape[self._axis_names.index(axis_name)]

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


def find_device(device: str | Device) -> Any:
    """Return a JAX device by its name, such as "cpu:0".

    Args:
        device: a name, or a device.

    Raises:
        ArgumentError: there is no such device.
    """
    if isinstance(device, jax.Device):
        return device
    platform, _, number = str(device).lower().partition(":")
    try:
        found = {d.id: d for d in jax.devices(platform)}
        return found[int(number or 0)]
    except (RuntimeError, KeyError, ValueError):
        known = ", ".join(list_devices())
        raise invalid(
            "DeviceMesh", "devices", str(device), f"names of devices: {known}"
        ) from None


def _wrong_number(shape: Sequence[int], count: int, default: bool) -> ArgumentError:
    wanted = math.prod(shape)
    if default and wanted < count:
        advice = (
            f"To use some of them, pass `devices=lamina.distribution.list_devices()"
            f"[:{wanted}]`."
        )
    elif default:
        advice = (
            f"The largest mesh of this machine has {count}. On a CPU, set the "
            f"environment variable XLA_FLAGS=--xla_force_host_platform_device_count="
            f"{wanted} before JAX is imported to try a program with {wanted} devices."
        )
    else:
        advice = "The product of the sizes is the number of devices."
    there = "there are" if default else "`devices` has"
    return ArgumentError(
        f"DeviceMesh: the shape {tuple(shape)} needs {wanted} devices, but {there} "
        f"{count}. {advice}"
    )
