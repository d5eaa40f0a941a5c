"""Conversion of graphs to configs in Keras's layout and back.

Each layer lists its calls. The address of a tensor is the layer's name, the index of
the call and the index of the output. A function of `lamina.ops` has an entry like a
layer; see `graph_ops`.
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

# The layer's name, the index of the call, the index of the output.
Address = tuple[str, int, int]


def graph_config(graph: Graph) -> dict[str, Any]:
    """Return the config of a graph: layers with their calls, inputs and outputs."""
    names, calls = _number_calls(graph)
    addresses: dict[int, list[Any]] = {
        id(t): [input_layer(t).name, 0, 0] for t in graph.input_leaves
    }
    for node in graph.nodes:
        name, number = names[id(node)]
        for i, tensor in enumerate(symbolic_leaves(node.outputs)):
            addresses[id(tensor)] = [name, number, i]

    def entry(name: str, item: dict[str, Any], calls: list[Call]) -> dict[str, Any]:
        inbound = [_call_config(call, addresses) for call in calls]
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

    def address(tensor: SymbolicTensor) -> list[Any]:
        return list(addresses[id(tensor)])

    return {
        "layers": entries,
        "input_layers": map_symbolic(address, graph.inputs),
        "output_layers": map_symbolic(address, graph.outputs),
    }


def _number_calls(
    graph: Graph,
) -> tuple[dict[int, tuple[str, int]], dict[str, list[Node]]]:
    """Return a name and call index for each node, and the nodes of each name."""
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


def _call_config(call: Call, addresses: dict[int, list[Any]]) -> dict[str, Any]:
    def tensor(value: SymbolicTensor) -> dict[str, Any]:
        config = {
            "shape": list(value.shape),
            "dtype": value.dtype,
            "keras_history": addresses[id(value)],
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
    """Build the graph of a config and return its symbolic inputs and outputs.

    Raises:
        FileFormatError: a call depends on a tensor that does not exist, or on itself.
    """
    tensors: dict[Address, SymbolicTensor] = {}
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
    """Refuse calls with too many values in lists, and return their number."""
    arguments = [entry["inbound_nodes"], entry["config"] if is_op(entry) else None]
    count = _count_values(arguments)
    if count > MAX_ARGUMENTS:
        raise FileFormatError(
            f"The model's graph cannot be built: {shown(entry['name'])} is called with "
            f"lists of more than {MAX_ARGUMENTS:,} values."
        )
    return count


def _count_values(value: Any) -> int:
    """Count the values in lists, without those of serialized objects."""
    if isinstance(value, dict):
        return 0 if "class_name" in value else _count_values(list(value.values()))
    return len(value) + sum(map(_count_values, value)) if isinstance(value, list) else 0


def _operation(entry: dict[str, Any]) -> Any:
    if is_op(entry):
        return op_from_config(entry)
    return deserialize({k: v for k, v in entry.items() if k != "inbound_nodes"})


def _in_order(
    calls: dict[tuple[str, int], tuple[Any, dict[str, Any]]],
) -> list[tuple[str, int]]:
    """Return the calls in topological order."""
    needed = {
        key: {address[:2] for address in _addresses(call)} & calls.keys()
        for key, (_, call) in calls.items()
    }
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError as error:
        names = sorted({name for name, _ in error.args[1]})
        raise FileFormatError(
            f"The model's graph cannot be built: the calls of {names} depend on their "
            "own results."
        ) from None


def _addresses(value: Any) -> Iterator[Address]:
    """Yield the addresses of the tensors in the arguments of a call."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _addresses(item)
    elif isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield _address(value)
        else:
            yield from _addresses(list(value.values()))


def _address(tensor: dict[str, Any]) -> Address:
    name, call, output = tensor["config"]["keras_history"]
    return name, call, output


def _call(
    operation: Any,
    call: dict[str, Any],
    name: str,
    tensors: dict[Address, SymbolicTensor],
) -> Any:
    args, kwargs = _restore((call["args"], call["kwargs"]), tensors)
    if not symbolic_leaves((args, kwargs)):
        raise FileFormatError(
            f"The model's graph cannot be built: {name!r} is called on no tensor of it."
        )
    return operation(*args, **kwargs)


def _restore(value: Any, tensors: dict[Address, SymbolicTensor]) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)([_restore(v, tensors) for v in value])
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        return _tensor_at(_address(value), tensors)
    if "class_name" in value:
        return deserialize(value)
    return {k: _restore(v, tensors) for k, v in value.items()}


def _tensor_at(
    address: Address, tensors: dict[Address, SymbolicTensor]
) -> SymbolicTensor:
    if address not in tensors:
        name, call, output = address
        raise FileFormatError(
            f"The model's graph cannot be built: there is no output {output} of call "
            f"{call} of {name!r}."
        )
    return tensors[address]


def _tensors_at(addresses: Any, tensors: dict[Address, SymbolicTensor]) -> Any:
    """Return the tensors at addresses in nested lists and dictionaries."""
    if isinstance(addresses, dict):
        return {k: _tensors_at(v, tensors) for k, v in addresses.items()}
    if not isinstance(addresses, (list, tuple)):
        raise FileFormatError(f"The model's graph has no tensor at {addresses!r}.")
    if len(addresses) == 3 and isinstance(addresses[0], str):
        return _tensor_at((addresses[0], addresses[1], addresses[2]), tensors)
    return [_tensors_at(address, tensors) for address in addresses]
