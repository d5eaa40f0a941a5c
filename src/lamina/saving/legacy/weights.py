"""Loading of weights from files of Keras 1, Keras 2 and tf.keras.

A file lists its layers, and for each layer the arrays of its weights: first the
trainable ones, then the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice, takewhile
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from lamina.core.variable import Variable
from lamina.errors import FileFormatError
from lamina.io.hdf5 import Dataset, Group
from lamina.io.load_report import LoadReport, Mismatch, Tolerance
from lamina.layers.base.weights import WeightOwner
from lamina.saving.legacy.config import KerasVersion
from lamina.training.trainer import Trainer

# Indices of the arrays of separate gates, in the gate order of Keras 3.
_GATES = {
    "LSTMCell": ((0, 6, 3, 9), (1, 7, 4, 10), (2, 8, 5, 11)),
    "GRUCell": ((0, 3, 6), (1, 4, 7), (2, 5, 8)),
}
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
# Axes of kernels of Keras 1, by layer and data format, in the order of Keras 3.
_KERAS1_AXES = {
    ("Conv2D", "channels_first"): (2, 3, 1, 0),
    ("Conv3D", "channels_first"): (2, 3, 4, 1, 0),
    ("Conv2DTranspose", "channels_first"): (2, 3, 0, 1),
    ("Conv2DTranspose", "channels_last"): (0, 1, 3, 2),
}
# Group of the weights that belong to the model, not to one of its layers.
MODEL_WEIGHTS = "top_level_model_weights"
_SEPARATE_GATE = re.compile(r"_[WUb]_[icfozrh](_\d+)?(:0)?$")


Arrays: TypeAlias = list[tuple[str, np.ndarray]]
Values: TypeAlias = list[np.ndarray]


class StoredLayer(NamedTuple):
    """Layer with its trainable variables and the names of their arrays in a file."""

    layer: WeightOwner
    trainable: list[Variable]
    names: list[str]


def is_legacy(file: Group) -> bool:
    """Return whether a file has the legacy layout."""
    attributes = _weights_group(file).attributes
    return "layer_names" in attributes or "layer_names0" in attributes


def _weights_group(file: Group) -> Group:
    return file.group("model_weights") or file


def _read_names(group: Group, key: str) -> list[str]:
    """Read a list of names, which may be split over several attributes."""
    numbered = takewhile(group.attributes.__contains__, (f"{key}{i}" for i in count()))
    parts = [key] if key in group.attributes else list(numbered)
    return [
        str(name) for part in parts for name in np.atleast_1d(group.attributes[part])
    ]


def stored_arrays(group: Group, known: set[int] | None = None) -> Arrays:
    """Read the arrays that a group lists, with their names.

    Args:
        group: the group.
        known: ids of the arrays that have been read; updated.

    Raises:
        FileFormatError: a listed array does not exist or has been read before:
            repetitions could take an unlimited amount of memory.
    """
    known = set() if known is None else known
    found: Arrays = []
    for name in _read_names(group, "weight_names"):
        item, what = group.find(name), f"The file lists the array {name!r}"
        if not isinstance(item, Dataset):
            raise FileFormatError(f"{what}, but does not have it.")
        if id(item) in known:
            raise FileFormatError(f"{what} twice.")
        known.add(id(item))
        found.append((name, item.read()))
    return found


def weight_names(file: Group) -> Iterator[str]:
    """Yield the names of all weights in a file."""
    root = _weights_group(file)
    for name in _read_names(root, "layer_names"):
        group = root.group(name)
        if group is not None:
            yield from _read_names(group, "weight_names")


def read_legacy_weights(
    model: Trainer,
    file: Group,
    origin: KerasVersion,
    tolerance: Tolerance,
    orders: dict[str, list[str]] | None = None,
    by_name: bool = False,
) -> tuple[LoadReport, list[StoredLayer]]:
    """Load the weights of a model from a legacy file.

    Args:
        model: a built model.
        file: root group of the file.
        origin: version that wrote the file.
        tolerance: mismatches to allow.
        orders: names of the layers of each nested model, in the file's order.
        by_name: whether to match layers by name only and skip layers that only one
            side has.

    Returns:
        The report on mismatches, and the layers that have trainable variables, in the
        file's order.

    Raises:
        FileFormatError: the file's weights do not match the model's.
    """
    report = LoadReport([], [])
    values: list[tuple[Variable, np.ndarray]] = []
    stored_layers: list[StoredLayer] = []
    for layer, name, arrays in _match_layers(model, file, report, by_name):
        leaves = [model] if layer is model else list(_leaves(layer, orders or {}))
        sections = _sections(layer, leaves)
        groups = _split_arrays(sections, arrays)
        if groups is None:
            total = sum(len(section.variables) for section in sections)
            item = Mismatch(f"{name} (number)", (total, 0), (len(arrays), 0))
            report.mismatches.append(item)
            continue
        pairs = list(zip(sections, groups, strict=True))
        stored_layers += [
            StoredLayer(s.leaf, s.variables, [name for name, _ in g])
            for s, g in pairs
            if s.is_trainable
        ]
        for leaf in leaves:
            variables, found = _in_own_order(leaf, pairs)
            for variable, array in zip(
                variables, upgrade_arrays(leaf, found, origin), strict=True
            ):
                shape = tuple(variable.shape)
                if report.add(Mismatch(variable.path, shape, array.shape)):
                    values.append((variable, array))
    report.require(tolerance.skip_mismatch, tolerance.strict and not by_name)
    for variable, value in values:
        variable.assign(value)
    return report, stored_layers


def _match_layers(
    model: Trainer, file: Group, report: LoadReport, by_name: bool
) -> Iterator[tuple[Any, str, Arrays]]:
    """Match the layers of model and file by name, or by order."""
    root = _weights_group(file)
    groups = {name: root.group(name) for name in _read_names(root, "layer_names")}
    known: set[int] = set()
    stored = {n: stored_arrays(g, known) for n, g in groups.items() if g is not None}
    stored = {name: arrays for name, arrays in stored.items() if arrays}
    owners = _layers_in_file(model, stored)
    model_group = root.group(MODEL_WEIGHTS)
    arrays = [] if model_group is None else stored_arrays(model_group, known)
    if by_name:
        _check_common_names(set(owners), set(stored))
    elif len(owners) == len(stored) and set(owners) != set(stored):
        owners = dict(zip(stored, owners.values(), strict=True))
    if arrays:
        stored[MODEL_WEIGHTS] = arrays
    if model.own_weights():
        owners[MODEL_WEIGHTS] = model
    for name, arrays in stored.items():
        if name in owners:
            yield owners[name], name, arrays
        else:
            report.mismatches += [Mismatch(n, None, a.shape) for n, a in arrays]
    missing = {name: owners[name] for name in owners if name not in stored}
    for layer in missing.values():
        weights = layer.own_weights() if layer is model else layer.weights
        report.mismatches += [Mismatch(v.path, v.shape, None) for v in weights]


def _check_common_names(ours: set[str], theirs: set[str]) -> None:
    if not ours & theirs:
        names = [", ".join(sorted(some)[:10])[:500] for some in (ours, theirs)]
        raise FileFormatError(
            "Model and file have no layer names in common, so by_name=True would load "
            f"nothing. Layers of the model with weights: {names[0]}; of the file: "
            f"{names[1]}. Rename the layers, or remove `by_name` to load them in order."
        )


def _layers_in_file(model: Trainer, stored: dict[str, Arrays]) -> dict[str, Any]:
    """Return the layers whose weights are groups of the file, by name."""
    layers_by_name = {m.name: m for m in model.layers if m.weights}
    nested = {m.name: m for m in model.all_layers() if m.weights}
    if set(layers_by_name) == set(stored) or not set(stored) <= set(nested):
        return layers_by_name
    # Keras 1 flattened a Sequential model inside another.
    chosen = {name: nested[name] for name in stored}
    covered = {id(v) for m in chosen.values() for v in m.weights}
    is_complete = covered == {id(v) for v in model.weights}
    return chosen if is_complete else layers_by_name


def _leaves(layer: WeightOwner, orders: dict[str, list[str]]) -> Iterator[WeightOwner]:
    """Yield the layers that directly own weights, in the file's order."""
    if layer.own_weights():
        yield layer
    index = {name: i for i, name in enumerate(orders.get(layer.name, []))}
    for child in sorted(layer.sublayers(), key=lambda m: index.get(m.name, len(index))):
        yield from _leaves(child, orders)


