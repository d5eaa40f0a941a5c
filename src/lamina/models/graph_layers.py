"""The layers of a graph, in the order of `model.layers`, and shapes of outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.graph import Node, SymbolicTensor, infer, map_symbolic
from lamina.errors import ArgumentError
from lamina.layers import InputLayer, Layer
from lamina.layers.base.call_graph import CallGraph
from lamina.typing import Array
from lamina.value_errors import VALUE_ERRORS


def input_layer(tensor: SymbolicTensor) -> InputLayer:
    """Return the `InputLayer` of an input tensor, which may be another's output."""
    if tensor.layer is None:
        # A later call of the layer that computes the tensor may be in the graph too.
        name = tensor.name if tensor.node is None else f"{tensor.name}_input"
        tensor.layer = InputLayer(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=name
        )
    return tensor.layer


def symbolic_like(array: Array) -> SymbolicTensor:
    """Return a symbolic tensor of an array's shape and type."""
    return SymbolicTensor(array.shape, str(array.dtype))


def infer_outputs(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_eager: bool,
) -> Any:
    """Return symbolic outputs of a call, which builds the layers.

    Args:
        call: calls a model.
        args: arrays, or their shapes and types.
        kwargs: keyword arguments.
        is_eager: whether the call may need values, which are zeros then.
    """
    specs = jax.tree.map(symbolic_like, args)
    try:
        return infer(call, specs, kwargs)
    except VALUE_ERRORS:
        if not is_eager:
            raise
    zeros = map_symbolic(lambda t: jnp.zeros([n or 1 for n in t.shape], t.dtype), specs)
    return jax.tree.map(symbolic_like, call(*zeros, **kwargs))


def layers_of(graph: CallGraph) -> list[Layer]:
    """Return layers by depth from the inputs, then by a search from the outputs.

    Raises:
        ArgumentError: two layers have the same name.
    """
    deepest: dict[int, int] = {}
    given = {id(t) for t in graph.input_leaves}
    for node, depth in zip(graph.nodes, _depths(graph.nodes), strict=True):
        starts = [(input_layer(t), depth + 1) for t in node.inputs if id(t) in given]
        for operation, deep in ((node.operation, depth), *starts):
            deepest[id(operation)] = max(deep, deepest.get(id(operation), 0))
    ends = [input_layer(t) for t in graph.input_leaves]
    unused = [layer for layer in ends if id(layer) not in deepest]
    layers = {id(layer): layer for layer in (*unused, *_reached(graph))}
    found = sorted(layers.values(), key=lambda layer: -deepest.get(id(layer), 0))
    _refuse_equal_names(found)
    return found


def _depths(nodes: Sequence[Node]) -> list[int]:
    """Return the number of nodes on the longest path from each one to an output."""
    depths = {id(node): 0 for node in nodes}
    for node in reversed(nodes):
        for tensor in node.inputs:
            key = id(tensor.node)
            depths[key] = max(depths.get(key, 0), depths[id(node)] + 1)
    return [depths[id(node)] for node in nodes]


def _reached(graph: CallGraph) -> list[Layer]:
    """Return the layers in the order of a depth-first search from the outputs."""
    unvisited = {id(node) for node in graph.nodes}
    given = {id(t) for t in graph.input_leaves}
    found: list[Layer] = []
    stack = graph.output_leaves[::-1]
    while stack:
        tensor = stack.pop()
        node = tensor.node
        if node is None or id(tensor) in given:
            found.append(input_layer(tensor))
        elif id(node) in unvisited:
            unvisited.remove(id(node))
            if isinstance(node.operation, Layer):
                found.append(node.operation)
            stack.extend(reversed(node.inputs))
    return found


def _refuse_equal_names(layers: Sequence[Layer]) -> None:
    seen: dict[str, Layer] = {}
    for layer in layers:
        other = seen.setdefault(layer.name, layer)
        if other is not layer:
            kind = type(layer).__name__
            raise ArgumentError(
                f"Two layers are named {layer.name!r} ({type(other).__name__} and "
                f"{kind}). Layers of one model need different names: rename one of "
                f"them, as in {kind}(..., name={layer.name + '_2'!r})."
            )
