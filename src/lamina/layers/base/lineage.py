"""The history of symbolic tensors, and layers written as code, for messages.

This module imports no layers: it identifies them by class name and attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.core.graph import SymbolicTensor
from lamina.core.module import Module, signature
from lamina.layers.base.call_graph import graph_of

# Layers that act on the last axis or on each element, and preserve all other axes.
_ELEMENTWISE = (
    {"Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "Dense", "Rescaling"}
    | {"AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"}
    | {"SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
    | {"BatchNormalization", "GroupNormalization", "LayerNormalization"}
    | {"RMSNormalization", "UnitNormalization"}
    | {"ActivityRegularization", "Identity", "Masking", "TimeDistributed"}
)
_MAX_ARGUMENT_LENGTH = 40
_MOST_LAYERS, _MOST_BRANCHES = 6, 3


def origin(tensor: object) -> tuple[Any, Any]:
    """Find the layer that determined the axes of a tensor, except the last one.

    Args:
        tensor: a symbolic tensor, or a value without history.

    Returns:
        The layer and its output; `None` and the input if there is no such layer.
    """
    while isinstance(tensor, SymbolicTensor) and tensor.node is not None:
        layer = tensor.node.operation
        graph = graph_of(layer)
        inner = None if graph is None else graph.outputs
        if isinstance(inner, SymbolicTensor) and _is_elementwise(inner):
            return origin(inner)
        if not _is_elementwise(tensor):
            return layer, tensor
        tensor = tensor.node.inputs[0]
    return None, tensor


def _is_elementwise(tensor: SymbolicTensor) -> bool:
    """Return whether the operation of a tensor preserves all axes but the last."""
    node = tensor.node
    if node is None:
        return False
    if isinstance(node.operation, Module):
        return type(node.operation).__name__ in _ELEMENTWISE
    return bool(node.inputs) and node.inputs[0].shape == tensor.shape


def previous_layer(tensor: object) -> Module | None:
    """Return the layer that returned a tensor; None for inputs and arrays."""
    node = getattr(tensor, "node", None)
    layer = None if node is None else node.operation
    return layer if isinstance(layer, Module) else None


def returns_last_step(layer: object) -> bool:
    """Return whether a layer is recurrent and removes the time axis."""
    return getattr(layer, "return_sequences", None) is False


def described(layer: Module) -> str:
    """Return a layer's name and class for messages."""
    return f"layer {layer.name!r} ({type(layer).__name__})"


def draw_chain(layer: Module, inputs: Sequence[SymbolicTensor]) -> str:
    """Return lines with the layers and shapes that lead to a layer, or "".

    Args:
        layer: the layer that cannot be called.
        inputs: its inputs.
    """
    branches = map(_rows_to, inputs[:_MOST_BRANCHES])
    rows = list(dict.fromkeys(row for branch in branches for row in branch))
    if len(rows) < 2:
        return ""
    rows.append((layer.name or "", type(layer).__name__, "<- here"))
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"    {a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows]
    return "\n".join(["", *lines, ""])


def _rows_to(tensor: SymbolicTensor) -> list[tuple[str, str, str]]:
    """Return name, class and output shape of the last layers before a tensor."""
    rows: list[tuple[str, str, str]] = []
    while (node := tensor.node) is not None:
        if len(rows) == _MOST_LAYERS:
            return [("...", "", ""), *rows[::-1]]
        kind = node.operation
        name = type(kind).__name__ if isinstance(kind, Module) else "ops"
        rows.append((node.name, name, str(tensor.shape)))
        if not node.inputs:
            break
        tensor = node.inputs[0]
    else:
        rows.append((tensor.name, "Input", str(tensor.shape)))
    return rows[::-1]


def as_code(layer: Module, **changes: object) -> str:
    """Return the code that creates a layer, with some arguments changed.

    Args:
        layer: the layer.
        **changes: new values; for a wrapper, those of the wrapped layer.

    Example:
        >>> from lamina import layers
        >>> as_code(layers.LSTM(8), return_sequences=True)
        'layers.LSTM(8, return_sequences=True)'
    """
    given = layer.constructor_arguments()
    if isinstance(given.get("layer"), Module):
        wrapped = as_code(given["layer"], **changes)
        return f"layers.{type(layer).__name__}({wrapped})"
    given |= changes
    parts: list[str] = []
    for name, parameter in signature(type(layer).__init__).parameters.items():
        if name == "name" or name not in given or given[name] == parameter.default:
            continue
        value = getattr(given[name], "__name__", given[name])
        prefix = "" if parameter.default is parameter.empty else f"{name}="
        if len(repr(value)) <= _MAX_ARGUMENT_LENGTH:
            parts.append(f"{prefix}{value!r}")
    return f"layers.{type(layer).__name__}({', '.join(parts)})"
