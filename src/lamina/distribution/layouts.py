"""Layouts: the axis of a mesh that each dimension of an array is split along."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from lamina.core.check import matching_key
from lamina.core.graph import SymbolicTensor
from lamina.core.process import put
from lamina.core.variable import Variable
from lamina.distribution.devices import DeviceMesh
from lamina.errors import (
    ArgumentError,
    LikelyMistakeWarning,
    ShapeError,
    StateError,
    did_you_mean,
    invalid,
    shown,
)
from lamina.tracebacks import filter_traceback, warn


class TensorLayout:
    """The axis of a mesh that each dimension of an array is split along.

    Args:
        axes: for each dimension, the name of an axis, or `None` where the dimension
            is not split.
        device_mesh: the mesh; a `LayoutMap` sets its own.

    Raises:
        ArgumentError: the mesh has no such axis.

    Example:
        >>> mesh = DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
        >>> TensorLayout([None, "model"], mesh)
        <TensorLayout axes=(None, 'model'), device_mesh=(1, 1)>
    """

    @filter_traceback
    def __init__(
        self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None
    ) -> None:
        self._axes, self._device_mesh = tuple(axes), device_mesh
        self._check_axes()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """The name of an axis of the mesh, or `None`, for each dimension."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh; it can be set once."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise StateError(
                "The layout has a mesh already, "
                f"{self._device_mesh}. Make another TensorLayout."
            )
        self._device_mesh = device_mesh
        self._check_axes()

    @property
    def backend_layout(self) -> NamedSharding:
        """The layout as a `jax.sharding.NamedSharding`.

        Raises:
            StateError: it has no mesh.
        """
        if self._device_mesh is None:
            raise StateError(
                "The layout has no mesh: pass `device_mesh=` to TensorLayout."
            )
        # XLA leaves out the last dimensions that are not split.
        count = max((i + 1 for i, axis in enumerate(self._axes) if axis), default=0)
        spec = PartitionSpec(*self._axes[:count])
        return NamedSharding(self._device_mesh.backend_mesh, spec)

    def check_shape(self, name: str, shape: Sequence[int]) -> None:
        """Check that an array can be split like this.

        Args:
            name: name of the array, for messages.
            shape: its shape.

        Raises:
            ShapeError: the number of dimensions differs, or a size does not divide.
        """
        if len(self._axes) != len(shape):
            raise ShapeError(
                f"The layout {self._axes} has {len(self._axes)} axes, but {name!r} has "
                f"the shape {tuple(shape)}. Give an axis or None for each dimension."
            )
        for i, (axis, count) in enumerate(zip(self._axes, self._counts(), strict=True)):
            if shape[i] % count:
                raise ShapeError(
                    f"{name!r} has the shape {tuple(shape)}, and {count} devices along "
                    f"the axis {axis!r} cannot have equal parts of dimension {i}. "
                    f"{_remedy(shape, i, count, axis)}"
                )

    def divides(self, shape: Sequence[int]) -> bool:
        """Return whether the devices can have equal parts of an array.

        Args:
            shape: its shape; dimensions after those of the layout are not split.
        """
        counts = self._counts()
        pairs = zip(shape, counts, strict=False)
        return len(shape) >= len(counts) and all(n % k == 0 for n, k in pairs)

    def _counts(self) -> list[int]:
        """Return the number of parts of each dimension."""
        mesh = self._device_mesh
        return [1 if a is None or mesh is None else mesh.size_of(a) for a in self._axes]

    def _check_axes(self) -> None:
        if self._device_mesh is None:
            return
        known = self._device_mesh.axis_names
        for axis in self._axes:
            if axis is not None and axis not in known:
                raise ArgumentError(
                    f"The layout {self._axes} has the axis {shown(axis)}, but those of "
                    f"the mesh are {known}.{did_you_mean(axis, known)}"
                )

    def __repr__(self) -> str:
        mesh = self._device_mesh and self._device_mesh.shape
        return f"<TensorLayout axes={self._axes}, device_mesh={mesh}>"


