"""The layers of a graph that run on the host, before its program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves
from lamina.layers.base.input_shapes import fitted_shape, input_error
from lamina.typing import PyTree


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
        found = {id(t): _fit(v, t, self._exact) for t, v in pairs}
        for node in self._nodes:
            args, kwargs = map_symbolic(
                lambda t: found[id(t)], (node.args, node.kwargs)
            )
            (output,) = symbolic_leaves(node.outputs)
            found[id(output)] = node.operation(*args, **kwargs)
        return {name: found[id(t)] for name, t in self.tensors.items()}


def host_stage_of(
    inputs: Sequence[SymbolicTensor],
    nodes: Sequence[Node],
    outputs: Sequence[SymbolicTensor],
    exact: bool,
    match: Callable[[PyTree], Sequence[Any]],
) -> HostStage | None:
    """Return the host layers that depend on inputs only; `None` if there are none.

    Args:
        inputs: a graph's inputs.
        nodes: its calls, in topological order.
        outputs: its outputs.
        exact: whether arrays must have the sizes of the inputs.
        match: returns arrays in the order of the inputs.
    """
    known = {id(t) for t in inputs}
    on_host: list[Node] = []
    used = list(outputs)
    for node in nodes:
        runs_on_host = getattr(node.operation, "runs_on_host", False)
        if runs_on_host and all(id(t) in known for t in node.inputs):
            on_host.append(node)
            known |= {id(t) for t in symbolic_leaves(node.outputs)}
        else:
            used += node.inputs
    if not on_host:
        return None
    tensors = {id(t): t for t in used if id(t) in known}
    return HostStage(inputs, on_host, list(tensors.values()), exact, match)


def _fit(value: Any, tensor: SymbolicTensor, exact: bool) -> Any:
    """Return a value as an array, with or without a last axis of size 1."""
    if value is None:
        return None
    array = value if hasattr(value, "reshape") else np.asarray(value)
    shape = fitted_shape(tensor.shape, array.shape, exact)
    if shape is None:
        raise input_error(tensor, array.shape)
    return array.reshape(shape)
