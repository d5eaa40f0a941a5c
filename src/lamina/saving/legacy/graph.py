"""Conversion of Sequential and functional models of Keras 1, Keras 2 and tf.keras.

Their calls are lists of `[layer, node index, tensor index, keywords]`. The node indices
of a nested model start at 1, as its creation counts as its first call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from lamina.errors import FileFormatError
from lamina.saving.legacy import functions
from lamina.saving.legacy.names import MERGES
from lamina.typing import Config

Convert = Callable[[Config], Config]
_RECURRENT_CLASSES = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")


def sequential(config: Config | list[Config], convert: Convert) -> Config:
    """Convert a Sequential model; one that starts with a `Merge` becomes functional."""
    if isinstance(config, list):  # Early configs have no name.
        config = {"layers": config}
    entries: list[Config] = config["layers"]
    if entries and entries[0]["class_name"] == "Merge":
        return functional(_flatten_branches(config), convert)
    layers = [*_declared_input(entries[0]), *entries] if entries else []
    converted: Config = {"layers": [convert(entry) for entry in layers]}
    if config.get("name"):
        converted["name"] = config["name"]
    return {"class_name": "Sequential", "config": converted}


def _declared_input(entry: Config) -> list[Config]:
    """Return the input layer that a first layer declares, if any."""
    config = entry["config"]
    is_input = entry["class_name"] == "InputLayer"
    if is_input or not isinstance(config, dict) or "batch_input_shape" not in config:
        return []
    dtype = config.get("input_dtype") or "float32"
    name = f"{config.get('name', entry['class_name'].lower())}_input"
    shape = {"batch_shape": config["batch_input_shape"], "dtype": dtype, "name": name}
    return [{"class_name": "InputLayer", "config": shape}]


def _flatten_branches(config: Config) -> Config:
    """Return the graph of a Sequential model that merges others."""
    layers: list[Config] = []
    inputs: list[list[Any]] = []

    def add(entry: Config, sources: list[list[Any]]) -> list[Any]:
        inner = entry["config"]
        name = isinstance(inner, dict) and inner.get("name") or f"layer_{len(layers)}"
        layers.append({**entry, "name": name, "inbound_nodes": sources and [sources]})
        return [name, 0, 0]

    def add_chain(entries: list[Config]) -> list[Any]:
        """Add the layers of a Sequential model and return its output."""
        ends: list[list[Any]] = []
        for entry in entries:
            if entry["class_name"] == "Merge":
                ends = [add_chain(_branch_layers(b)) for b in entry["config"]["layers"]]
            elif not ends and entry["class_name"] != "InputLayer":
                declared = _declared_input(entry)
                if not declared:
                    raise FileFormatError(
                        "The model in the file has a branch without an input shape."
                    )
                ends = [add(declared[0], [])]
                inputs.append(ends[0])
            ends = [add(entry, ends)]
            if entry["class_name"] == "InputLayer":
                inputs.append(ends[0])
        if not ends:
            raise FileFormatError("The model in the file has a branch without layers.")
        return ends[0]

    outputs = [add_chain(config["layers"])]
    names = {"name": config["name"]} if config.get("name") else {}
    ends = {"input_layers": inputs, "output_layers": outputs}
    return {**names, "layers": layers, **ends}


def _branch_layers(entry: Config) -> list[Config]:
    """Return the layers of a Sequential branch, or the branch itself as a list."""
    if entry["class_name"] != "Sequential":
        return [entry]
    config = entry["config"]
    return config if isinstance(config, list) else config["layers"]


def functional(config: Config, convert: Convert) -> Config:
    """Convert a functional model."""
    graph = _Graph(config)
    layers = [new for e in config["layers"] for new in graph.convert_layer(e, convert)]
    head = {k: config[k] for k in ("name", "trainable") if k in config}
    ends = {
        k: graph.map_refs(config[k], graph.ref)
        for k in ("input_layers", "output_layers")
    }
    ends = {
        k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in ends.items()
    }
    return {"class_name": "Functional", "config": {**head, "layers": layers, **ends}}


class _Graph:
    """Graph of a functional model, with the number by which node indices are too high.

    Args:
        config: config of the model in the file.
    """

    def __init__(self, config: Config) -> None:
        entries = config["layers"]
        calls = {e["name"]: e.get("inbound_nodes") or [] for e in entries}
        highest: dict[str, int] = {}
        for name, node, *_ in _refs_in([*calls.values(), config["output_layers"]]):
            highest[name] = max(node, highest.get(name, 0))
        self.offsets = {
            name: max(0, node + 1 - max(len(calls.get(name, [0])), 1))
            for name, node in highest.items()
        }

    def ref(self, value: list[Any]) -> list[Any]:
        name, node, tensor = value[:3]
        return [name, node - self.offsets.get(name, 0), tensor]

    def tensor(self, value: list[Any]) -> Config:
        return _tensor(self.ref(value))

    def convert_layer(self, entry: Config, convert: Convert) -> list[Config]:
        """Convert a layer and its calls."""
        kind, name = entry["class_name"], entry["name"]
        nodes = [self.convert_call(entry, c) for c in entry.get("inbound_nodes") or []]
        if kind == "Merge":
            return _convert_merge(name, entry["config"], nodes)
        is_function = kind in functions.FUNCTION_LAYERS
        new = functions.function_entry(entry) if is_function else convert(entry)
        new["config"]["name"] = name
        return [{**new, "name": name, "inbound_nodes": nodes}]

    def convert_call(self, entry: Config, call: Any) -> Config:
        kind, is_list = entry["class_name"], isinstance(call, list) and bool(call)
        is_list = is_list and isinstance(call[0], list)
        parts = call if is_list else [call]
        is_function = kind in functions.FUNCTION_LAYERS
        if not all(_is_ref(p) or is_function and _is_constant(p) for p in parts):
            raise FileFormatError(
                f"The file calls {entry['name']!r} on {call!r}, which is not a tensor "
                "of the model."
            )
        inputs = [self.tensor(p) if _is_ref(p) else p[2] for p in parts]
        keywords: Config = {}
        for part in parts:
            keywords |= self.map_refs(part[3], self.tensor) if len(part) == 4 else {}
        if is_function:
            return functions.function_call(
                entry, inputs if is_list else inputs[0], keywords
            )
        kwargs = {k: v for k, v in keywords.items() if v is not None}
        if len(inputs) > 1 and kind in _RECURRENT_CLASSES:
            inputs, kwargs["initial_state"] = inputs[:1], inputs[1:]
        return {"args": inputs if len(inputs) == 1 else [inputs], "kwargs": kwargs}

    def map_refs(self, value: object, convert: Callable[[list[Any]], Any]) -> Any:
        """Convert the references to tensors in nested lists and dictionaries."""
        if _is_ref(value):
            return convert(value)
        if isinstance(value, dict):
            return {k: self.map_refs(v, convert) for k, v in value.items()}
        if isinstance(value, list):
            return [self.map_refs(item, convert) for item in value]
        return value


def _refs_in(value: object) -> Iterator[list[Any]]:
    if _is_ref(value):
        yield value
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _refs_in(item)


def _is_ref(value: object) -> TypeGuard[list[Any]]:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(n, int) and n >= 0 for n in value[1:3])
    )


def _is_constant(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and value[0] == "_CONSTANT_VALUE"


def _tensor(ref: list[Any]) -> Config:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": ref}}


def _convert_merge(name: str, config: Config, nodes: list[Config]) -> list[Config]:
    """Convert a `Merge` layer of Keras 1; mode 'cos' becomes two layers."""
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in MERGES:
        raise FileFormatError(
            f"Merge {name!r} in the file has the mode {mode!r}; supported are "
            f"{', '.join(MERGES)}."
        )
    options: Config = {"name": name}
    if mode == "concat":
        options["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        options |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
    entry = {"class_name": MERGES[mode], "config": options}
    if mode != "cos":
        return [{**entry, "name": name, "inbound_nodes": nodes}]
    # Mode 'cos' has one more output axis than `Dot`.
    inner = options["name"] = f"{name}_product"
    reshape = {"name": name, "target_shape": [1, 1]}
    calls = [
        {"args": [_tensor([inner, i, 0])], "kwargs": {}} for i in range(len(nodes))
    ]
    return [
        {**entry, "name": inner, "inbound_nodes": nodes},
        {
            "class_name": "Reshape",
            "config": reshape,
            "name": name,
            "inbound_nodes": calls,
        },
    ]