def _remedy(shape: Sequence[int], i: int, count: int, axis: str | None) -> str:
    others = [j for j, size in enumerate(shape) if size % count == 0 and j != i]
    nearest = -(-shape[i] // count) * count
    if others:
        axes = [axis if j == others[0] else None for j in range(len(shape))]
        return f"Split another dimension: {tuple(axes)}; or use the size {nearest}."
    return f"Use the size {nearest}, or do not split this dimension."


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts by the paths of variables, or by regular expressions for them.

    A key that is the path itself comes first; otherwise the one key that matches the
    whole path. Setting a tuple of axes makes a `TensorLayout` of it.

    Args:
        device_mesh: the mesh of the layouts.

    Example:
        >>> mesh = DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
        >>> layouts = LayoutMap(mesh)
        >>> layouts[".*dense.*kernel"] = (None, "model")
        >>> layouts["model/dense_1/kernel"].axes
        (None, 'model')
        >>> print(layouts["model/dense_1/bias"])
        None
    """

    @filter_traceback
    def __init__(self, device_mesh: DeviceMesh) -> None:
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh:
        """The mesh of the layouts."""
        return self._device_mesh

    def __getitem__(self, key: str) -> Any:
        """Return the layout for a path, or `None`.

        Raises:
            ArgumentError: several keys match.
        """
        found = matching_key("LayoutMap", self._layouts, key)
        return None if found is None else self._layouts[found]

    def __setitem__(
        self, key: str, layout: TensorLayout | Sequence[str | None]
    ) -> None:
        if key in self._layouts:
            raise ArgumentError(
                f"The LayoutMap already has the key {shown(key)}. Delete it first, as "
                f"in `del layouts[{shown(key)}]`."
            )
        try:
            re.compile(key)
        except (re.error, TypeError) as error:
            expected = f"a path, or a regular expression; the error is: {error}"
            raise invalid("LayoutMap", "key", key, expected) from None
        if isinstance(layout, (tuple, list)):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            expected = "a TensorLayout, or a tuple of names of axes and None"
            raise invalid("LayoutMap", "layout", layout, expected)
        if layout.device_mesh is None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __contains__(self, key: object) -> bool:
        return key in self._layouts

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)

    def check_keys(self, paths: Sequence[str]) -> None:
        """Check that the keys match paths, and warn about those that match none.

        Args:
            paths: the paths of a model's variables and of its layers' outputs.

        Raises:
            ArgumentError: no key matches.
        """
        unused = [
            key
            for key in self._layouts
            if key not in paths and not any(re.fullmatch(key, p) for p in paths)
        ]
        for key in unused[:1]:
            message = (
                f"The key {shown(key)} of the LayoutMap matches nothing in the model: "
                f"a key must match the whole path.{did_you_mean(key, paths)} The paths "
                f"are: {', '.join(paths[:8])}{', ...' if len(paths) > 8 else ''}."
            )
            if len(unused) == len(self._layouts):
                raise ArgumentError(message)
            warn(message, LikelyMistakeWarning)

    def __repr__(self) -> str:
        rows = ", ".join(f"{k!r}: {v.axes}" for k, v in self._layouts.items())
        return f"LayoutMap({{{rows}}}, mesh={self._device_mesh.shape})"


@filter_traceback
def distribute_tensor(tensor: Any, layout: TensorLayout | Sharding) -> Any:
    """Return an array with a layout; inside a compiled function too.

    Args:
        tensor: an array or a variable. A symbolic tensor is returned as it is.
        layout: the layout, or a JAX sharding.

    Raises:
        StateError: the layout has no mesh.
        ShapeError: a dimension does not divide.

    Example:
        >>> mesh = DeviceMesh((1,), ["batch"], devices=["cpu:0"])
        >>> x = distribute_tensor([1.0, 2.0], TensorLayout(["batch"], mesh))
        >>> len(x.devices())
        1
    """
    if isinstance(tensor, SymbolicTensor):
        return tensor
    value: Any = tensor.value if isinstance(tensor, Variable) else tensor
    value = jax.numpy.asarray(value)
    if isinstance(layout, TensorLayout):
        layout.check_shape("the tensor", value.shape)
        layout = layout.backend_layout
    if isinstance(value, Tracer):
        return jax.lax.with_sharding_constraint(value, layout)
    return put(value, layout)
