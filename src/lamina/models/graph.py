"""A graph of layer calls as one function, and as a config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves, walk
from lamina.core.masks import get_mask, set_mask
from lamina.errors import ArgumentError, ShapeError
from lamina.layers import InputLayer, Layer

__all__ = ["Graph"]


class Graph:
    """The nodes between input and output tensors, in an order they can run in.

    Args:
        inputs: symbolic tensors made by `Input`, alone or in lists or dictionaries.
        outputs: symbolic tensors that depend on them.

    Raises:
        ArgumentError: inputs or outputs are not symbolic tensors.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        for what, tree in (("inputs", inputs), ("outputs", outputs)):
            leaves = jax.tree.leaves(tree, is_leaf=_is_symbolic)
            wrong = [v for v in leaves if not _is_symbolic(v)]
            if wrong or not leaves:
                got = wrong[0] if wrong else tree
                raise ArgumentError(
                    f"Model: `{what}` must be made of tensors that `Input` and layers "
                    f"return. Received: {got!r}."
                )
        self.inputs, self.outputs = inputs, outputs
        self.input_leaves = symbolic_leaves(inputs)
        self.nodes = list(walk(outputs, self.input_leaves))
        self.layers = _ordered_layers(self.nodes, self.input_leaves, outputs)

    @property
    def input_names(self) -> list[str]:
        """The inputs' names, in order."""
        return [t.name for t in self.input_leaves]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, in order."""
        return [t.name for t in symbolic_leaves(self.outputs)]

    def run(self, inputs: Any) -> Any:
        """Call every node on real arrays; returns the outputs' tree."""
        leaves = self.match(inputs)
        tensors = {
            id(t): _fit_input(v, t)
            for t, v in zip(self.input_leaves, leaves, strict=True)
        }
        for node in self.nodes:
            results = node.run(tensors)
            made = symbolic_leaves(node.outputs)
            for tensor, value in zip(made, jax.tree.leaves(results), strict=True):
                tensors[id(tensor)] = value
        return jax.tree.map(
            lambda t: tensors[id(t)], self.outputs, is_leaf=_is_symbolic
        )

    def match(self, inputs: Any) -> list[Any]:
        """The arrays in the order of the graph's inputs."""
        names = self.input_names
        if isinstance(inputs, dict):
            keys = self._input_keys()
            missing = [k for k in keys if k not in inputs]
            if missing:
                raise ArgumentError(
                    f"The model's inputs are {keys}; {missing[0]!r} is missing from "
                    f"the dictionary, which has {sorted(inputs)}."
                )
            return [inputs[k] for k in keys]
        leaves = jax.tree.leaves(inputs)
        if len(leaves) != len(names):
            raise ArgumentError(
                f"The model has {len(names)} inputs ({names}), but got {len(leaves)} "
                "arrays."
            )
        return leaves

    def _input_keys(self) -> list[str]:
        """Names to find inputs by: the user's own keys, or the tensors' names."""
        if isinstance(self.inputs, dict):
            by_id = {id(t): k for k, t in self.inputs.items()}
            return [by_id[id(t)] for t in self.input_leaves]
        return self.input_names


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, SymbolicTensor)


def _fit_input(value: Any, tensor: SymbolicTensor) -> Any:
    """Cast to the input's type; mend a last axis of one that is missing or too much."""
    mask = get_mask(value)
    array = jnp.asarray(value)
    wanted = tensor.shape
    if array.ndim == len(wanted) - 1 and wanted[-1] == 1:
        array = array[..., None]
    elif array.ndim == len(wanted) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    fits = array.ndim == len(wanted) and all(
        w is None or w == g for w, g in zip(wanted, array.shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"Input {tensor.name!r} takes arrays of shape {wanted}, None standing for "
            f"any size. It got one of shape {tuple(array.shape)}."
        )
    # 64-bit types are 32-bit ones unless JAX is told otherwise.
    dtype = jax.dtypes.canonicalize_dtype(tensor.dtype)
    if array.dtype != dtype:
        array = array.astype(dtype)
    if mask is not None:
        set_mask(array, mask)
    return array


def _depths(nodes: Sequence[Node]) -> dict[int, int]:
    """How many nodes follow each one on the longest way to an output."""
    depths: dict[int, int] = {}
    for node in reversed(nodes):
        depth = depths.setdefault(id(node), 0)
        for tensor in node.inputs:
            if tensor.node is not None:
                before = depths.get(id(tensor.node), 0)
                depths[id(tensor.node)] = max(before, depth + 1)
    return depths


def _ordered_layers(
    nodes: Sequence[Node], inputs: Sequence[SymbolicTensor], outputs: Any
) -> list[Layer]:
    """Layers from the inputs on, those of equal depth as the outputs reach them."""
    depths = _depths(nodes)
    place: dict[int, tuple[int, int, Layer]] = {}

    def note(layer: Layer, depth: int) -> None:
        before = place.get(id(layer))
        number = before[1] if before else len(place)
        depth = max(depth, before[0] if before else 0)
        place[id(layer)] = depth, number, layer

    for node in nodes:
        for tensor in node.inputs:
            if tensor.node is None:
                note(input_layer(tensor), depths[id(node)] + 1)
        if isinstance(node.operation, Layer):
            note(node.operation, depths[id(node)])
    for tensor in (*inputs, *symbolic_leaves(outputs)):
        if tensor.node is None:
            note(input_layer(tensor), 0)
    found = sorted(place.values(), key=lambda p: (-p[0], p[1]))
    return [layer for _, _, layer in found]


def input_layer(tensor: SymbolicTensor) -> InputLayer:
    """The layer that stands for an input tensor."""
    if tensor.layer is None:
        tensor.layer = InputLayer(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name
        )
    return tensor.layer
