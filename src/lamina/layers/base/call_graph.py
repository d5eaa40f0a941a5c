"""Graphs of calls, called as one function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves, walk
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Module
from lamina.core.random.seeds import SeedGenerator
from lamina.core.scope import local
from lamina.errors import ArgumentError
from lamina.layers.base.input_shapes import fitted_shape, input_error, missing_input
from lamina.layers.base.shapes import is_shape
from lamina.tracebacks import warn
from lamina.typing import PyTree

# Calls a node with values in place of symbolic tensors.
NodeCall: TypeAlias = Callable[[Node, tuple[Any, ...], dict[str, Any]], PyTree]


class HostStage:
    """The host layers at the start of a graph, such as lookups of strings.

    They make the inputs of the rest of the graph, a dictionary with a key for each
    tensor between the two.

    Args:
        inputs: the graph's inputs.
        nodes: its host layers' calls, in topological order.
        tensors: the tensors that the rest of the graph uses.
        exact: whether arrays must have the sizes of the inputs, not only the rank.
        match: returns arrays in the order of the inputs.
    """

    def __init__(
        self,
        inputs: Sequence[SymbolicTensor],
        nodes: Sequence[Node],
        tensors: Sequence[SymbolicTensor],
        exact: bool,
        match: Callable[[PyTree], Sequence[Any]],
    ) -> None:
        self._inputs, self._nodes = inputs, nodes
        self._exact, self._match = exact, match
        # No input of a model has a colon in its name.
        self.tensors = {f"{t.name}:{i}": t for i, t in enumerate(tensors)}

    def is_prepared(self, inputs: PyTree) -> bool:
        """Return whether data has passed the host layers."""
        return isinstance(inputs, dict) and inputs.keys() == self.tensors.keys()

    def __call__(self, inputs: PyTree) -> Any:
        """Call the host layers on data, which may have passed them already."""
        if self.is_prepared(inputs):
            return inputs
        pairs = zip(self._inputs, self._match(inputs), strict=True)
        found = {id(t): _fit_host_input(v, t, self._exact) for t, v in pairs}
        for node in self._nodes:
            args, kwargs = map_symbolic(
                lambda t: found[id(t)], (node.args, node.kwargs)
            )
            results = jax.tree.leaves(node.operation(*args, **kwargs))
            made = map(id, symbolic_leaves(node.outputs))
            found.update(zip(made, results, strict=True))
        return {name: found[id(t)] for name, t in self.tensors.items()}


def _host_stage(
    inputs: Sequence[SymbolicTensor],
    nodes: Sequence[Node],
    outputs: Sequence[SymbolicTensor],
    exact: bool,
    match: Callable[[PyTree], Sequence[Any]],
) -> HostStage | None:
    """Return the host layers that no trained layer precedes; `None` without any.

    Args:
        inputs: a graph's inputs.
        nodes: its calls, in topological order.
        outputs: its outputs.
        exact: whether arrays must have the sizes of the inputs.
        match: returns arrays in the order of the inputs.
    """
    known, possible = {id(t) for t in inputs}, list[Node]()
    for node in nodes:
        if all(id(t) in known for t in node.inputs) and _can_run_on_host(node):
            possible.append(node)
            known |= {id(t) for t in symbolic_leaves(node.outputs)}
    # Besides host layers, the calls whose results they need.
    needed: set[int] = set()
    on_host: list[Node] = []
    for node in reversed(possible):
        made = {id(t) for t in symbolic_leaves(node.outputs)}
        if _runs_on_host(node) or made & needed:
            on_host.insert(0, node)
            needed |= {id(t) for t in node.inputs}
    if not on_host:
        return None
    known = {id(t) for t in (*inputs, *symbolic_leaves([n.outputs for n in on_host]))}
    rest = [node for node in nodes if node not in on_host]
    used = [t for tensors in (outputs, *(n.inputs for n in rest)) for t in tensors]
    between = {id(t): t for t in used if id(t) in known}
    return HostStage(inputs, on_host, list(between.values()), exact, match)


def _runs_on_host(node: Node) -> bool:
    return getattr(node.operation, "runs_on_host", False)


def _can_run_on_host(node: Node) -> bool:
    """Return whether a call is of a host layer, or neither trained nor random."""
    operation = node.operation
    if _runs_on_host(node) or not isinstance(operation, Module):
        return True
    is_random = any(isinstance(m, SeedGenerator) for m in operation.modules())
    return not is_random and not any(v.trainable for v in operation.all_variables())


def _fit_host_input(value: Any, tensor: SymbolicTensor, exact: bool) -> Any:
    """Return a value as an array, with or without a last axis of size 1."""
    if value is None:
        return None
    array = value if hasattr(value, "reshape") else np.asarray(value)
    shape = fitted_shape(tensor.shape, array.shape, exact)
    if shape is None:
        raise input_error(tensor, array.shape)
    return array.reshape(shape)


class CallGraph:
    """The nodes between input and output tensors, in topological order.

    Args:
        inputs: symbolic tensors, in any lists or dictionaries.
        outputs: symbolic tensors that depend on them.
        owner: the class that is made from the graph, for messages.

    Raises:
        ArgumentError: inputs or outputs are not symbolic tensors.
    """

    def __init__(self, inputs: PyTree, outputs: PyTree, owner: str = "Model") -> None:
        for what, tree in (("inputs", inputs), ("outputs", outputs)):
            leaves = jax.tree.leaves(tree)
            wrong = [v for v in leaves if not isinstance(v, SymbolicTensor)]
            if wrong or not leaves:
                raise ArgumentError(
                    f"{owner}: `{what}` must be at least one tensor that `Input` and "
                    f"layers return. Received: {wrong[0] if wrong else tree!r}."
                )
        self.inputs: Any = inputs
        self.outputs: Any = outputs
        # Whether arrays must have the sizes of the inputs, not only the rank.
        self.exact = True
        self.input_leaves = symbolic_leaves(inputs)
        self.output_leaves = symbolic_leaves(outputs)
        self.nodes = list(walk(outputs, self.input_leaves))

    @property
    def operations(self) -> list[Module | Node]:
        """The layers called, and the nodes of other operations, each once."""
        called = [(node.operation, node) for node in self.nodes]
        found = [op if isinstance(op, Module) else node for op, node in called]
        return list({id(operation): operation for operation in found}.values())

    @property
    def input_names(self) -> list[str]:
        """The inputs' names, in order."""
        return [t.name for t in self.input_leaves]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, in order."""
        return [t.name for t in self.output_leaves]

    def run(self, values: Sequence[Any], call: NodeCall | None = None) -> Any:
        """Call all nodes and return outputs in the structure of the graph.

        Args:
            values: the values of `input_leaves`.
            call: calls a node; by default its operation.
        """
        tensors = dict(zip(map(id, self.input_leaves), values, strict=True))
        for node in self.nodes:
            args, kwargs = map_symbolic(
                lambda t: tensors[id(t)], (node.args, node.kwargs)
            )
            if call is None:
                results = node.operation(*args, **kwargs)
            else:
                results = call(node, args, kwargs)
            made = map(id, symbolic_leaves(node.outputs))
            tensors.update(zip(made, jax.tree.leaves(results), strict=True))
        return map_symbolic(lambda t: tensors[id(t)], self.outputs)

    @functools.cached_property
    def host_stage(self) -> HostStage | None:
        """The host layers at the start, if there are any."""
        ends = self.input_leaves, self.nodes, self.output_leaves
        return _host_stage(*ends, self.exact, self.match)

    @functools.cached_property
    def program(self) -> CallGraph:
        """The graph after the host layers; its inputs are their outputs, by name."""
        if self.host_stage is None:
            return self
        graph = CallGraph(self.host_stage.tensors, self.outputs)
        graph.exact = self.exact
        return graph

    def __call__(self, inputs: PyTree) -> Any:
        """Call all nodes on arrays, as a model does."""
        if self.host_stage is not None:
            return self.program(self.host_stage(inputs))
        if local.budget is not None:
            local.budget.take_calls(*self._cost)
        leaves = zip(self.match(inputs), self.input_leaves, strict=True)
        values = [_fit_input(v, t, self.exact) for v, t in leaves]
        training = None if local.call is None else local.call.training

        def call(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
            # As in Keras, the model's `training` overrides that of a recorded call.
            is_layer = isinstance(node.operation, Module)
            if training is not None and is_layer and "training" in kwargs:
                kwargs["training"] = training
            return node.operation(*args, **kwargs)

        return self.run(values, call)

    @functools.cached_property
    def _cost(self) -> tuple[int, int]:
        """The number of calls of functions, without layers, and of their values."""
        ends = len(self.input_leaves) + len(self.output_leaves)
        functions = sum(not isinstance(node.operation, Module) for node in self.nodes)
        return functions, ends + sum(node.count_values() for node in self.nodes)

    @functools.cached_property
    def _calls(self) -> int:
        """The number of calls, with those in models that it calls."""
        graphs = [graph_of(node.operation) for node in self.nodes]
        return len(graphs) + sum(g._calls for g in graphs if g is not None)

    def check_rows(self, inputs: PyTree, to_train: bool) -> None:
        """Refuse data whose rows do not have the inputs' shapes.

        Args:
            inputs: arrays of rows.
            to_train: whether the message may suggest changing the model.

        Raises:
            ShapeError: an array does not fit; the message has the line that fixes it.
        """
        for tensor, array in zip(self.input_leaves, self.match(inputs), strict=True):
            if array is None:
                continue
            if fitted_shape(tensor.shape, array.shape, self.exact) is None:
                raise input_error(tensor, array.shape, to_train)

    def outputs_for(self, inputs: PyTree) -> Any:
        """Return new symbolic outputs, `None` if inputs have other shapes or masks."""
        fits = all(
            isinstance(t, SymbolicTensor) and (t.shape, t.mask) == (own.shape, own.mask)
            for t, own in zip(self.match(inputs), self.input_leaves, strict=True)
        )
        if not fits:
            return None
        if local.budget is not None:
            # As if each layer were called to infer shapes, which takes three calls.
            local.budget.take_calls(3 * self._calls)
        return map_symbolic(_unconnected, self.outputs)

    def match(self, inputs: PyTree) -> list[Any]:
        """Return arrays in the order of the graph's inputs.

        As in Keras, a list for inputs in a dictionary has them in the order of the
        sorted keys.

        Raises:
            ArgumentError: an input is missing.
        """
        names = self.input_names
        if isinstance(inputs, dict):
            wanted: Any = self.inputs
            is_by_name = set(names) <= inputs.keys()
            if not isinstance(wanted, dict) or (
                is_by_name and not wanted.keys() <= inputs.keys()
            ):
                wanted = dict(zip(names, self.input_leaves, strict=True))
            found: dict[int, Any] = {}
            _pair(wanted, inputs, found)
            return [found[id(t)] for t in self.input_leaves]
        leaves = jax.tree.leaves(inputs, is_leaf=lambda v: v is None)
        if len(leaves) != len(names):
            hint = "Pass labels as `y`." if len(names) == 1 else "Pass a list of them."
            raise ArgumentError(
                f"The model's inputs are {names}. Arrays given: {len(leaves)}. {hint}"
            )
        if isinstance(self.inputs, dict) and len(leaves) > 1:
            warn(
                "The model's inputs are a dictionary, so the arrays in a "
                f"{type(inputs).__name__} are taken in the order of its sorted keys, "
                f"{names}. Pass a dictionary with the keys {[*self.inputs]}."
            )
        return leaves


class GraphOwner:
    """Base of models: its calls form a graph, if they are known."""

    call_graph: CallGraph | None = None
    # Whether its layers are called in sequence, with a graph or not.
    is_sequential: ClassVar[bool] = False

    @property
    def layers(self) -> Sequence[Any]:
        """The direct layers of this model, from its inputs to its outputs."""
        raise NotImplementedError


def graph_of(item: object) -> CallGraph | None:
    """Return the graph of a model; `None` for all other objects."""
    return item.call_graph if isinstance(item, GraphOwner) else None


def known_output_shapes(layer: Any) -> list[Any]:
    """Return the output shapes of a layer outside of a graph; none if unknown."""
    if getattr(layer, "batch_shape", None) is not None:
        return [layer.batch_shape]
    graph = graph_of(layer)
    if graph is not None:
        return [t.shape for t in graph.output_leaves]
    config = layer.get_build_config() if layer.built else None
    if not config or config.get("input_shape") is None:
        return []
    try:
        shape = layer.compute_output_shape(config["input_shape"])
    # A user-defined layer may raise any exception.
    except Exception:
        return []
    return jax.tree.leaves(shape, is_leaf=is_shape)


def _pair(wanted: PyTree, given: PyTree, found: dict[int, Any]) -> None:
    """Collect in `found` the value for each tensor, by the tensor's `id`."""
    if isinstance(wanted, SymbolicTensor):
        found[id(wanted)] = given
        return
    wanted, given = _by_key(wanted), _by_key(given)
    for key, part in wanted.items():
        if key not in given:
            raise missing_input(key, list(wanted), list(given))
        _pair(part, given[key], found)


def _unconnected(tensor: SymbolicTensor) -> SymbolicTensor:
    found = SymbolicTensor(tensor.shape, tensor.dtype)
    found.mask = tensor.mask
    return found


def _by_key(tree: object) -> dict[Any, Any]:
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    return tree if isinstance(tree, dict) else {}


def _fit_input(value: object, tensor: SymbolicTensor, exact: bool) -> Any:
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
