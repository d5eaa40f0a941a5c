"""View of a model, its data and the arguments of `fit`, as rules take it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from lamina import activations
from lamina.core.creation import created_at
from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves
from lamina.data.arrays import Parts
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.training.callbacks.base import Callback
from lamina.training.checks.label_values import labels_of
from lamina.training.checks.monitors import unknown_monitors
from lamina.training.checks.output_nodes import (
    LossCall,
    Output,
    nodes_of,
    recorded_graph,
)
from lamina.training.options import FitOptions
from lamina.training.plan.arguments import is_known_loss, loss_kind
from lamina.training.plan.plan import OutputPlan, Plan
from lamina.training.state import MetricsOwner, is_overridden
from lamina.typing import Array

# Rows whose values are looked at, evenly spread over the data.
_SAMPLE_ROWS = 256
_SAMPLE_VALUES = 1_000_000
# Rows of a traced loss, unlikely to equal another size.
_TRACED_ROWS = 61
# Layers that do not change values.
_SHAPE_LAYERS = ("Reshape", "Flatten", "Permute", "RepeatVector", "Dropout")
_FUNCTIONS = {
    "Softmax": "softmax",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "BatchNormalization": "linear",
}


class LastActivation(NamedTuple):
    """Activation that makes an output.

    Args:
        name: its name; `None` if unknown, "linear" for none.
        layer: the layer's name.
        calls: the nodes from the output back to the activation.
    """

    name: str | None
    layer: str
    calls: Sequence[Node]

    @property
    def where(self) -> str:
        """The line that creates the layer, "" if there is none."""
        return created_at(self.calls[-1].operation) if self.calls else ""


class OutputCase:
    """One output of a model with its loss, metrics and labels.

    Args:
        case: the case that it belongs to.
        plan: its loss and metrics.
        labels: an array, or its shape; `None` if there are none.
        pred: the output.
    """

    def __init__(
        self, case: Case, plan: OutputPlan, labels: object, pred: Output
    ) -> None:
        self.case, self.plan, self.pred = case, plan, pred
        self.kind = loss_kind(plan.loss)
        self.labels = labels_of(labels)

    @property
    def loss(self) -> Any:
        """The loss, `None` for an output without one."""
        return self.plan.loss

    @property
    def is_known_loss(self) -> bool:
        """True if the loss is one of lamina's, used as it is."""
        return is_known_loss(self.loss)

    @property
    def units(self) -> int | None:
        """Size of the last axis, `None` if it is unknown."""
        return self.pred.shape[-1] if len(self.pred.shape) > 1 else None

    @property
    def title(self) -> str:
        """Its name for messages."""
        return f"output {self.plan.name!r}" if self.plan.name else "the output"

    @cached_property
    def loss_call(self) -> LossCall | None:
        """A traced call of a user-defined loss; `None` for other losses."""
        labels, sizes = self.labels, self.pred.shape[1:]
        if self.loss is None or self.is_known_loss or labels is None or None in sizes:
            return None
        true, pred = (
            jax.ShapeDtypeStruct((_TRACED_ROWS, *a.shape[1:]), a.dtype)
            for a in (labels.values, self.pred)
        )
        return LossCall.traced(self.loss, true, pred)

    @cached_property
    def nodes(self) -> list[Node]:
        """The calls that made it from its first inputs, last one first."""
        return list(nodes_of(self.pred))

    @cached_property
    def activation(self) -> LastActivation:
        """The last activation."""
        for i, node in enumerate(self.nodes):
            name = type(node.operation).__name__
            if name in _SHAPE_LAYERS or _does_nothing(node.operation):
                continue
            return LastActivation(
                activation_of(node.operation), node.name, self.nodes[: i + 1]
            )
        return LastActivation(None, "", [])

    @property
    def takes_logits(self) -> bool:
        """True if the loss applies a sigmoid or a softmax itself."""
        given = getattr(self.loss, "options", {}).get("from_logits", False)
        return bool(getattr(self.loss, "from_logits", given))


