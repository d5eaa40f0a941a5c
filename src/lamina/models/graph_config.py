"""Conversion of graphs to configs in Keras's layout and back.

Each layer lists its calls. The address of a tensor is the layer's name, the index of
the call and the index of the output. A function of `lamina.ops` has an entry like a
layer; see `graph_ops`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

import jax

from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves
from lamina.core.registry import as_list_or_tuple, deserialize, serialize
from lamina.core.scope import local
from lamina.core.untrusted import MAX_ARGUMENTS
from lamina.errors import FileFormatError, shown
from lamina.layers import InputLayer, Layer
from lamina.layers.base.call_graph import CallGraph
from lamina.layers.base.operation import Operation as BaseOperation
from lamina.models.graph_layers import input_layer
from lamina.models.graph_ops import Call, Operation, is_op, op_config, op_from_config
from lamina.typing import Config, PyTree

# The layer's name, the index of the call, the index of the output.
Address: TypeAlias = tuple[str, int, int]
# Key of the ends, inputs or outputs, whose dictionaries are an `OrderedDict`.
ORDERED = "ordered"


def graph_config(graph: CallGraph, layers: Sequence[Layer]) -> Config:
    """Return the config of a graph: layers with their calls, inputs and outputs."""
    called = [node.operation for node in graph.nodes]
    operations = [item for item in called if isinstance(item, BaseOperation)]
    by_name = {item.name: item for item in (*layers, *operations)}
    calls: dict[str, list[Node]] = {name: [] for name in by_name}
    addresses = {id(t): [input_layer(t).name, 0, 0] for t in graph.input_leaves}
    for node in graph.nodes:
        name, count = node.name, 0
        while name in calls and not isinstance(node.operation, BaseOperation):
            count += 1
            name = f"{node.name}_{count}"
        nodes = calls.setdefault(name, [])
        for i, tensor in enumerate(symbolic_leaves(node.outputs)):
            addresses[id(tensor)] = [name, len(nodes), i]
        nodes.append(node)

    def entry(name: str, nodes: Sequence[Node]) -> Config:
        recorded: list[Call] = [([*node.args], node.kwargs) for node in nodes]
        if name in by_name:
            item = serialize(by_name[name])
        else:
            item, recorded[0] = op_config(name, nodes[0].operation, recorded[0])
        inbound = [_call_config(call, addresses) for call in recorded]
        return {**item, "name": name, "inbound_nodes": inbound}

    ends = {"input_layers": graph.inputs, "output_layers": graph.outputs}
    config: Config = {"layers": [entry(name, nodes) for name, nodes in calls.items()]}
    config |= map_symbolic(lambda t: [*addresses[id(t)]], ends)
    if ordered := [name for name, tree in ends.items() if _is_ordered(tree)]:
        config[ORDERED] = ordered
    return config


def _is_ordered(tree: PyTree) -> bool:
    """Return whether a tree has an `OrderedDict`, whose keys JAX does not sort."""
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, OrderedDict))
    return any(isinstance(node, OrderedDict) for node in nodes)


def _call_config(call: Call, addresses: Mapping[int, list[Any]]) -> Config:
    def config(value: object) -> Any:
        if not isinstance(value, SymbolicTensor):
            return serialize(value)
        tensor = {
            "shape": list(value.shape),
            "dtype": value.dtype,
            "keras_history": addresses[id(value)],
        }
        return {"class_name": "__keras_tensor__", "config": tensor}

    args, kwargs = jax.tree.map(config, call)
    return {"args": args, "kwargs": kwargs}


def graph_from_config(config: Config) -> tuple[Any, Any]:
    """Build the graph of a config and return its symbolic inputs and outputs.

    Raises:
        FileFormatError: a call depends on a tensor that does not exist, or on itself.
    """
    tensors: dict[Address, SymbolicTensor] = {}
    calls: dict[tuple[str, int], tuple[Operation, Config]] = {}
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
        operation, call = calls[name, number]
        arguments = call["args"], call["kwargs"]
        args, kwargs = _map_tensors(
            arguments, lambda address: _tensor_at(address, tensors), deserialize
        )
        if not symbolic_leaves((args, kwargs)):
            raise FileFormatError(
                f"The model's graph cannot be built: {name!r} is called on no tensor "
                "of it."
            )
        outputs = operation(*args, **kwargs)
        for i, tensor in enumerate(symbolic_leaves(outputs)):
            tensors[name, number, i] = tensor
    ordered = config.get(ORDERED, ())

    def tensors_of(name: str) -> Any:
        dictionary = OrderedDict if name in ordered else dict
        return _tensors_at(config[name], tensors, dictionary)

    return tensors_of("input_layers"), tensors_of("output_layers")


def _require_few(entry: Config) -> int:
    """Refuse calls with too many values in lists, and return their number."""
    arguments = [entry["inbound_nodes"], entry["config"] if is_op(entry) else None]
    count = _count_values(arguments)
    if count > MAX_ARGUMENTS:
        raise FileFormatError(
            f"The model's graph cannot be built: {shown(entry['name'])} is called with "
            f"lists of more than {MAX_ARGUMENTS:,} values."
        )
    return count


def _count_values(value: object) -> int:
    """Count the values in lists, without those of serialized objects."""
    if isinstance(value, dict):
        return 0 if "class_name" in value else _count_values(list(value.values()))
    return len(value) + sum(map(_count_values, value)) if isinstance(value, list) else 0


def _operation(entry: Config) -> Operation:
    if is_op(entry):
        return op_from_config(entry)
    return deserialize({k: v for k, v in entry.items() if k != "inbound_nodes"})


def _in_order(
    calls: Mapping[tuple[str, int], tuple[Operation, Config]],
) -> list[tuple[str, int]]:
    """Return the calls in topological order."""
    needed: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for key, (_, call) in calls.items():
        found: list[Address] = []
        _map_tensors(call, found.append, lambda config: config)
        needed[key] = {address[:2] for address in found} & calls.keys()
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError as error:
        names = sorted({name for name, _ in error.args[1]})
        raise FileFormatError(
            f"The model's graph cannot be built: the calls of {names} depend on their "
            "own results."
        ) from None


def _map_tensors(
    value: object, tensor: Callable[[Address], Any], item: Callable[[Config], Any]
) -> Any:
    """Replace the configs of tensors and objects in the arguments of a call.

    Args:
        value: a config.
        tensor: returns the replacement of a tensor.
        item: returns the replacement of another object with a `class_name`.
    """
    if isinstance(value, (list, tuple)):
        values = [_map_tensors(v, tensor, item) for v in value]
        return as_list_or_tuple(value, values)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        name, call, output = value["config"]["keras_history"]
        return tensor((name, call, output))
    if "class_name" in value:
        return item(value)
    return {k: _map_tensors(v, tensor, item) for k, v in value.items()}


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


def _tensors_at(
    addresses: object,
    tensors: dict[Address, SymbolicTensor],
    dictionary: type[dict[str, Any]],
) -> Any:
    """Return the tensors at addresses in nested lists and dictionaries.

    Args:
        addresses: part of a config.
        tensors: the graph's tensors.
        dictionary: type of the dictionaries in the result.
    """
    if isinstance(addresses, dict):
        items = addresses.items()
        return dictionary((k, _tensors_at(v, tensors, dictionary)) for k, v in items)
    if not isinstance(addresses, (list, tuple)):
        raise FileFormatError(
            f"The config is damaged: the graph has no tensor at {addresses!r}."
        )
    if len(addresses) == 3 and isinstance(addresses[0], str):
        return _tensor_at((addresses[0], addresses[1], addresses[2]), tensors)
    found = [_tensors_at(address, tensors, dictionary) for address in addresses]
    return as_list_or_tuple(addresses, found)
