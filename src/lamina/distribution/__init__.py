"""Training on several devices: meshes, layouts of variables, and distributions."""

from __future__ import annotations

from lamina.distribution.base import Distribution, distribution, set_distribution
from lamina.distribution.devices import DeviceMesh, get_device_count, list_devices
from lamina.distribution.layouts import LayoutMap, TensorLayout, distribute_tensor
from lamina.distribution.local_data import local_data
from lamina.distribution.processes import initialize
from lamina.distribution.shards import visualize
from lamina.distribution.strategies import (
    DataParallel,
    FullySharded,
    ModelParallel,
)

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "FullySharded",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "local_data",
    "set_distribution",
    "visualize",
]


def __dir__() -> list[str]:
    return __all__
