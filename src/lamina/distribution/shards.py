"""Shards of a model's variables on the devices, as text and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from jax.sharding import NamedSharding

from lamina.core.variable import Variable
from lamina.display import new_figure
from lamina.errors import StateError
from lamina.progress.text import size
from lamina.runtime import placement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Bars of a picture that are still legible.
_MOST_ROWS = 60


class Shards(NamedTuple):
    """Shards of a variable, one on each device.

    Args:
        axes: the axis of the mesh that each dimension is split along, or `None`.
        num_shards: number of different shards.
        bytes: size of a shard in bytes.
        devices: number of devices that hold one.
    """

    axes: tuple[str | None, ...]
    num_shards: int
    bytes: int
    devices: int


class Built(Protocol):
    """Protocol of a model or layer that may have its weights."""

    name: str
    built: bool

    @property
    def weights(self) -> list[Variable]:
        """The weights."""
        ...


def shards_of(variable: Variable) -> Shards:
    """Return the shards of a variable that devices hold or will hold.

    Args:
        variable: a variable, placed already or not.

    Example:
        >>> shards_of(lamina.Variable([1.0, 2.0])).bytes
        8
    """
    distribution = placement.current()
    sharding = variable.storage.sharding
    if distribution is not None:
        sharding = distribution.variable_sharding(variable)
    total = variable.size * variable.raw.dtype.itemsize
    if not isinstance(sharding, NamedSharding):
        return Shards((None,) * variable.ndim, 1, total, 1)
    axes = (*sharding.spec, *[None] * (variable.ndim - len(sharding.spec)))
    sizes = dict(sharding.mesh.shape)
    number = math.prod(sizes[axis] for axis in axes if axis is not None)
    return Shards(axes, number, total // number, sharding.mesh.size)


def visualize(model: Built) -> Figure:
    """Draw the shard of each weight that each device holds, as a figure.

    A row is a weight and a column is a device; a full cell is a copy of the whole
    weight, and its number is the size of the shard. Call it before training, inside
    the scope of a distribution, or after `fit(..., devices=...)`.

    Args:
        model: a model or layer that is built.

    Returns:
        A Matplotlib figure, which notebooks show.

    Raises:
        StateError: the model is not built.
        MissingPackageError: Matplotlib is not installed.

    Example:
        >>> with lamina.distribution.FullySharded().scope():
        ...     model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(8)])
        ...     figure = lamina.distribution.visualize(model)
        >>> figure.axes[0].get_xlabel()
        'device'
    """
    if not model.built:
        raise StateError(
            f"The model {model.name!r} has no weights yet: begin it with `Input`, or "
            "call it on data first."
        )
    weights = sorted(model.weights, key=lambda v: -v.size)[:_MOST_ROWS]
    shards = [shards_of(v) for v in weights]
    count = max((s.devices for s in shards), default=1)
    height = 1.2 + 0.28 * len(weights)
    figure, (axes,) = new_figure(1, 1, 4 + 0.7 * count, height)
    _draw(axes, weights, shards, count)
    total = sum(shards_of(v).bytes for v in model.weights)
    axes.set_title(f"{model.name}: {size(total)} of weights on each device")
    return figure


def _draw(
    axes: Any, weights: Sequence[Variable], shards: Sequence[Shards], count: int
) -> None:
    filled = np.array([[1 / s.num_shards] * count for s in shards])
    axes.imshow(filled, aspect="auto", cmap="Blues", vmin=0, vmax=1.6)
    axes.set_xticks(range(count), [str(i) for i in range(count)])
    axes.set_xlabel("device")
    labels = [f"{v.path}  {split_text(v)}" for v in weights]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    for row, shard in enumerate(shards):
        for column in range(count):
            text = size(shard.bytes)
            axes.text(column, row, text, ha="center", va="center", fontsize=7)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)


def split_text(variable: Variable) -> str:
    """Return the sizes of a variable, with the axes that they are split along.

    Example:
        >>> split_text(lamina.Variable([[1.0, 2.0]]))
        '1 x 2'
    """
    parts = zip(variable.shape, shards_of(variable).axes, strict=True)
    return " x ".join(f"{n}" if a is None else f"{n} ({a})" for n, a in parts)
