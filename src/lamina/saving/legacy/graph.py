"""Stacks and graphs as Keras 1, Keras 2 and tf.keras wrote them, as configs of today.

Calls were lists of `[layer, number of the call, number of the output, keywords]`. A
model inside another counted the call it was made with as its first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import FileFormatError
from lamina.saving.legacy.functions import (
    FUNCTION_LAYERS,
    function_call,
    function_of,
)
from lamina.saving.legacy.names import MERGES

__all__ = ["functional", "sequential"]

Convert = Callable[[dict[str, Any]], dict[str, Any]]
_TAKES_STATES = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")


def sequential(config: Any, convert: Convert) -> dict[str, Any]:
    """A stack; one that begins with branches to merge becomes a graph."""
    if isinstance(config, list):  # before it had a name
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
    found = {"layers": layers}
    if config.get("name"):
        found["name"] = config["name"]
    return {"class_name": "Sequential", "config": found}


def _declared_input(
    entry: dict[str, Any], layer: dict[str, Any]
) -> list[dict[str, Any]]:
    """The input that a first layer declares, if it does."""
    config = entry["config"]
    if not isinstance(config, dict) or "batch_input_shape" not in config:
        return []
    dtype = config.get("input_dtype") or "float32"
    name = f"{config.get('name', layer['class_name'].lower())}_input"
    shape = {"batch_shape": config["batch_input_shape"], "dtype": dtype, "name": name}
    return [{"class_name": "InputLayer", "config": shape}]


def functional(config: dict[str, Any], convert: Convert) -> dict[str, Any]:
    """A graph."""
    entries = config["layers"]
    shifts = _shifts(config)
    layers: list[dict[str, Any]] = []
    for entry in entries:
        calls = entry.get("inbound_nodes") or []
        if entry["class_name"] in FUNCTION_LAYERS:
            new = function_of(entry)
            nodes = [_function_call(entry, call, shifts) for call in calls]
            layers.append({**new, "name": entry["name"], "inbound_nodes": nodes})
            continue
        nodes = [_call(entry["class_name"], call, shifts) for call in calls]
        if entry["class_name"] == "Merge":
            layers += _merged(entry["name"], entry["config"], nodes)
        else:
            new = convert(entry)
            new["config"]["name"] = entry["name"]
            layers.append({**new, "name": entry["name"], "inbound_nodes": nodes})
    head = {k: config[k] for k in ("name", "trainable") if k in config}
    ends = {k: _places(config[k], shifts) for k in ("input_layers", "output_layers")}
    return {"class_name": "Functional", "config": {**head, "layers": layers, **ends}}


def _shifts(config: dict[str, Any]) -> dict[str, int]:
    """By how much the numbers of each layer's calls are too high."""
    highest: dict[str, int] = {}

    def note(value: Any) -> None:
        if _is_place(value):
            highest[value[0]] = max(value[1], highest.get(value[0], 0))
        if isinstance(value, dict):
            value = list(value.values())
        for item in value if isinstance(value, list) else ():
            note(item)

    for entry in config["layers"]:
        note(entry.get("inbound_nodes") or [])
    note(config["output_layers"])
    counts = {e["name"]: len(e.get("inbound_nodes") or []) for e in config["layers"]}
    return {k: max(0, n + 1 - max(counts.get(k, 1), 1)) for k, n in highest.items()}


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(n, int) and n >= 0 for n in value[1:3])
    )


def _place(value: list[Any], shifts: dict[str, int]) -> list[Any]:
    name, number, output = value[:3]
    return [name, number - shifts.get(name, 0), output]


def _places(value: Any, shifts: dict[str, int]) -> Any:
    """Where a model's inputs or outputs are; a list of one stands for the one."""
    if _is_place(value):
        return _place(value, shifts)
    if isinstance(value, dict):
        return {k: _places(v, shifts) for k, v in value.items()}
    found = [_places(item, shifts) for item in value]
    return found[0] if len(found) == 1 else found


def _tensor(value: list[Any], shifts: dict[str, int]) -> dict[str, Any]:
    config = {"keras_history": _place(value, shifts)}
    return {"class_name": "__keras_tensor__", "config": config}


