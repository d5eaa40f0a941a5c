"""`Function`: a graph of operations, without the methods of a model."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lamina.core.graph import Node, SymbolicTensor, map_symbolic
from lamina.core.module import Module
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base.call_graph import CallGraph
from lamina.layers.base.input_shapes import sizes_agree
from lamina.layers.base.shapes import is_shape
from lamina.typing import PartialShape, PyTree


class Function:
    """A function made of the operations between symbolic inputs and outputs.

    Args:
        inputs: a symbolic tensor, or nested lists, tuples or dictionaries of them.
        outputs: the same structure types; tensors that depend only on the inputs.
        name: the name of the function.

    Raises:
        ArgumentError: inputs or outputs are empty, or an output depends on a tensor
            that is not among the inputs.

    Example:
        >>> import lamina
        >>> x, y = lamina.KerasTensor((None, 2)), lamina.KerasTensor((None, 2))
        >>> distance = Function([x, y], lamina.ops.abs(x - y))
        >>> distance([np.ones((1, 2)), np.zeros((1, 2))]).tolist()
        [[1.0, 1.0]]
    """

    def __init__(
        self, inputs: PyTree, outputs: PyTree, name: str | None = None
    ) -> None:
        self.name = name or "function"
        self._graph = CallGraph(inputs, outputs, "Function")
        self.inputs, self.outputs = self._graph.input_leaves, self._graph.output_leaves

    @property
    def operations(self) -> list[Module | Node]:
        """The layers called, and the nodes of other operations, each once."""
        return self._graph.operations

    def __call__(self, inputs: PyTree) -> Any:
        got, needed = jax.tree.structure(inputs), jax.tree.structure(self._graph.inputs)
        if got != needed:
            raise ArgumentError(
                f"Function {self.name!r} must be called on inputs of the structure "
                f"{needed}. Received: {got}."
            )
        values = jax.tree.leaves(inputs)
        for tensor, value in zip(self.inputs, values, strict=True):
            shape = np.shape(value)
            if not sizes_agree(tensor.shape, shape):
                raise ShapeError(
                    f"Function {self.name!r} needs an input of shape {tensor.shape}. "
                    f"Received: shape {shape}."
                )
        return self._graph.run(values)

    def call(self, inputs: PyTree) -> Any:
        """Compute the outputs, as a call of the function does."""
        return self(inputs)

    def compute_output_spec(self, inputs: PyTree) -> Any:
        """Return the outputs for symbolic inputs, as symbolic tensors."""
        return self(inputs)

    def compute_output_shape(self, input_shape: PartialShape) -> Any:
        """Return the shapes of the outputs for shapes of the inputs."""
        shapes = jax.tree.leaves(input_shape, is_leaf=is_shape)
        tensors = map(SymbolicTensor, shapes, [t.dtype for t in self.inputs])
        inputs = map_symbolic(lambda _: next(tensors), self._graph.inputs)
        return map_symbolic(lambda t: t.shape, self(inputs))


def get_source_inputs(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """Return the input tensors that a symbolic tensor depends on, each once.

    Example:
        >>> x = lamina.Input((3,), name="x")
        >>> [tensor.name for tensor in get_source_inputs(lamina.ops.sum(x * 2))]
        ['x']
    """
    found: dict[int, SymbolicTensor] = {}
    seen: set[int] = set()
    stack = [tensor]
    while stack:
        current = stack.pop()
        node = current.node
        if node is None:
            found[id(current)] = current
        elif id(node) not in seen:
            seen.add(id(node))
            stack.extend(reversed(node.inputs))
    return list(found.values())
