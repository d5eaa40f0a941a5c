"""A graph as a config and back, in Keras's layout.

Each layer lists the calls made on it; a tensor is named by the layer, the number of
the call, and the number of the output. A function of `lamina.ops` in a graph stands
there like a layer; `graph_ops` says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import jax

from lamina.core.budget import MAX_ARGUMENTS
from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves
from lamina.core.registry import deserialize, serialize
from lamina.core.scope import local
from lamina.errors import FileFormatError, shown
from lamina.layers import InputLayer, Layer
from lamina.models.graph import Graph, input_layer
from lamina.models.graph_ops import Call, is_op, op_config, op_from_config

__all__ = ["graph_config", "graph_from_config"]

# The layer's name, the number of the call, the number of the output.
Place = tuple[str, int, int]


def graph_config(graph: Graph) -> dict[str, Any]:
    """The layers, their calls, and which tensors go in and come out."""
    names, calls = _number_calls(graph)
    address: dict[int, list[Any]] = {
        id(t): [input_layer(t).name, 0, 0] for t in graph.input_leaves
    }
    for node in graph.nodes:
        name, number = names[id(node)]
        for i, tensor in enumerate(symbolic_leaves(node.outputs)):
            address[id(tensor)] = [name, number, i]

    def entry(name: str, item: dict[str, Any], calls: list[Call]) -> dict[str, Any]:
        inbound = [_call_config(call, address) for call in calls]
        return {**item, "name": name, "inbound_nodes": inbound}

    entries = [
        entry(
            layer.name,
            serialize(layer),
            [(list(n.args), n.kwargs) for n in calls.pop(layer.name, [])],
        )
        for layer in graph.layers
    ]
    for name, (node,) in calls.items():
        item, call = op_config(name, node.operation, (list(node.args), node.kwargs))
        entries.append(entry(name, item, [call]))

    def place(tensor: SymbolicTensor) -> list[Any]:
        return list(address[id(tensor)])

    return {
        "layers": entries,
        "input_layers": map_symbolic(place, graph.inputs),
        "output_layers": map_symbolic(place, graph.outputs),
    }


def _number_calls(
    graph: Graph,
) -> tuple[dict[int, tuple[str, int]], dict[str, list[Node]]]:
    """A name and number for each node, and the nodes of each name."""
    taken = {layer.name for layer in graph.layers}
    names: dict[int, tuple[str, int]] = {}
    calls: dict[str, list[Node]] = {}
    for node in graph.nodes:
        name = node.name
        if not isinstance(node.operation, Layer):
            count = 0
            while name in taken:
                count += 1
                name = f"{node.name}_{count}"
            taken.add(name)
        calls.setdefault(name, []).append(node)
        names[id(node)] = name, len(calls[name]) - 1
    return names, calls


def _call_config(call: Call, address: dict[int, list[Any]]) -> dict[str, Any]:
    def tensor(value: SymbolicTensor) -> dict[str, Any]:
        config = {
            "shape": list(value.shape),
            "dtype": value.dtype,
            "keras_history": address[id(value)],
        }
        return {"class_name": "__keras_tensor__", "config": config}

    def plain(value: Any) -> Any:
        return tensor(value) if isinstance(value, SymbolicTensor) else serialize(value)

    args, kwargs = jax.tree.map(
        plain,
        call,
        is_leaf=lambda v: v is None or isinstance(v, SymbolicTensor),
    )
    return {"args": args, "kwargs": kwargs}


def graph_from_config(config: dict[str, Any]) -> tuple[Any, Any]:
    """The symbolic inputs and outputs that `graph_config` describes.

    Raises:
        FileFormatError: a call depends on a tensor that nothing makes, or on itself.
    """
    tensors: dict[Place, SymbolicTensor] = {}
    calls: dict[tuple[str, int], tuple[Any, dict[str, Any]]] = {}
    for entry in config["layers"]:
        values = _require_few(entry)
        if local.budget is not None:
            recorded = len(entry["inbound_nodes"]) + is_op(entry)
            local.budget.allow_calls(recorded, values)
        name, operation = entry["name"], _operation(entry)
        if isinstance(operation, InputLayer):
            tensors[name, 0, 0] = operation.output
        for number, call in enumerate(entry["inbound_nodes"]):
            calls[name, number] = operation, call
    for name, number in _in_order(calls):
        outputs = _call(*calls[name, number], name, tensors)
        for i, tensor in enumerate(symbolic_leaves(outputs)):
            tensors[name, number, i] = tensor
    return (
        _tensors_at(config["input_layers"], tensors),
        _tensors_at(config["output_layers"], tensors),
    )


def _require_few(entry: dict[str, Any]) -> int:
    """Refuse a call with too many values in lists; returns their number."""
    arguments = [entry["inbound_nodes"], entry["config"] if is_op(entry) else None]
    count = _numbers(arguments)
    if count > MAX_ARGUMENTS:
        raise FileFormatError(
            f"The model's graph can't be built: {shown(entry['name'])} is called with "
            f"lists of more than {MAX_ARGUMENTS:,} values."
        )
    return count


def _numbers(value: Any) -> int:
    """How many values stand in lists, those of arrays left out."""
    if isinstance(value, dict):
        return 0 if "class_name" in value else _numbers(list(value.values()))
    return len(value) + sum(map(_numbers, value)) if isinstance(value, list) else 0


def _operation(entry: dict[str, Any]) -> Any:
    if is_op(entry):
        return op_from_config(entry)
    return deserialize({k: v for k, v in entry.items() if k != "inbound_nodes"})


def _in_order(
    calls: dict[tuple[str, int], tuple[Any, dict[str, Any]]],
) -> list[tuple[str, int]]:
    """The calls, each after those whose results it takes."""
    before = {key: {p[:2] for p in _places(call)} for key, (_, call) in calls.items()}
    known = {key: needed & calls.keys() for key, needed in before.items()}
    try:
        return list(TopologicalSorter(known).static_order())
    except CycleError as error:
        names = sorted({name for name, _ in error.args[1]})
        raise FileFormatError(
            f"The model's graph can't be built: the calls of {names} depend on their "
            "own results."
        ) from None


def _places(value: Any) -> Iterator[Place]:
    """Where the tensors in the arguments of a call come from."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _places(item)
    elif isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield _place(value)
        else:
            yield from _places(list(value.values()))


