"""Weights in files of Keras 1, Keras 2 and tf.keras, in the layouts of their time.

A file lists its layers, and for each the arrays of all weights inside: those that were
trained first, then the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from typing import Any, NamedTuple

import numpy as np

from lamina import layers
from lamina.core.variable import Variable
from lamina.errors import FileFormatError
from lamina.io.hdf5 import Dataset, Group
from lamina.io.load_report import LoadReport, Mismatch
from lamina.saving.legacy.config import KerasVersion

__all__ = [
    "MODELS_OWN",
    "Placed",
    "is_legacy",
    "layer_orders",
    "legacy_order",
    "read_legacy_weights",
    "stored_arrays",
    "weight_names",
]

# Where the arrays of separate gates stood, in the order of today's gates.
_GATES = {
    "LSTMCell": ((0, 6, 3, 9), (1, 7, 4, 10), (2, 8, 5, 11)),
    "GRUCell": ((0, 3, 6), (1, 4, 7), (2, 5, 8)),
}
# Where a model has the weights that are in none of its layers.
MODELS_OWN = "top_level_model_weights"
_SEPARATE = re.compile(r"_[WUb]_[icfozrh](_\d+)?(:0)?$")


Arrays = list[tuple[str, np.ndarray]]


class Placed(NamedTuple):
    """A layer and how many arrays a file has for what is trained in it."""

    layer: Any
    trained: list[Variable]
    arrays: int


def is_legacy(file: Group) -> bool:
    """Whether a file has this layout."""
    return (
        "layer_names" in _root(file).attributes
        or "layer_names0" in _root(file).attributes
    )


def _root(file: Group) -> Group:
    inner = file.members.get("model_weights")
    return inner if isinstance(inner, Group) else file


def _names(group: Group, key: str) -> list[str]:
    """A list of names, which long ones are spread over several attributes."""
    numbered = takewhile(group.attributes.__contains__, (f"{key}{i}" for i in count()))
    parts = [key] if key in group.attributes else list(numbered)
    return [
        str(name) for part in parts for name in np.atleast_1d(group.attributes[part])
    ]


def stored_arrays(
    group: Group, known: set[int] | None = None
) -> list[tuple[str, np.ndarray]]:
    """The arrays that a group lists, with their names.

    Args:
        group: the group.
        known: which arrays were read before, and now are.

    Raises:
        FileFormatError: one is listed that isn't there, or was read before: listed
            again and again, one array could take any amount of memory.
    """
    known = set() if known is None else known
    found: list[tuple[str, np.ndarray]] = []
    for name in _names(group, "weight_names"):
        item: Any = group
        for part in name.split("/"):
            item = item.members.get(part) if isinstance(item, Group) else None
        if not isinstance(item, Dataset):
            raise FileFormatError(f"The file lists the array {name!r}, but has none.")
        if id(item) in known:
            raise FileFormatError(f"The file lists the array {name!r} twice.")
        known.add(id(item))
        found.append((name, item.read()))
    return found


def weight_names(file: Group) -> Iterator[str]:
    """The names of all weights in a file."""
    root = _root(file)
    for name in _names(root, "layer_names"):
        group = root.group(name)
        if group is not None:
            yield from _names(group, "weight_names")


def read_legacy_weights(
    model: Any,
    file: Group,
    origin: KerasVersion,
    skip_mismatch: bool = False,
    strict: bool = True,
    orders: dict[str, list[str]] | None = None,
    by_name: bool = False,
) -> tuple[LoadReport, list[Placed]]:
    """Read all weights of a model.

    Args:
        model: a model whose weights exist.
        file: what the file holds.
        origin: what wrote it.
        skip_mismatch: whether weights that don't fit are left as they are.
        strict: whether weights that only one side has are an error.
        orders: the names of the layers of each model inside, in the file's order.
        by_name: whether layers go by their names alone, and those that only one side
            has are left as they are.

    Returns:
        What was loaded, and the places of what is trained, in the file's order.

    Raises:
        FileFormatError: the file's weights are not the model's.
    """
    report = LoadReport([], [])
    values: list[tuple[Variable, np.ndarray]] = []
    placed: list[Placed] = []
    for layer, name, arrays in _pairs(model, file, report, by_name):
        leaves = [model] if layer is model else list(_leaves(layer, orders or {}))
        groups, places = _shared_out(layer, leaves, arrays)
        placed += places
        for leaf, found in zip(leaves, groups, strict=True):
            if found is not None:
                _compare(leaf, upgrade_arrays(leaf, found, origin), report, values)
        if None in groups:
            total = sum(len(leaf.own_weights()) for leaf in leaves)
            shape = (len(arrays), 0), (total, 0)
            report.mismatches.append(Mismatch(f"{name} (number)", shape[1], shape[0]))
    report.require(skip_mismatch, strict and not by_name)
    for variable, value in values:
        variable.assign(value)
    return report, placed


def _pairs(
    model: Any, file: Group, report: LoadReport, by_name: bool
) -> Iterator[tuple[Any, str, Arrays]]:
    """The layers of model and file that belong together: by name, or by order."""
    root = _root(file)
    groups = {name: root.group(name) for name in _names(root, "layer_names")}
    known: set[int] = set()
    stored = {n: stored_arrays(g, known) for n, g in groups.items() if g is not None}
    stored = {name: arrays for name, arrays in stored.items() if arrays}
    owners = _owners(model, stored)
    own = root.group(MODELS_OWN)
    arrays = [] if own is None else stored_arrays(own, known)
    if by_name:
        _require_common(set(owners), set(stored))
    elif len(owners) == len(stored) and set(owners) != set(stored):
        owners = dict(zip(stored, owners.values(), strict=True))
    if arrays:
        stored[MODELS_OWN] = arrays
    if model.own_weights():
        owners[MODELS_OWN] = model
    for name, arrays in stored.items():
        if name in owners:
            yield owners[name], name, arrays
        else:
            found = [Mismatch(path, None, array.shape) for path, array in arrays]
            report.mismatches.extend(found)
    for name in owners.keys() - stored.keys():
        layer = owners[name]
        weights = layer.own_weights() if layer is model else layer.weights
        report.mismatches.extend(Mismatch(v.path, v.shape, None) for v in weights)


def _require_common(ours: set[str], theirs: set[str]) -> None:
    if not ours & theirs:
        names = [", ".join(sorted(some)[:10])[:500] for some in (ours, theirs)]
        raise FileFormatError(
            "No layer of the model has the name of one in the file, so nothing would "
            f"be loaded. Layers of the model with weights: {names[0]}; of the file: "
            f"{names[1]}. Give the layers the file's names, or leave out `by_name` to "
            "load them in order."
        )


def _owners(model: Any, stored: dict[str, Arrays]) -> dict[str, Any]:
    """The layers that a file has groups for, by name."""
    owners = {m.name: m for m in model.layers if m.weights}
    inside = {m.name: m for m in model.all_layers() if m.weights}
    if set(owners) == set(stored) or not set(stored) <= set(inside):
        return owners
    # A stack in a stack was one stack to Keras 1.
    chosen = {name: inside[name] for name in stored}
    found = {id(v) for m in chosen.values() for v in m.weights}
    return chosen if found == {id(v) for v in model.weights} else owners


def _leaves(layer: Any, orders: dict[str, list[str]]) -> Iterator[Any]:
    """The layers that have weights of their own, in the order that files follow."""
    if layer.own_weights():
        yield layer
    inner = list(layer.sublayers())
    order = orders.get(layer.name, [])
    places = {name: i for i, name in enumerate(order)}
    for child in sorted(inner, key=lambda m: places.get(m.name, len(places))):
        yield from _leaves(child, orders)


def layer_orders(entry: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The names of the layers of each model in a config, in the config's order."""
    config = entry.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if isinstance(config, dict) and isinstance(layers, list):
        names = [e["config"].get("name") for e in layers]
        if config.get("name"):
            yield config["name"], names
        for layer in layers:
            yield from layer_orders(layer)