def layer_orders(entry: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each model in a config and the names of its layers."""
    config = entry.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if isinstance(config, dict) and isinstance(layers, list):
        names = [e["config"].get("name") for e in layers]
        if config.get("name"):
            yield config["name"], names
        for layer in layers:
            yield from layer_orders(layer)


class _Section(NamedTuple):
    """Consecutive arrays in a file: some of the weights of a leaf."""

    leaf: WeightOwner
    variables: list[Variable]
    is_trainable: bool


def _sections(layer: WeightOwner, leaves: Iterable[WeightOwner]) -> list[_Section]:
    """List the weights of leaves in the file's order: trainable ones come first."""
    trainable_ids = {id(v) for v in layer.trainable_variables}
    listed: set[int] = set()  # a wrapper may own weights of the layer in it
    first: list[_Section] = []
    second: list[_Section] = []
    for leaf in leaves:
        weights = [v for v in leaf.own_weights() if id(v) not in listed]
        listed |= set(map(id, weights))
        trainable = [v for v in weights if id(v) in trainable_ids]
        first += [_Section(leaf, trainable, True)] if trainable else []
        others = [v for v in weights if id(v) not in trainable_ids]
        second.append(_Section(leaf, others, False))
    return first + second


def legacy_order(layer: WeightOwner, orders: dict[str, list[str]]) -> list[Variable]:
    """List a layer's weights in the file's order.

    Args:
        layer: a layer or a nested model.
        orders: names of the layers of each nested model, in the file's order.
    """
    sections = _sections(layer, _leaves(layer, orders))
    return [variable for section in sections for variable in section.variables]


def _split_arrays(sections: list[_Section], arrays: Arrays) -> list[Arrays] | None:
    """Split a layer's arrays by section, or return `None` if their number is wrong."""
    has_separate_gates = any(_SEPARATE_GATE.search(name) for name, _ in arrays)
    counts: list[int] = []
    for leaf, variables, _ in sections:
        gates = _GATES.get(type(leaf).__name__, [()]) if has_separate_gates else [()]
        factor = max(len(gates[0]), 1)
        counts.append(sum(factor if v.initially_trainable else 1 for v in variables))
    if sum(counts) != len(arrays):
        return None
    remaining = iter(arrays)
    return [[*islice(remaining, count)] for count in counts]


def _in_own_order(
    leaf: WeightOwner, pairs: Iterable[tuple[_Section, Arrays]]
) -> tuple[list[Variable], Values]:
    """Return a leaf's variables and arrays in the order in which it created them.

    The arrays of separate gates, of which a variable has several, stay as they are: no
    variable of such layers can be frozen alone.
    """
    own = [(s, g) for s, g in pairs if s.leaf is leaf]
    variables = [v for section, _ in own for v in section.variables]
    arrays = [array for _, group in own for _, array in group]
    if len(arrays) != len(variables):
        return variables, arrays
    index = {id(v): i for i, v in enumerate(leaf.own_weights())}
    order = sorted(range(len(variables)), key=lambda i: index[id(variables[i])])
    return [variables[i] for i in order], [arrays[i] for i in order]


def upgrade_arrays(leaf: WeightOwner, arrays: Values, origin: KerasVersion) -> Values:
    """Convert a layer's arrays to the layout of Keras 3."""
    kind = type(leaf).__name__
    if kind in _GATES:
        return _merge_gates(_GATES[kind], arrays)
    if kind in _CONVOLUTIONS and arrays:
        return _convert_kernel(leaf, arrays, origin)
    return arrays


def _merge_gates(indices: Sequence[tuple[int, ...]], arrays: Values) -> Values:
    count = len(indices[0])
    if len(arrays) == 3 * count:
        return [np.concatenate([arrays[i] for i in gate], -1) for gate in indices]
    # The recurrent matrix has as many rows as the layer has units.
    if len(arrays) == 3 and arrays[2].shape == (2 * count * len(arrays[1]),):
        return _convert_cudnn(arrays, count)
    return arrays


def _convert_cudnn(arrays: Values, gates: int) -> Values:
    """Transpose the matrices of each gate and convert the two biases of cuDNN."""
    kernel, recurrent, bias = arrays
    kernel = np.hstack(
        [part.T.reshape(part.shape, order="F") for part in np.hsplit(kernel, gates)]
    )
    recurrent = np.hstack([part.T for part in np.hsplit(recurrent, gates)])
    both = bias.reshape(2, -1)
    return [kernel, recurrent, both.sum(0) if gates == 4 else both]


def _convert_kernel(leaf: WeightOwner, arrays: Values, origin: KerasVersion) -> Values:
    kernel, *rest = arrays
    wanted = tuple(leaf.own_weights()[0].shape)
    if origin.version < (2,):
        kernel = _transpose_keras1(leaf, kernel, wanted)
    # Theano flips the kernel in a convolution.
    if origin.backend == "theano":
        kernel = np.flip(kernel, tuple(range(kernel.ndim - 2)))
    if kernel.ndim == 4 and kernel.shape != wanted:
        transposed = np.transpose(kernel, (3, 2, 0, 1))
        kernel = transposed if transposed.shape == wanted else kernel
    return [kernel, *rest]


def _transpose_keras1(
    leaf: WeightOwner, kernel: np.ndarray, wanted: tuple[int, ...]
) -> np.ndarray:
    """Transpose the axes of a kernel of Keras 1."""
    kind = type(leaf).__name__
    if kind == "Conv1D" and kernel.ndim == 4:
        if kernel.shape[:2] != (wanted[0], 1) or kernel.shape[3] != wanted[-1]:
            kernel = np.transpose(kernel, (2, 3, 1, 0))
        return kernel[:, 0]
    axes = _KERAS1_AXES.get((kind, getattr(leaf, "data_format", "")))
    return np.transpose(kernel, axes) if axes and len(axes) == kernel.ndim else kernel
