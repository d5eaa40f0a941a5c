"""Graphs of layer calls, called as one function."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves, walk
from lamina.core.masks import get_mask, set_mask
from lamina.core.scope import local
from lamina.errors import ArgumentError
from lamina.layers import InputLayer, Layer
from lamina.models.input_shapes import fitted_shape, input_error


class Graph:
    """The nodes between input and output tensors, in topological order.

    Args:
        inputs: symbolic tensors of `Input`, in any lists or dictionaries.
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
                    f"Model: `{what}` must be tensors that `Input` and layers return. "
                    f"Received: {got!r}."
                )
        self.inputs, self.outputs = inputs, outputs
        # Whether arrays must have the sizes of the inputs, not only the rank.
        self.exact = True
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
        """Call all nodes on arrays and return outputs in the structure of the graph."""
        if local.budget is not None:
            local.budget.take_calls(*self._cost)
        leaves = self.match(inputs)
        tensors = {
            id(t): _fit_input(v, t, self.exact)
            for t, v in zip(self.input_leaves, leaves, strict=True)
        }
        training = None if local.call is None else local.call.training
        overrides = {} if training is None else {"training": training}
        for node in self.nodes:
            # As in Keras, the model's `training` overrides that of a recorded call.
            has_flag = isinstance(node.operation, Layer) and "training" in node.kwargs
            results = node.run(tensors, overrides if has_flag else {})
            made = symbolic_leaves(node.outputs)
            for tensor, value in zip(made, jax.tree.leaves(results), strict=True):
                tensors[id(tensor)] = value
        return jax.tree.map(
            lambda t: tensors[id(t)], self.outputs, is_leaf=_is_symbolic
        )

    def check_rows(self, inputs: Any, to_train: bool) -> None:
        """Refuse data whose rows do not have the inputs' shapes.

        Args:
            inputs: arrays of rows.
            to_train: whether the message may suggest to change the model.

        Raises:
            ShapeError: an array does not fit; the message has the line that fixes it.
        """
        for tensor, array in zip(self.input_leaves, self.match(inputs), strict=True):
            if array is None:
                continue
            if fitted_shape(tensor.shape, array.shape, self.exact) is None:
                raise input_error(tensor, array.shape, to_train)

    @functools.cached_property
    def _cost(self) -> tuple[int, int]:
        """The number of calls of functions, without layers, and of their values."""
        ends = len(self.input_leaves) + len(symbolic_leaves(self.outputs))
        functions = sum(not isinstance(node.operation, Layer) for node in self.nodes)
        return functions, ends + sum(node.count_values() for node in self.nodes)

    def match(self, inputs: Any) -> list[Any]:
        """Return arrays in the order of the graph's inputs.

        Raises:
            ArgumentError: an input is missing, or a list was passed for a dictionary.
        """
        if isinstance(inputs, dict):
            wanted: Any = self.inputs
            if not isinstance(wanted, dict):
                wanted = dict(zip(self.input_names, self.input_leaves, strict=True))
            found: dict[int, Any] = {}
            _pair(wanted, inputs, found)
            return [found[id(t)] for t in self.input_leaves]
        leaves = jax.tree.leaves(inputs, is_leaf=lambda v: v is None)
        names = self.input_names
        if len(leaves) != len(names):
            raise ArgumentError(
                f"The model has {len(names)} inputs ({names}), but got {len(leaves)} "
                "arrays."
            )
        if isinstance(self.inputs, dict) and len(leaves) > 1:
            raise ArgumentError(
                "The model's inputs are a dictionary with the keys "
                f"{list(self.inputs)}. Pass such a dictionary, not a "
                f"{type(inputs).__name__}."
            )
        return leaves


def _pair(wanted: Any, given: Any, found: dict[int, Any]) -> None:
    """Collect in `found` the value for each tensor, by the tensor's `id`."""
    if isinstance(wanted, SymbolicTensor):
        found[id(wanted)] = given
        return
    wanted, given = _by_key(wanted), _by_key(given)
    for key, part in wanted.items():
        if key not in given:
            raise ArgumentError(
                f"The model's inputs are {list(wanted)}; {key!r} is missing. Received: "
                f"{list(given)}."
            )
        _pair(part, given[key], found)


def _by_key(tree: Any) -> dict[Any, Any]:
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    return tree if isinstance(tree, dict) else {}


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, SymbolicTensor)


def _fit_input(value: Any, tensor: SymbolicTensor, exact: bool) -> Any:
    """Cast a value to an input's type, and add or remove a last axis of size 1."""
    if value is None:
        if tensor.layer is not None and tensor.layer.optional:
            return None
        raise ArgumentError(
            f"Input {tensor.name!r} needs an array, but got None. To make the input "
            f"optional, write Input({tensor.shape[1:]}, optional=True)."
        )
    mask = get_mask(value)
    array = jnp.asarray(value)
    shape = fitted_shape(tensor.shape, array.shape, exact)
    if shape is None:
        raise input_error(tensor, array.shape)
    if shape != array.shape:
        array = array.reshape(shape)
    # By default JAX replaces 64-bit types by 32-bit types.
    dtype = jax.dtypes.canonicalize_dtype(tensor.dtype)
    if array.dtype != dtype:
        array = array.astype(dtype)
    if mask is not None:
        set_mask(array, mask)
    return array


def _depths(nodes: Sequence[Node]) -> dict[int, int]:
    """Return the number of nodes on the longest path from each one to an output."""
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
    """Return layers by depth from the inputs, then by a search from the outputs."""
    depths = _depths(nodes)
    deepest: dict[int, int] = {}
    for node in nodes:
        depth = depths[id(node)]
        starts = [(input_layer(t), depth + 1) for t in node.inputs if t.node is None]
        for operation, deep in ((node.operation, depth), *starts):
            deepest[id(operation)] = max(deep, deepest.get(id(operation), 0))
    reached = _reached(nodes, outputs)
    ends = [input_layer(t) for t in inputs if t.node is None]
    unused = [layer for layer in ends if id(layer) not in deepest]
    layers = {id(layer): layer for layer in (*unused, *reached)}
    return sorted(layers.values(), key=lambda layer: -deepest.get(id(layer), 0))


def _reached(nodes: Sequence[Node], outputs: Any) -> list[Layer]:
    """Return the layers in the order of a depth-first search from the outputs."""
    unvisited = {id(node) for node in nodes}
    found: list[Layer] = []
    stack = symbolic_leaves(outputs)[::-1]
    while stack:
        tensor = stack.pop()
        node = tensor.node
        if node is None:
            found.append(input_layer(tensor))
        elif id(node) in unvisited:
            unvisited.remove(id(node))
            if isinstance(node.operation, Layer):
                found.append(node.operation)
            stack.extend(reversed(node.inputs))
    return found


def input_layer(tensor: SymbolicTensor) -> InputLayer:
    """Return the `InputLayer` of an input tensor."""
    if tensor.layer is None:
        tensor.layer = InputLayer(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name
        )
    return tensor.layer


def refuse_equal_names(layers: Sequence[Layer]) -> None:
    """Refuse layers of one model that have the same name."""
    seen: dict[str, Layer] = {}
    for layer in layers:
        other = seen.setdefault(layer.name, layer)
        if other is not layer:
            raise ArgumentError(
                f"Two layers are named {layer.name!r} ({type(other).__name__} and "
                f"{type(layer).__name__}). Layers of one model need different names: "
                f"rename one of them, as in {type(layer).__name__}(..., "
                f"name={layer.name + '_2'!r})."
            )