def legacy_order(layer: Any, orders: dict[str, list[str]]) -> list[Variable]:
    """List a layer's weights in the order of files, which `_shared_out` reads.

    Args:
        layer: a layer, or a model inside another.
        orders: the names of the layers of each model inside, in the file's order.
    """
    learning = {id(v) for v in layer.trainable_variables}
    first: list[Variable] = []
    second: list[Variable] = []
    for leaf in _leaves(layer, orders):
        own = leaf.own_weights()
        trained = [v for v in own if v.initially_trainable]
        is_learning = any(id(v) in learning for v in trained)
        count = len(trained) if is_learning else 0
        first += own[:count]
        second += own[count:]
    return first + second


def _shared_out(
    layer: Any, leaves: list[Any], arrays: Arrays
) -> tuple[list[list[np.ndarray] | None], list[Placed]]:
    """Each leaf's arrays: all that is trained comes first."""
    learning = {id(v) for v in layer.trainable_variables}
    apart = any(_SEPARATE.search(name) for name, _ in arrays)
    first: list[tuple[int, int]] = []  # the leaf's place and how many arrays
    second: list[tuple[int, int]] = []
    placed: list[Placed] = []
    for i, leaf in enumerate(leaves):
        own = leaf.own_weights()
        trained = [v for v in own if v.initially_trainable]
        count, rest = len(trained), len(own) - len(trained)
        if apart and type(leaf).__name__ in _GATES:
            count *= len(_GATES[type(leaf).__name__][0])
        if any(id(v) in learning for v in trained):
            first.append((i, count))
            second.append((i, rest))
            placed.append(Placed(leaf, trained, count))
        else:
            second.append((i, count + rest))
    if sum(count for _, count in (*first, *second)) != len(arrays):
        return [None] * len(leaves), []
    found: list[list[np.ndarray] | None] = [[] for _ in leaves]
    taken = iter(arrays)
    for i, count in (*first, *second):
        own_arrays = found[i]
        assert own_arrays is not None
        own_arrays += [next(taken)[1] for _ in range(count)]
    return found, placed


