"""Conversion of Sequential and functional models of Keras 1, Keras 2 and tf.keras.

Their calls are lists of `[layer, node index, tensor index, keywords]`. The node indices
of a nested model start at 1, as its creation counts as its first call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import FileFormatError
from lamina.saving.legacy.functions import (
    FUNCTION_LAYERS,
    function_call,
    function_entry,
)
from lamina.saving.legacy.names import MERGES

Convert = Callable[[dict[str, Any]], dict[str, Any]]
_RECURRENT_CLASSES = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")


def sequential(config: Any, convert: Convert) -> dict[str, Any]:
    """Convert a Sequential model; one that starts with a `Merge` becomes functional."""
    if isinstance(config, list):  # Early configs have no name.
        config = {"layers": config}
    entries = config["layers"]
    if entries and entries[0]["class_name"] == "Merge":
        graph = _Graph(convert)
        graph.outputs = graph.chain(entries)
        return graph.config(config.get("name"))
    layers = [convert(entry) for entry in entries]
    if entries and layers[0]["class_name"] != "InputLayer":
        inputs = _declared_input(entries[0], layers[0])
        layers = [*inputs, *layers]
    for layer in layers[1:]:
        if isinstance(layer["config"], dict):
            layer["config"].pop("batch_input_shape", None)
    converted = {"layers": layers}
    if config.get("name"):
        converted["name"] = config["name"]
    return {"class_name": "Sequential", "config": converted}


def _declared_input(
    entry: dict[str, Any], layer: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the input layer that a first layer declares, if any."""
    config = entry["config"]
    if not isinstance(config, dict) or "batch_input_shape" not in config:
        return []
    dtype = config.get("input_dtype") or "float32"
    name = f"{config.get('name', layer['class_name'].lower())}_input"
    shape = {"batch_shape": config["batch_input_shape"], "dtype": dtype, "name": name}
    return [{"class_name": "InputLayer", "config": shape}]


def functional(config: dict[str, Any], convert: Convert) -> dict[str, Any]:
    """Convert a functional model."""
    entries = config["layers"]
    offsets = _node_offsets(config)
    layers: list[dict[str, Any]] = []
    for entry in entries:
        calls = entry.get("inbound_nodes") or []
        if entry["class_name"] in FUNCTION_LAYERS:
            new = function_entry(entry)
            nodes = [_convert_function_call(entry, call, offsets) for call in calls]
            layers.append({**new, "name": entry["name"], "inbound_nodes": nodes})
            continue
        nodes = [_convert_call(entry["class_name"], call, offsets) for call in calls]
        if entry["class_name"] == "Merge":
            layers += _convert_merge(entry["name"], entry["config"], nodes)
        else:
            new = convert(entry)
            new["config"]["name"] = entry["name"]
            layers.append({**new, "name": entry["name"], "inbound_nodes": nodes})
    head = {k: config[k] for k in ("name", "trainable") if k in config}
    ends = {
        k: _convert_refs(config[k], offsets) for k in ("input_layers", "output_layers")
    }
    return {"class_name": "Functional", "config": {**head, "layers": layers, **ends}}


def _node_offsets(config: dict[str, Any]) -> dict[str, int]:
    """Return by how much each layer's node indices are too high."""
    highest: dict[str, int] = {}

    def visit(value: Any) -> None:
        if _is_tensor_ref(value):
            highest[value[0]] = max(value[1], highest.get(value[0], 0))
        if isinstance(value, dict):
            value = list(value.values())
        for item in value if isinstance(value, list) else ():
            visit(item)

    for entry in config["layers"]:
        visit(entry.get("inbound_nodes") or [])
    visit(config["output_layers"])
    counts = {e["name"]: len(e.get("inbound_nodes") or []) for e in config["layers"]}
    return {k: max(0, n + 1 - max(counts.get(k, 1), 1)) for k, n in highest.items()}


def _is_tensor_ref(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(n, int) and n >= 0 for n in value[1:3])
    )


def _convert_ref(value: list[Any], offsets: dict[str, int]) -> list[Any]:
    name, node, tensor = value[:3]
    return [name, node - offsets.get(name, 0), tensor]


def _convert_refs(value: Any, offsets: dict[str, int]) -> Any:
    """Convert references to inputs or outputs, and unwrap lists of one."""
    if _is_tensor_ref(value):
        return _convert_ref(value, offsets)
    if isinstance(value, dict):
        return {k: _convert_refs(v, offsets) for k, v in value.items()}
    refs = [_convert_refs(item, offsets) for item in value]
    return refs[0] if len(refs) == 1 else refs


def _tensor(value: list[Any], offsets: dict[str, int]) -> dict[str, Any]:
    config = {"keras_history": _convert_ref(value, offsets)}
    return {"class_name": "__keras_tensor__", "config": config}


def _convert_call(kind: str, call: Any, offsets: dict[str, int]) -> dict[str, Any]:
    if _is_tensor_ref(call):
        call = [call]
    if not isinstance(call, list) or not all(_is_tensor_ref(item) for item in call):
        raise FileFormatError(
            f"The file calls {kind!r} on {call!r}, which is not a tensor of the model."
        )
    inputs = [_tensor(item, offsets) for item in call]
    kwargs: dict[str, Any] = {}
    for item in call:
        kwargs |= _keywords(item[3], offsets) if len(item) == 4 else {}
    kwargs = {k: v for k, v in kwargs.items() if v is not None}
    if len(inputs) > 1 and kind in _RECURRENT_CLASSES:
        inputs, kwargs["initial_state"] = inputs[:1], inputs[1:]
    return {"args": inputs if len(inputs) == 1 else [inputs], "kwargs": kwargs}


