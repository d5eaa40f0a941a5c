"""Nodes of a graph that computed an output, also of models with their own `call`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import jax

from lamina.core.cost import Budget
from lamina.core.graph import Node, SymbolicTensor
from lamina.core.scope import override
from lamina.core.tracing.scopes import SymbolicScope
from lamina.layers import Layer
from lamina.layers.base.call_graph import CallGraph, graph_of

# Recording takes about a millisecond for each layer or function, which count twice.
_MOST_CALLS = 200

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


def recorded_graph(model: Layer, x: Any) -> CallGraph | None:
    """Return the graph of a user's `call`, recorded on a symbolic input.

    Args:
        model: a model that is built.
        x: its input, an array.

    Returns:
        `None` if `call` needs arrays or several inputs, returns several outputs, or
        calls more than about a hundred layers and functions.
    """
    if not hasattr(x, "dtype"):
        return None
    tensor = SymbolicTensor((None, *x.shape[1:]), x.dtype, name="x")
    budget = Budget(0, "")
    budget.allowed_calls = _MOST_CALLS
    with _restored(model), SymbolicScope(), override(budget=budget):
        try:
            outputs = model.call(tensor)
        except Exception:  # code for arrays may raise anything
            return None
    is_one = isinstance(outputs, SymbolicTensor) and outputs.node is not None
    return CallGraph(tensor, outputs) if is_one else None


@contextmanager
def _restored(model: Layer) -> Iterator[None]:
    """Restore at the end the attributes of a model, and lists and dictionaries in them.

    They are never empty in between, as another thread may call the model.
    """
    before = list(_with_copies([vars(module) for module in model.modules()]))
    try:
        yield
    finally:
        for container, copy in before:
            if isinstance(container, list):
                container[:] = copy
                continue
            for name in container.keys() - copy.keys():
                del container[name]
            container.update(copy)


def _with_copies(containers: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield lists and dictionaries, and those in them, each with a copy."""
    seen: set[int] = set()
    stack = list(containers)
    while stack:
        container = stack.pop()
        if type(container) in (list, dict) and id(container) not in seen:
            seen.add(id(container))
            yield container, container.copy()
            stack += container.values() if type(container) is dict else container