def _compare(
    leaf: Any,
    arrays: list[np.ndarray],
    report: LoadReport,
    values: list[tuple[Variable, np.ndarray]],
) -> None:
    for variable, array in zip(leaf.own_weights(), arrays, strict=True):
        if tuple(variable.shape) == array.shape:
            report.loaded.append(variable.path)
            values.append((variable, array))
        else:
            report.mismatches.append(
                Mismatch(variable.path, tuple(variable.shape), array.shape)
            )


def upgrade_arrays(
    leaf: Any, arrays: list[np.ndarray], origin: KerasVersion
) -> list[np.ndarray]:
    """A layer's arrays as they are laid out today."""
    convert = _CONVERSIONS.get(type(leaf).__name__)
    return convert(leaf, arrays, origin) if convert and arrays else arrays


def _gates(
    leaf: Any, arrays: list[np.ndarray], origin: KerasVersion
) -> list[np.ndarray]:
    places = _GATES[type(leaf).__name__]
    count = len(places[0])
    if len(arrays) == 3 * count:
        return [np.concatenate([arrays[i] for i in some], -1) for some in places]
    units = leaf.units
    if len(arrays) == 3 and arrays[2].shape == (2 * count * units,):
        return _from_cudnn(arrays, count)
    return arrays


def _from_cudnn(arrays: list[np.ndarray], gates: int) -> list[np.ndarray]:
    """Each gate's matrices the other way round, and two biases instead of one."""
    kernel, recurrent, bias = arrays
    kernel = np.hstack(
        [part.T.reshape(part.shape, order="F") for part in np.hsplit(kernel, gates)]
    )
    recurrent = np.hstack([part.T for part in np.hsplit(recurrent, gates)])
    both = bias.reshape(2, -1)
    return [kernel, recurrent, both.sum(0) if gates == 4 else both]


def _convolution(
    leaf: Any, arrays: list[np.ndarray], origin: KerasVersion
) -> list[np.ndarray]:
    kernel, *rest = arrays
    wanted = tuple(leaf.own_weights()[0].shape)
    first = leaf.data_format == "channels_first"
    if origin.version < (2,):
        kernel = _ancient(type(leaf).__name__, kernel, wanted, first)
    # Theano's convolution turns the kernel round.
    if origin.backend == "theano":
        kernel = np.flip(kernel, tuple(range(kernel.ndim - 2)))
    if kernel.ndim == 4 and kernel.shape != wanted:
        turned = np.transpose(kernel, (3, 2, 0, 1))
        kernel = turned if turned.shape == wanted else kernel
    return [kernel, *rest]


def _ancient(
    kind: str, kernel: np.ndarray, wanted: tuple[int, ...], first: bool
) -> np.ndarray:
    """A kernel of Keras 1."""
    if kind == "Conv1D" and kernel.ndim == 4:
        if kernel.shape[:2] != (wanted[0], 1) or kernel.shape[3] != wanted[-1]:
            kernel = np.transpose(kernel, (2, 3, 1, 0))
        return kernel[:, 0]
    axes = {
        ("Conv2D", True): (2, 3, 1, 0),
        ("Conv3D", True): (2, 3, 4, 1, 0),
        ("Conv2DTranspose", True): (2, 3, 0, 1),
        ("Conv2DTranspose", False): (0, 1, 3, 2),
    }.get((kind, first))
    return np.transpose(kernel, axes) if axes and len(axes) == kernel.ndim else kernel


Conversion = Callable[[Any, list[np.ndarray], KerasVersion], list[np.ndarray]]
_CONVERSIONS: dict[str, Conversion] = {
    layers.LSTMCell.__name__: _gates,
    layers.GRUCell.__name__: _gates,
    layers.Conv1D.__name__: _convolution,
    layers.Conv2D.__name__: _convolution,
    layers.Conv3D.__name__: _convolution,
    layers.Conv2DTranspose.__name__: _convolution,
}