def _convert_function_call(
    entry: dict[str, Any], call: Any, offsets: dict[str, int]
) -> dict[str, Any]:
    if not isinstance(call, list) or not call:
        raise FileFormatError(
            f"The file calls {entry['name']!r} on {call!r}, which is not a tensor."
        )
    has_list = isinstance(call[0], list)
    parts = call if has_list else [call]
    if not all(isinstance(part, list) and len(part) == 4 for part in parts):
        raise FileFormatError(
            f"The file calls {entry['name']!r} on {call!r}, which is not a tensor."
        )
    tensors = [
        part[2] if part[0] == "_CONSTANT_VALUE" else _tensor(part, offsets)
        for part in parts
    ]
    keywords = _keywords(parts[0][3], offsets)
    return function_call(entry, tensors if has_list else tensors[0], keywords)


def _keywords(value: Any, offsets: dict[str, int]) -> Any:
    if _is_tensor_ref(value):
        return _tensor(value, offsets)
    if isinstance(value, dict):
        return {k: _keywords(v, offsets) for k, v in value.items()}
    if isinstance(value, list):
        return [_keywords(item, offsets) for item in value]
    return value


def _convert_merge(
    name: str, config: dict[str, Any], nodes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Convert a `Merge` layer of Keras 1; mode 'cos' becomes two layers."""
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in MERGES:
        raise FileFormatError(
            f"Merge {name!r} in the file has the mode {mode!r}; supported are "
            f"{', '.join(MERGES)}."
        )
    options: dict[str, Any] = {"name": name}
    if mode == "concat":
        options["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        options |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
    entry = {"class_name": MERGES[mode], "config": options}
    if mode != "cos":
        return [{**entry, "name": name, "inbound_nodes": nodes}]
    # Mode 'cos' has one more output axis than `Dot`.
    inner = f"{name}_product"
    options["name"] = inner
    reshape = {
        "class_name": "Reshape",
        "config": {"name": name, "target_shape": [1, 1]},
    }
    calls = [
        {"args": [_tensor([inner, i, 0], {})], "kwargs": {}} for i in range(len(nodes))
    ]
    return [
        {**entry, "name": inner, "inbound_nodes": nodes},
        {**reshape, "name": name, "inbound_nodes": calls},
    ]


class _Graph:
    """Functional model made of merged Sequential models."""

    def __init__(self, convert: Convert) -> None:
        self.convert = convert
        self.layers: list[dict[str, Any]] = []
        self.inputs: list[list[Any]] = []
        self.outputs: list[Any] = []

    def chain(self, entries: list[dict[str, Any]]) -> list[Any]:
        """Add the layers of a Sequential model and return its output."""
        output: list[Any] | None = None
        for entry in entries:
            if entry["class_name"] == "Merge":
                config = entry["config"]
                ends = [self.chain(_branch_layers(b)) for b in config["layers"]]
                name = self._name(config)
                call = {"args": [[_tensor(e, {}) for e in ends]], "kwargs": {}}
                self.layers += _convert_merge(name, config, [call])
            else:
                new = self.convert(entry)
                if output is None:
                    output = self._add_input(entry, new)
                name = self._name(new["config"])
                new["config"] = {**new["config"], "name": name}
                new["config"].pop("batch_input_shape", None)
                if new["class_name"] != "InputLayer":
                    call = {"args": [_tensor(output, {})], "kwargs": {}}
                    self.layers.append({**new, "name": name, "inbound_nodes": [call]})
            output = [name, 0, 0]
        if output is None:
            raise FileFormatError("The model in the file has a branch without layers.")
        return output

    def _add_input(self, entry: dict[str, Any], new: dict[str, Any]) -> list[Any]:
        first = [new] if new["class_name"] == "InputLayer" else None
        inputs = first or _declared_input(entry, new)
        if not inputs:
            raise FileFormatError(
                "The model in the file has a branch without an input shape."
            )
        name = inputs[0]["config"]["name"]
        self.layers.append({**inputs[0], "name": name, "inbound_nodes": []})
        self.inputs.append([name, 0, 0])
        return [name, 0, 0]

    def _name(self, config: dict[str, Any]) -> str:
        return config.get("name") or f"layer_{len(self.layers)}"

    def config(self, name: str | None) -> dict[str, Any]:
        """Return the config of the functional model."""
        ends = {"input_layers": self.inputs, "output_layers": self.outputs}
        if len(self.inputs) == 1:
            ends["input_layers"] = self.inputs[0]
        config = {"layers": self.layers, **ends, **({"name": name} if name else {})}
        return {"class_name": "Functional", "config": config}


def _branch_layers(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of a Sequential branch, or the branch itself as a list."""
    if entry["class_name"] != "Sequential":
        return [entry]
    config = entry["config"]
    return config if isinstance(config, list) else config["layers"]
