"""Nodes of a graph that computed an output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import jax

from lamina.core.graph import Node, SymbolicTensor
from lamina.layers.base.call_graph import graph_of

# An output of a graph, or the shape of another model's output.
Output: TypeAlias = SymbolicTensor | jax.ShapeDtypeStruct


def nodes_of(tensor: object) -> Iterator[Node]:
    """Yield the nodes that computed a tensor from its first inputs, last one first.

    A nested model with one output is replaced by its nodes.
    """
    while (node := getattr(tensor, "node", None)) is not None:
        graph = graph_of(node.operation)
        if graph is not None and isinstance(graph.outputs, SymbolicTensor):
            tensor = graph.outputs
        else:
            yield node
            tensor = node.inputs[0]
