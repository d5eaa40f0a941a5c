"""Distributions of weights, updates and activations by layer, after each epoch."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.variable import Variable
from lamina.data.adapt import is_array_data
from lamina.data.arrays import as_arrays
from lamina.data.host import host_arrays
from lamina.layers.base import Layer
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.report.collect.layers import activations_of
from lamina.report.collect.rows import first_rows
from lamina.report.run import rounded, thinned
from lamina.runtime.compiled_function import CompiledFunction
from lamina.runtime.module_state import ModuleState
from lamina.typing import Array, PyTree

# Layers that are recorded, snapshots that are kept, values of an array that are read,
# rows that activations are computed for, and quantiles of a distribution.
_LAYERS, _SNAPSHOTS, _VALUES, _ROWS, _QUANTILES = 16, 48, 4096, 64, 17
# Activations that are computed for a snapshot, which bounds its time.
_COMPUTED = 2**19

T = TypeVar("T")


class Snapshots:
    """Recorder of distributions during one run.

    A distribution is the list of its quantiles, from the smallest to the largest value.
    Only some values of large arrays are read, by compiled programs, so that a snapshot
    takes milliseconds.

    Args:
        model: a built model.
        x: the training inputs, for activations; `None` for none.
    """

    def __init__(self, model: Layer, x: PyTree = None) -> None:
        self._weights = _main_weights(model)

        def state() -> ModuleState:
            return ModuleState.of([model])

        self._read = CompiledFunction(
            lambda: [_sample(w.value) for w in self._weights.values()], state
        )
        graph = graph_of(model)
        self._rows = None if graph is None else _few_rows(graph, x)
        if graph is not None and self._rows is not None:
            inner = _activation_graph(graph)
            self._activate = CompiledFunction(
                lambda rows: jax.tree.map(_sample, inner(rows)), state
            )
        self._before = self._read()
        self.data: dict[str, Any] = {"epochs": [], "every": 1, "layers": {}}

    def resume(self, data: dict[str, Any]) -> None:
        """Continue the data of a run whose weights the model has now."""
        self.data, self._before = data, self._read()

    def take(self, epoch: int) -> None:
        """Record the distributions after an epoch.

        With many epochs only every second, fourth and so on is kept.
        """
        after = self._read()
        changed = zip(self._weights, self._before, after, strict=True)
        self._before = after
        epochs = self.data["epochs"]
        if epochs and (epoch - epochs[0]) % self.data["every"]:
            return
        epochs.append(epoch)
        for name, old, new in changed:
            old, new = np.asarray(old, float), np.asarray(new, float)
            self._add(name, "weights", _quantiles(new))
            self._add(name, "updates", _quantiles(new - old))
            self._add(name, "ratio", _ratio(new - old, new))
        for name, values in self._activations().items():
            array = np.asarray(values)
            self._add(name, "activations", _quantiles(array))
            self._add(name, "zeros", rounded(float((array == 0).mean())))
        if len(epochs) > _SNAPSHOTS:
            self._thin()

    def _activations(self) -> dict[str, Array]:
        return {} if self._rows is None else self._activate(self._rows)

    def _add(self, layer: str, kind: str, value: object) -> None:
        series = self.data["layers"].setdefault(layer, {})
        series.setdefault(kind, []).append(value)

    def _thin(self) -> None:
        self.data["every"] *= 2
        self.data["epochs"] = self.data["epochs"][::2]
        for kinds in self.data["layers"].values():
            for kind, values in kinds.items():
                kinds[kind] = values[::2]


def _main_weights(model: Layer) -> dict[str, Variable]:
    """Return the largest trained weight of each layer that has one, by layer."""
    found: dict[str, Variable] = {}
    for layer in model.all_layers():
        trained = [v for v in layer.own_variables() if v.trainable]
        if trained and layer is not model:
            found[layer.name] = max(trained, key=lambda v: v.size)
    return _spread(found)


def _spread(table: dict[str, T]) -> dict[str, T]:
    """Return at most `_LAYERS` entries that are spread evenly over a table."""
    items = list(table.items())
    return dict(items[i] for i in thinned(len(items), _LAYERS))


def _activation_graph(graph: CallGraph) -> CallGraph:
    """Return the graph of a model's program, with the layers' outputs as outputs."""
    program = graph.program
    return CallGraph(program.inputs, _spread(activations_of(program)))


def _few_rows(graph: CallGraph, x: PyTree) -> PyTree:
    """Return the first rows, as the program takes them; `None` if there are none."""
    if x is None or not is_array_data(x) or not activations_of(graph.program):
        return None
    outputs = activations_of(graph.program).values()
    values = sum(math.prod(n or 1 for n in t.shape[1:]) for t in outputs)
    rows = first_rows(x, max(1, min(_ROWS, _COMPUTED // values)))
    stage = graph.host_stage
    return as_arrays(rows if stage is None else stage(host_arrays(rows)), "x")


def _sample(array: Array) -> Array:
    """Return values that are spread evenly over an array."""
    flat = array.reshape(-1)
    return flat[:: max(1, flat.size // _VALUES)].astype(jnp.float32)


def _quantiles(values: np.ndarray) -> list[float]:
    """Return evenly spaced quantiles of the finite values."""
    values = np.sort(values[np.isfinite(values)])
    if not len(values):
        return [0.0] * _QUANTILES
    where = np.linspace(0, len(values) - 1, _QUANTILES).round().astype(int)
    return [float(f"{v:.4g}") for v in values[where].tolist()]


def _ratio(update: np.ndarray, weight: np.ndarray) -> float | None:
    """Return the root mean square of updates relative to that of weights."""
    size = float(np.sqrt(np.mean(np.square(weight))))
    change = float(np.sqrt(np.mean(np.square(update))))
    return rounded(change / size) if size and math.isfinite(change / size) else None
