"""The layers that lead to a symbolic tensor, and layers written as code, for messages.

Nothing here imports a layer: what a layer is shows in its class's name and attributes.
"""

from __future__ import annotations

from typing import Any

from lamina.core.graph import SymbolicTensor
from lamina.core.module import Module, signature

__all__ = ["as_code", "described", "origin", "previous_layer", "returns_last_step"]

# Layers that work along the last axis or on each element, and leave all other axes.
_ELEMENTWISE = frozenset({
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization",
    "Dense", "Dropout", "ELU", "GaussianDropout", "GaussianNoise", "GroupNormalization",
    "Identity", "LayerNormalization", "LeakyReLU", "Masking", "PReLU",
    "RMSNormalization", "ReLU", "Rescaling", "Softmax", "SpatialDropout1D",
    "SpatialDropout2D", "SpatialDropout3D", "TimeDistributed", "UnitNormalization",
})  # fmt: skip
_LONGEST_ARGUMENT = 40


def origin(tensor: Any) -> tuple[Any, Any]:
    """Find the layer that gave a tensor its axes, the last one aside.

    Args:
        tensor: a symbolic tensor, or anything else that has no history.

    Returns:
        The layer and its output; `None` and the input where no layer did.
    """
    while getattr(tensor, "node", None) is not None:
        layer = tensor.node.operation
        inner = getattr(getattr(layer, "_graph", None), "outputs", None)
        if isinstance(inner, SymbolicTensor) and _is_elementwise(inner):
            return origin(inner)
        if not _is_elementwise(tensor):
            return layer, tensor
        tensor = tensor.node.inputs[0]
    return None, tensor


def _is_elementwise(tensor: SymbolicTensor) -> bool:
    """Return whether the operation that made a tensor leaves all but the last axis."""
    node = tensor.node
    if node is None:
        return False
    if isinstance(node.operation, Module):
        return type(node.operation).__name__ in _ELEMENTWISE
    return bool(node.inputs) and node.inputs[0].shape == tensor.shape


def previous_layer(tensor: Any) -> Any:
    """Return the layer that made a tensor; `None` for inputs and arrays."""
    node = getattr(tensor, "node", None)
    layer = None if node is None else node.operation
    return layer if isinstance(layer, Module) else None


def returns_last_step(layer: Any) -> bool:
    """Return whether a layer is recurrent and drops the time axis."""
    return getattr(layer, "return_sequences", None) is False


def described(layer: Any) -> str:
    """Name a layer and its class."""
    return f"layer {layer.name!r} ({type(layer).__name__})"


def as_code(layer: Any, **changes: Any) -> str:
    """Write the call that makes a layer, some arguments changed.

    Args:
        layer: the layer.
        **changes: new values; of a wrapper, those of the layer inside.

    Example:
        >>> from lamina import layers
        >>> as_code(layers.LSTM(8), return_sequences=True)
        'layers.LSTM(8, return_sequences=True)'
    """
    given = layer.constructor_arguments()
    if isinstance(given.get("layer"), Module):
        inside = as_code(given["layer"], **changes)
        return f"layers.{type(layer).__name__}({inside})"
    given |= changes
    parts: list[str] = []
    for name, parameter in signature(type(layer).__init__).parameters.items():
        if name == "name" or name not in given or given[name] == parameter.default:
            continue
        value = getattr(given[name], "__name__", given[name])
        prefix = "" if parameter.default is parameter.empty else f"{name}="
        if len(repr(value)) <= _LONGEST_ARGUMENT:
            parts.append(f"{prefix}{value!r}")
    return f"layers.{type(layer).__name__}({', '.join(parts)})"