def _call(kind: str, call: Any, shifts: dict[str, int]) -> dict[str, Any]:
    if _is_place(call):
        call = [call]
    if not isinstance(call, list) or not all(_is_place(item) for item in call):
        raise FileFormatError(
            f"The file calls {kind!r} on {call!r}, which is no tensor of the model."
        )
    inputs = [_tensor(item, shifts) for item in call]
    kwargs: dict[str, Any] = {}
    for item in call:
        kwargs |= _keywords(item[3], shifts) if len(item) == 4 else {}
    kwargs = {k: v for k, v in kwargs.items() if v is not None}
    if len(inputs) > 1 and kind in _TAKES_STATES:
        inputs, kwargs["initial_state"] = inputs[:1], inputs[1:]
    return {"args": inputs if len(inputs) == 1 else [inputs], "kwargs": kwargs}


def _function_call(
    entry: dict[str, Any], call: Any, shifts: dict[str, int]
) -> dict[str, Any]:
    if not isinstance(call, list) or not call:
        raise FileFormatError(f"The file calls {entry['name']!r} on {call!r}.")
    many = isinstance(call[0], list)
    parts = call if many else [call]
    if not all(isinstance(part, list) and len(part) == 4 for part in parts):
        raise FileFormatError(f"The file calls {entry['name']!r} on {call!r}.")
    found = [
        part[2] if part[0] == "_CONSTANT_VALUE" else _tensor(part, shifts)
        for part in parts
    ]
    keywords = _keywords(parts[0][3], shifts)
    return function_call(entry, found if many else found[0], keywords)


def _keywords(value: Any, shifts: dict[str, int]) -> Any:
    if _is_place(value):
        return _tensor(value, shifts)
    if isinstance(value, dict):
        return {k: _keywords(v, shifts) for k, v in value.items()}
    if isinstance(value, list):
        return [_keywords(item, shifts) for item in value]
    return value


def _merged(
    name: str, config: dict[str, Any], nodes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The layer that a `Merge` of some mode has become; for one mode there are two."""
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in MERGES:
        raise FileFormatError(
            f"The file's Merge {name!r} has the mode {mode!r}; lamina knows "
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
    # Angles had an axis more than products.
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
    """A graph that is being made of stacks."""

    def __init__(self, convert: Convert) -> None:
        self.convert = convert
        self.layers: list[dict[str, Any]] = []
        self.inputs: list[list[Any]] = []
        self.outputs: list[Any] = []

    def chain(self, entries: list[dict[str, Any]]) -> list[Any]:
        """Add a stack's layers; returns the place of its last output."""
        place: list[Any] | None = None
        for entry in entries:
            if entry["class_name"] == "Merge":
                config = entry["config"]
                ends = [self.chain(_stacked(b)) for b in config["layers"]]
                name = self._name(config)
                call = {"args": [[_tensor(e, {}) for e in ends]], "kwargs": {}}
                self.layers += _merged(name, config, [call])
            else:
                new = self.convert(entry)
                if place is None:
                    place = self._input(entry, new)
                name = self._name(new["config"])
                new["config"] = {**new["config"], "name": name}
                new["config"].pop("batch_input_shape", None)
                if new["class_name"] != "InputLayer":
                    call = {"args": [_tensor(place, {})], "kwargs": {}}
                    self.layers.append({**new, "name": name, "inbound_nodes": [call]})
            place = [name, 0, 0]
        if place is None:
            raise FileFormatError("The file's model has a branch without layers.")
        return place

    def _input(self, entry: dict[str, Any], new: dict[str, Any]) -> list[Any]:
        first = [new] if new["class_name"] == "InputLayer" else None
        inputs = first or _declared_input(entry, new)
        if not inputs:
            raise FileFormatError(
                "The file's model has a branch that doesn't say what goes in."
            )
        name = inputs[0]["config"]["name"]
        self.layers.append({**inputs[0], "name": name, "inbound_nodes": []})
        self.inputs.append([name, 0, 0])
        return [name, 0, 0]

    def _name(self, config: dict[str, Any]) -> str:
        return config.get("name") or f"layer_{len(self.layers)}"

    def config(self, name: str | None) -> dict[str, Any]:
        """The whole as a graph's config."""
        ends = {"input_layers": self.inputs, "output_layers": self.outputs}
        if len(self.inputs) == 1:
            ends["input_layers"] = self.inputs[0]
        config = {"layers": self.layers, **ends, **({"name": name} if name else {})}
        return {"class_name": "Functional", "config": config}


def _stacked(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a branch that is a stack; another branch is a stack of itself."""
    if entry["class_name"] != "Sequential":
        return [entry]
    config = entry["config"]
    return config if isinstance(config, list) else config["layers"]
