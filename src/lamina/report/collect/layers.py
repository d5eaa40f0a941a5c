"""The layers of a model, a row for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lamina.core.graph import SymbolicTensor, symbolic_leaves
from lamina.layers import Layer
from lamina.layers.base.call_graph import CallGraph, graph_of, known_output_shapes
from lamina.typing import PartialShape


def layers_of(model: Layer) -> list[dict[str, Any]]:
    """Return the layers of a model as JSON data, in the order of their calls.

    A row has the name, the kind, the shape of the output, the number of parameters,
    how many of these are trained, the main arguments, and the level: 0 for the model's
    own layers, 1 for the layers of these, and so on.
    """
    graph = graph_of(model)
    if graph is None:
        return list(_children(model, 0))
    layers = [_row(t.name, "Input", [t.shape], None, 0) for t in graph.input_leaves]
    counted: set[int] = set()
    for node in graph.nodes:
        shapes = [t.shape for t in symbolic_leaves(node.outputs)]
        layer = node.operation if isinstance(node.operation, Layer) else None
        kind = "function" if layer is None else type(layer).__name__
        first = layer is None or id(layer) not in counted
        layers.append(_row(node.name, kind, shapes, layer if first else None, 0))
        if layer is not None and first:
            counted.add(id(layer))
            layers += _children(layer, 1)
    return layers


def _children(item: Layer, level: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the layers in a model or a layer."""
    for layer in getattr(item, "layers", ()):
        shapes = known_output_shapes(layer)
        yield _row(layer.name, type(layer).__name__, shapes, layer, level)
        yield from _children(layer, level + 1)


def _shape_text(shape: PartialShape) -> str:
    """Return the shape of a row, as in "28×28×1"; "?" are unknown sizes."""
    return "×".join("?" if n is None else str(n) for n in shape[1:]) or "scalar"


def _row(
    name: str, kind: str, shapes: Sequence[Any], layer: Layer | None, level: int
) -> dict[str, Any]:
    weights: list[Any] = [] if layer is None else layer.weights
    return {
        "name": name,
        "kind": kind,
        "shape": ", ".join(map(_shape_text, shapes)),
        "params": sum(v.size for v in weights),
        "trained": sum(v.size for v in weights if v.trainable),
        "details": "" if layer is None else _details(layer),
        "level": level,
    }


# Arguments that say most about a layer, in the order in which they are shown.
_ARGUMENTS = (
    "units",
    "filters",
    "kernel_size",
    "pool_size",
    "strides",
    "padding",
    "input_dim",
    "output_dim",
    "num_heads",
    "key_dim",
    "rate",
    "activation",
)
_COMMON = {"strides": (1, 1), "padding": "valid", "activation": "linear"}


def _details(layer: Layer) -> str:
    """Return the main arguments of a layer, as in "32 units, relu"."""
    parts: list[str] = []
    for name in _ARGUMENTS:
        value = getattr(layer, name, None)
        value = getattr(value, "__name__", value)
        if value is None or value == _COMMON.get(name):
            continue
        if isinstance(value, (list, tuple)):
            value = "×".join(map(str, value))
        if not isinstance(value, (str, int, float)):
            continue
        plain = name in ("activation", "padding")
        parts.append(str(value) if plain else f"{name.replace('_', ' ')} {value}")
    return ", ".join(parts)


def activations_of(graph: CallGraph) -> dict[str, SymbolicTensor]:
    """Return the outputs of the layers that have weights or are activations.

    Those that are not one array of floats are omitted.

    Returns:
        The output of each layer, by the layer's name.
    """
    found: dict[str, SymbolicTensor] = {}
    for node in graph.nodes:
        outputs, layer = symbolic_leaves(node.outputs), node.operation
        is_float = len(outputs) == 1 and "float" in str(outputs[0].dtype)
        if is_float and isinstance(layer, Layer) and (layer.weights or _acts(layer)):
            found[node.name] = outputs[0]
    return found


def _acts(layer: Layer) -> bool:
    return type(layer).__module__.endswith("layers.activation")
