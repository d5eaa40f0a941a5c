"""Graphs of models in the format of TensorBoard's graph explorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves
from lamina.layers.base import Layer
from lamina.layers.base.call_graph import CallGraph, graph_of


def serialized_graph(model: Layer) -> bytes | None:
    """Return the calls of a model as a serialized `GraphDef`; `None` if unknown.

    A node is a call of a layer or function. Those of a nested model have its name
    before theirs, so that TensorBoard shows them as one box that can be opened.
    """
    graph = graph_of(model)
    if graph is None:
        return None
    writer = _GraphWriter()
    inputs = [writer.add(t.name, "InputLayer", [], [t]) for t in graph.input_leaves]
    writer.add_calls(graph, inputs, "")
    return writer.graph.SerializeToString()


class _GraphWriter:
    """Adds nodes with unique names to a `GraphDef`."""

    def __init__(self) -> None:
        # Optional dependency; its classes are made at run time.
        from tensorboardX.proto import graph_pb2

        messages: Any = graph_pb2
        self.graph: Any = messages.GraphDef()
        self._counts: dict[str, int] = {}

    def add(
        self,
        name: str,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[SymbolicTensor],
    ) -> str:
        """Add a node and return its name."""
        node = self.graph.node.add(name=self._unique(name), op=kind, input=inputs)
        # The explorer writes these shapes beside edges.
        shapes = node.attr["_output_shapes"].list.shape
        for tensor in outputs:
            shape = shapes.add()
            for size in tensor.shape:
                shape.dim.add(size=-1 if size is None else size)
        return node.name

    def add_calls(
        self, graph: CallGraph, inputs: Sequence[str], prefix: str
    ) -> list[str]:
        """Add the nodes of a graph and return the names of its outputs.

        Args:
            graph: the calls of a model.
            inputs: names of the tensors that are its inputs.
            prefix: name of a nested model, with a slash.
        """
        names = dict(zip(map(id, graph.input_leaves), inputs, strict=True))
        for node in graph.nodes:
            sources = [names[id(tensor)] for tensor in node.inputs]
            outputs = symbolic_leaves(node.outputs)
            inner = graph_of(node.operation)
            name = f"{prefix}{node.name}"
            if inner is not None and len(sources) == len(inner.input_leaves):
                made = self.add_calls(inner, sources, f"{self._unique(name)}/")
            else:
                one = self.add(name, _kind(node), sources, outputs)
                made = [f"{one}:{i}" if i else one for i in range(len(outputs))]
            names.update(zip(map(id, outputs), made, strict=True))
        return [names[id(tensor)] for tensor in graph.output_leaves]

    def _unique(self, name: str) -> str:
        count = self._counts.get(name, 0)
        self._counts[name] = count + 1
        return f"{name}_{count}" if count else name


def _kind(node: Node) -> str:
    is_layer = hasattr(node.operation, "get_config")
    return type(node.operation).__name__ if is_layer else node.name