def _place(tensor: dict[str, Any]) -> Place:
    name, number, place = tensor["config"]["keras_history"]
    return name, number, place


def _call(
    operation: Any,
    call: dict[str, Any],
    name: str,
    tensors: dict[Place, SymbolicTensor],
) -> Any:
    args, kwargs = _restore((call["args"], call["kwargs"]), tensors)
    if not symbolic_leaves((args, kwargs)):
        raise FileFormatError(
            f"The model's graph can't be built: {name!r} is called on no tensor of it."
        )
    return operation(*args, **kwargs)


def _restore(value: Any, tensors: dict[Place, SymbolicTensor]) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)([_restore(v, tensors) for v in value])
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        return _found(_place(value), tensors)
    if "class_name" in value:
        return deserialize(value)
    return {k: _restore(v, tensors) for k, v in value.items()}


def _found(place: Place, tensors: dict[Place, SymbolicTensor]) -> SymbolicTensor:
    if place not in tensors:
        raise FileFormatError(
            f"The model's graph can't be built: nothing makes output {place[2]} of "
            f"call {place[1]} of {place[0]!r}."
        )
    return tensors[place]


def _tensors_at(places: Any, tensors: dict[Place, SymbolicTensor]) -> Any:
    if isinstance(places, dict):
        return {k: _tensors_at(v, tensors) for k, v in places.items()}
    if not isinstance(places, (list, tuple)):
        raise FileFormatError(f"The model's graph has no tensor at {places!r}.")
    if len(places) == 3 and isinstance(places[0], str):
        return _found((places[0], places[1], places[2]), tensors)
    return [_tensors_at(p, tensors) for p in places]
