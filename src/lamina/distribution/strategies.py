"""Distributions: the layouts of variables and batches on a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from lamina.core.variable import Variable
from lamina.distribution.base import Distribution
from lamina.distribution.devices import Device, DeviceMesh, find_device, list_devices
from lamina.distribution.layouts import LayoutMap, TensorLayout
from lamina.errors import ArgumentError, invalid
from lamina.tracebacks import filter_traceback, warn

_BATCH = "batch"

# Devices for one call of `fit`: "all", a number, names, or a distribution.
DevicesLike: TypeAlias = "str | int | Sequence[str | Device] | Distribution | None"


class DataParallel(Distribution):
    """Distribution that gives each device a copy of the model and a part of a batch.

    Args:
        device_mesh: the devices, a mesh of one axis.
        devices: the devices, in place of a mesh; all of them by default.
        auto_shard_dataset: whether each process has all rows, and computes its part; if
            false, it has only its share, as with `local_data`.

    Example:
        >>> DataParallel(devices=["cpu:0"]).num_model_replicas
        1
    """

    @filter_traceback
    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str | Device] | None = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        mesh = _mesh(type(self).__name__, device_mesh, devices)
        if len(mesh.shape) != 1:
            warn(
                f"The mesh has the axes {mesh.axis_names}; batches are split along the "
                f"first one, {mesh.axis_names[0]!r}, and computed again along the "
                "others. Use a mesh of one axis."
            )
        super().__init__(mesh, mesh.axis_names[0], auto_shard_dataset)

    @property
    def num_model_replicas(self) -> int:
        """The number of copies of the model."""
        return self.device_mesh.devices.size


class ModelParallel(Distribution):
    """Distribution that splits the variables that a map names, and batches.

    Args:
        layout_map: the layouts of variables; those without one are copied.
        batch_dim_name: the axis of the mesh that batches are split along; the first
            one by default.
        auto_shard_dataset: whether each process has all rows, and computes its part; if
            false, it has only its share, as with `local_data`.

    Raises:
        ArgumentError: there is no map, or its mesh has no such axis.

    Example:
        >>> mesh = DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
        >>> layouts = LayoutMap(mesh)
        >>> layouts[".*kernel"] = (None, "model")
        >>> ModelParallel(layout_map=layouts).num_model_replicas
        1
    """

    splits_variables = True

    @filter_traceback
    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **_: object,
    ) -> None:
        if not isinstance(layout_map, LayoutMap):
            expected = "a LayoutMap"
            raise invalid("ModelParallel", "layout_map", layout_map, expected)
        self._layout_map = layout_map
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)

    def _rule(self, variable: Variable) -> TensorLayout | None:
        return self._mapped(variable.path)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout that the map has for a path, or `None`."""
        return self._mapped(path)


class FullySharded(Distribution):
    """Distribution that splits batches, and each variable and its optimizer state.

    Each device keeps a part of the model; a layer's weights are gathered where they
    are used. A variable is split along its largest dimension that the number of
    devices divides; one without such a dimension is copied to each device.

    Args:
        device_mesh: the devices.
        devices: the devices, in place of a mesh; all of them by default.
        layout_map: layouts along other axes of its mesh, in place of a mesh: the
            dimensions that they leave whole are split.
        auto_shard_dataset: whether each process has all rows, and computes its part; if
            false, it has only its share, as with `local_data`.

    Example:
        >>> FullySharded(devices=["cpu:0"])
        <FullySharded device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>

    Reference:
        Rajbhandari et al. 2020, "ZeRO: Memory optimizations toward training trillion
        parameter models" (stage 3).
    """  # noqa: E501

    splits_variables = True

    @filter_traceback
    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str | Device] | None = None,
        *,
        layout_map: LayoutMap | None = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        if layout_map is not None and (device_mesh is not None or devices is not None):
            raise ArgumentError(
                "FullySharded: the mesh is that of `layout_map`; pass no other."
            )
        self._layout_map = layout_map
        mesh = (
            _mesh("FullySharded", device_mesh, devices)
            if layout_map is None
            else layout_map.device_mesh
        )
        super().__init__(mesh, mesh.axis_names[0], auto_shard_dataset)

    def _rule(self, variable: Variable) -> TensorLayout:
        found = self._mapped(variable.path)
        axes: list[str | None] = (
            [None] * variable.ndim if found is None else [*found.axes]
        )
        if self._batch_dim_name not in axes:
            free = [
                i
                for i, size in enumerate(variable.shape)
                if axes[i] is None and size > 1 and size % self.num_shards == 0
            ]
            if free:
                largest = max(free, key=lambda i: variable.shape[i])
                axes[largest] = self._batch_dim_name
        return TensorLayout(axes, self._device_mesh)


def _mesh(
    owner: str,
    mesh: DeviceMesh | None,
    devices: Sequence[str | Device] | None,
) -> DeviceMesh:
    if mesh is not None and not isinstance(mesh, DeviceMesh):
        raise invalid(owner, "device_mesh", mesh, "a DeviceMesh")
    if mesh is not None:
        return mesh
    found = list_devices() if devices is None else list(devices)
    if not found:
        raise invalid(owner, "devices", devices, "at least one device")
    return DeviceMesh((len(found),), [_BATCH], found)


def distribution_of(devices: DevicesLike) -> Distribution:
    """Return the distribution that the argument `devices` of `fit` describes.

    Args:
        devices: "all", a number of devices, a list of their names, or a distribution.

    Raises:
        ArgumentError: there are no such devices.

    Example:
        >>> distribution_of(1).num_model_replicas
        1
    """
    if isinstance(devices, Distribution):
        return devices
    known = list_devices()
    if isinstance(devices, int) and 0 < devices <= len(known):
        return DataParallel(devices=known[:devices])
    if devices == "all":
        return DataParallel(devices=known)
    if isinstance(devices, (list, tuple)):
        return DataParallel(devices=[find_device(name) for name in devices])
    expected = (
        f"'all', a number up to {len(known)}, a list of some of {known}, or a "
        "lamina.distribution.Distribution"
    )
    raise invalid("fit", "devices", devices, expected)
