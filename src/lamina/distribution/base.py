"""Base of distributions, and the one in use."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lamina.core.variable import Variable
from lamina.distribution.devices import DeviceMesh
from lamina.distribution.layouts import LayoutMap, TensorLayout
from lamina.errors import AdviceWarning, invalid
from lamina.runtime import placement
from lamina.tracebacks import filter_traceback, warn


class Distribution:
    """Base class of distributions.

    Args:
        device_mesh: the devices.
        batch_dim_name: the axis of the mesh that batches are split along.
        auto_shard_dataset: whether each process has all rows, and computes its part; if
            false, it has only its share, as with `local_data`.

    Raises:
        ArgumentError: the mesh has no such axis.

    Example:
        >>> Distribution(DeviceMesh((1,), ["batch"], ["cpu:0"])).batch_dim_name
        'batch'
    """

    splits_variables = False
    _layout_map: LayoutMap | None = None

    @filter_traceback
    def __init__(
        self,
        device_mesh: DeviceMesh,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        names = device_mesh.axis_names
        if batch_dim_name is not None and batch_dim_name not in names:
            raise invalid(
                type(self).__name__, "batch_dim_name", batch_dim_name, f"one of {names}"
            )
        self._device_mesh = device_mesh
        self._batch_dim_name = batch_dim_name or names[0]
        self.auto_shard_dataset = auto_shard_dataset
        # Parts that a batch is split into.
        self.num_shards = device_mesh.size_of(self._batch_dim_name)

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str:
        """The axis of the mesh that batches are split along."""
        return self._batch_dim_name

    @property
    def num_model_replicas(self) -> int:
        """The number of parts that a batch is split into."""
        return self.num_shards

    @property
    def num_processes(self) -> int:
        """The number of processes."""
        return jax.process_count()

    @property
    def devices(self) -> Sequence[Any]:
        """The devices as JAX devices.

        Raises:
            ArgumentError: this machine has no such device.
        """
        return list(self._device_mesh.backend_mesh.devices.flat)

    @property
    def replicated(self) -> NamedSharding:
        """The sharding of arrays that each device has a copy of."""
        return NamedSharding(self._device_mesh.backend_mesh, PartitionSpec())

    def get_data_layout(self, data_shape: Sequence[int]) -> TensorLayout:
        """Return the layout of a batch: its rows are split.

        Args:
            data_shape: shape of the batch.
        """
        axes = [self._batch_dim_name, *[None] * (len(data_shape) - 1)]
        return TensorLayout(axes, self._device_mesh)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """Return the layout of a variable: its own, that of the rule, or whole.

        Args:
            variable: a variable.
        """
        reference = variable.slot_of
        if variable.layout is not None:
            layout: Any = variable.layout
        elif reference is not None and reference.shape == variable.shape:
            return self.get_variable_layout(reference)
        else:
            layout = self._rule(variable)
        return layout or TensorLayout([None] * variable.ndim, self._device_mesh)

    def _rule(self, variable: Variable) -> TensorLayout | None:
        return None

    def _mapped(self, path: str) -> TensorLayout | None:
        return None if self._layout_map is None else self._layout_map[path]

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout of a tensor inside a model, or `None`.

        Args:
            path: the tensor's path.
        """
        return None

    def check_model(self, paths: Callable[[], Sequence[str]]) -> None:
        """Check that the keys of the layout map, if there is one, match a model.

        Args:
            paths: returns the paths of the model's variables and outputs of layers.

        Raises:
            ArgumentError: no key matches.
        """
        if self._layout_map is not None:
            self._layout_map.check_keys(paths())

    def check_batch(self, rows: int) -> None:
        """Warn if the devices cannot have equal parts of the rows of a batch.

        Args:
            rows: number of rows.
        """
        parts = math.gcd(rows, self.num_shards)
        if parts < self.num_shards:
            size = max(rows // self.num_shards, 1) * self.num_shards
            warn(
                f"{self.num_shards} devices cannot have equal parts of a batch of "
                f"{rows} rows, so they are as fast as {parts} of them. Pass "
                f"batch_size={size}.",
                AdviceWarning,
            )

    def variable_sharding(self, variable: Variable) -> NamedSharding:
        """Return the JAX sharding of a variable.

        Raises:
            ShapeError: the variable cannot be split as its layout says.
        """
        layout = self.get_variable_layout(variable)
        layout.check_shape(variable.path, variable.shape)
        whole = all(axis is None for axis in layout.axes)
        return self.replicated if whole else layout.backend_layout

    def batch_sharding(self, shape: Sequence[int], axis: int = 0) -> NamedSharding:
        """Return the JAX sharding of an array whose rows lie along an axis.

        The rows are split into equal parts, as many as possible; several devices
        compute the same part if there are fewer parts than devices. XLA would pad
        unequal parts, and its scatter operation adds the padding to results.

        Args:
            shape: shape of the array.
            axis: the axis of the rows.
        """
        parts = math.gcd(shape[axis], self.num_shards) if len(shape) > axis else 1
        if parts == 1:
            return self.replicated
        axes = [self._batch_dim_name if i == axis else None for i in range(len(shape))]
        return NamedSharding(self._mesh_of(parts), PartitionSpec(*axes))

    @functools.lru_cache(16)  # noqa: B019 - a process has few distributions
    def _mesh_of(self, parts: int) -> Mesh:
        """Return the mesh with so many devices along the axis of batches."""
        mesh, name = self._device_mesh.backend_mesh, self._batch_dim_name
        if parts == self.num_shards:
            return mesh
        i = self._device_mesh.axis_names.index(name)
        shape = mesh.devices.shape
        split = (*shape[:i], parts, shape[i] // parts, *shape[i + 1 :])
        names = mesh.axis_names
        copies = (*names[: i + 1], f"{name}_copies", *names[i + 1 :])
        return Mesh(mesh.devices.reshape(split), copies)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Use this distribution inside a `with` block."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self._device_mesh}>"


def distribution() -> Distribution | None:
    """Return the distribution in use, or `None`.

    Example:
        >>> print(distribution())
        None
    """
    return placement.current()


@filter_traceback
def set_distribution(value: Distribution | None) -> None:
    """Set the distribution of models that are built or trained from now on.

    Args:
        value: a distribution; with `None`, a model is on one device.

    Raises:
        ArgumentError: the value is not a distribution.

    Example:
        >>> set_distribution(lamina.distribution.DataParallel(devices=["cpu:0"]))
        >>> set_distribution(None)
    """
    if value is not None and not isinstance(value, Distribution):
        expected = "a Distribution, such as lamina.distribution.DataParallel(), or None"
        raise invalid("set_distribution", "value", value, expected)
    if value is not None:
        value.devices  # noqa: B018 - raises an error for devices that are not there
    placement.set_current(value)