def activation_of(layer: object) -> str | None:
    """Return the name of the activation that a layer applies last.

    `None` if that is unknown; "linear" for a layer with weights and no activation.
    """
    kind = type(layer).__name__
    if kind in _FUNCTIONS:
        return _FUNCTIONS[kind]
    if kind == "TimeDistributed":
        return activation_of(getattr(layer, "layer", None))
    # The output of recurrent layers is a product, not their activation.
    if hasattr(layer, "recurrent_activation"):
        return None
    return getattr(getattr(layer, "activation", None), "__name__", None)


def _does_nothing(layer: object) -> bool:
    is_activation = type(layer).__name__ == "Activation"
    return is_activation and getattr(layer, "activation", None) is activations.linear


class InputCase:
    """One input of a model with its data.

    Args:
        case: the case that it belongs to.
        name: name of the data for messages, such as "x" or "x['age']".
        array: the data of all rows, or of the first batch of a stream.
        tensor: the graph's input, if the model has a graph.
    """

    def __init__(
        self, case: Case, name: str, array: Any, tensor: SymbolicTensor | None
    ) -> None:
        self.case, self.name, self.array, self.tensor = case, name, array, tensor

    @property
    def is_number(self) -> bool:
        """True for arrays of numbers with at least one value."""
        dtype = getattr(self.array, "dtype", None)
        return dtype is not None and dtype.kind in "biuf" and self.array.size > 0

    @cached_property
    def sample(self) -> np.ndarray:
        """Some rows, evenly spread, as (rows, features)."""
        rows, size = len(self.array), max(int(self.array.size), 1)
        count = min(_SAMPLE_ROWS, max(_SAMPLE_VALUES * rows // size, 1), rows)
        index = np.linspace(0, rows - 1, count).astype(int)
        # Indexing an array of JAX compiles a program. On the CPU, NumPy reads it
        # without a copy.
        on_cpu = isinstance(self.array, np.ndarray) or _is_on_cpu(self.array)
        array = np.asarray(self.array) if on_cpu else self.array
        return np.asarray(array[index]).reshape(count, -1)

    @cached_property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value of the sample."""
        return float(self.sample.min()), float(self.sample.max())

    @cached_property
    def first_calls(self) -> list[Node]:
        """The calls that depend on this input, up to the first layer with weights."""
        case, found = self.case, list[Node]()
        known = {case.key(self.tensor)}
        for node in case.nodes:
            if known.intersection(map(case.key, node.inputs)):
                found.append(node)
                known.update(map(case.key, symbolic_leaves(node.outputs)))
                if case.has_weights(node):
                    break
        return found

    @property
    def first_layer(self) -> Any:
        """The first layer that has weights, `None` if it is unknown."""
        last = self.first_calls[-1] if self.first_calls else None
        return last.operation if last and self.case.has_weights(last) else None


def _is_on_cpu(array: jax.Array) -> bool:
    return all(device.platform == "cpu" for device in array.devices())


class Case:
    """A model with its data and the arguments of `fit`.

    Args:
        model: the model, built for the data.
        plan: losses and metrics by output; `None` without labels.
        arrays: `(x, y, sample_weight)`: all rows, or the first batch of a stream.
        pred: the outputs in the plan's order, with nodes if a graph computes them.
        options: the arguments of `fit`.
        callbacks: the run's callbacks.
        is_whole: whether the arrays are all rows of the data.
    """

    def __init__(
        self,
        model: MetricsOwner,
        plan: Plan | None,
        arrays: Parts,
        pred: Sequence[Output],
        options: FitOptions,
        callbacks: Sequence[Callback] = (),
        *,
        is_whole: bool = True,
    ) -> None:
        self.model, self.plan, self.arrays, self.pred = model, plan, arrays, pred
        self.options, self.callbacks = options, callbacks
        # The rows of one batch say little about the data.
        self.is_whole = is_whole and options.steps_per_epoch != 1
        # A user's own step may use data and outputs in any way.
        self.is_plain = not is_overridden(model, "train_step", "compute_loss")

    @cached_property
    def graph(self) -> CallGraph | None:
        """The graph of the model's program, if it has one or `call` can be recorded."""
        graph = graph_of(self.model)
        if graph is None or is_overridden(self.model, "call"):
            return recorded_graph(self.model, self.arrays[0])
        return graph.program

    @property
    def compiled_at(self) -> str:
        """The line that calls `compile`, which creates the metric of the loss."""
        return created_at(self.model.metrics[0])

    @cached_property
    def nodes(self) -> list[Node]:
        """All calls of the graph in order, those of nested models in their place."""
        if self.graph is None:
            return []
        self._keys: dict[int, int] = {}
        return list(_flat_nodes(self.graph, self._keys))

    def is_trained(self, node: Node) -> bool:
        """Return whether the layer that is called has weights to train."""
        return id(node.operation) in self._trained

    def has_weights(self, node: Node) -> bool:
        """Return whether the layer that is called has weights, frozen or not."""
        return id(node.operation) in self._weighted

    @cached_property
    def _trained(self) -> set[int]:
        return self._with("trainable_variables")

    @cached_property
    def _weighted(self) -> set[int]:
        return self._with("weights")

    def _with(self, attribute: str) -> set[int]:
        layers = {id(node.operation): node.operation for node in self.nodes}
        return {k for k, v in layers.items() if getattr(v, attribute, ())}

    def key(self, tensor: object) -> int:
        """Return a key of a tensor that is the same within a nested model."""
        known = self._keys if self.nodes else {}
        return known.get(id(tensor), id(tensor))

    @cached_property
    def pairs(self) -> list[tuple[Node, Node]]:
        """Calls and those that alone take their result."""
        users: dict[int, list[Node]] = {}
        for node in self.nodes:
            for tensor in node.inputs:
                users.setdefault(self.key(tensor), []).append(node)
        found = []
        for node in self.nodes:
            made = symbolic_leaves(node.outputs)
            after = [n for t in made for n in users.get(self.key(t), [])]
            if len(after) == 1 and len(after[0].inputs) == 1:
                found.append((node, after[0]))
        return found

    @cached_property
    def outputs(self) -> list[OutputCase]:
        """The outputs that have a loss."""
        if self.plan is None or not self.is_plain:
            return []
        labels = self.plan.labels(self.arrays[1])
        pred = self.pred
        if self.graph is not None and len(pred) == 1:
            pred = self.graph.output_leaves
        rows = zip(self.plan.outputs, labels, pred, strict=True)
        return [OutputCase(self, *row) for row in rows if row[0].loss is not None]

    @cached_property
    def inputs(self) -> list[InputCase]:
        """The inputs that have data."""
        x, graph = self.arrays[0], self.graph
        if graph is None:
            pairs = [(a, None) for a in jax.tree.leaves(x)]
        else:
            pairs = list(zip(graph.match(x), graph.input_leaves, strict=True))
        keys: Sequence[Any] = range(len(pairs))
        if graph is not None and isinstance(x, dict):
            keys = graph.input_names
        several = len(pairs) > 1
        return [
            InputCase(self, f"x[{key!r}]" if several else "x", a, t)
            for key, (a, t) in zip(keys, pairs, strict=True)
            if isinstance(a, (np.ndarray, jax.Array)) and a.ndim > 0
        ]

    @property
    def unknown_monitors(self) -> list[str]:
        """Explanations of monitored metrics that do not exist."""
        validates = self.options.validation_data is not None
        return list(unknown_monitors(self.model, self.callbacks, validates))

    @cached_property
    def validation(self) -> tuple[Array | np.ndarray, ...]:
        """The arrays `(x, y)` of the validation data; empty for other data."""
        data: Any = self.options.validation_data
        if not isinstance(data, (tuple, list)) or len(data) < 2:
            return ()
        arrays = tuple(data[:2])
        is_array = all(isinstance(a, (np.ndarray, jax.Array)) for a in arrays)
        return arrays if is_array else ()


def _flat_nodes(graph: CallGraph, keys: dict[int, int]) -> Iterator[Node]:
    """Yield the calls of a graph and of those nested in it.

    Args:
        graph: the graph.
        keys: receives a key for each tensor that stands for one of an outer graph.
    """
    for node in graph.nodes:
        inner = graph_of(node.operation)
        if inner is None:
            yield node
            continue
        for inner_input, outer in zip(inner.input_leaves, node.inputs, strict=False):
            keys[id(inner_input)] = keys.get(id(outer), id(outer))
        yield from _flat_nodes(inner, keys)
        made = symbolic_leaves(node.outputs)
        for outer, inner_input in zip(made, inner.output_leaves, strict=False):
            keys[id(outer)] = keys.get(id(inner_input), id(inner_input))
