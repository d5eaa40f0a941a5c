"""`Function`: a graph of operations, without the methods of a model."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves, walk
from lamina.errors import ArgumentError, ShapeError
from lamina.typing import PartialShape


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

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        self.name = name or "function"
        self.inputs, self.outputs = symbolic_leaves(inputs), symbolic_leaves(outputs)
        for argument, leaves in (("inputs", self.inputs), ("outputs", self.outputs)):
            if not leaves:
                raise ArgumentError(
                    f"Function: `{argument}` must have at least one symbolic tensor, "
                    "such as `Input` returns."
                )
        self._inputs, self._outputs = inputs, outputs
        self._nodes = list(walk(outputs, self.inputs))

    @property
    def operations(self) -> list[Any]:
        """The layers called, and the nodes of other operations, each once."""
        found = [
            n.operation if hasattr(n.operation, "name") else n for n in self._nodes
        ]
        return list({id(operation): operation for operation in found}.values())

    def __call__(self, inputs: Any) -> Any:
        self._check(inputs)
        values = dict(zip(map(id, self.inputs), _leaves(inputs), strict=True))
        for node in self._nodes:
            results = _leaves(node.run(values, {}))
            outputs = symbolic_leaves(node.outputs)
            values |= zip(map(id, outputs), results, strict=True)
        return map_symbolic(lambda t: values[id(t)], self._outputs)

    def _check(self, inputs: Any) -> None:
        got, needed = _structure(inputs), _structure(self._inputs)
        if got != needed:
            raise ArgumentError(
                f"Function {self.name!r} must be called on inputs of the structure "
                f"{needed}. Received: {got}."
            )
        for tensor, value in zip(self.inputs, _leaves(inputs), strict=True):
            shape = tuple(getattr(value, "shape", np.shape(value)))
            sizes = zip(tensor.shape, shape, strict=False)
            fits = all(n == m or None in (n, m) for n, m in sizes)
            if len(shape) != tensor.ndim or not fits:
                raise ShapeError(
                    f"Function {self.name!r} needs an input of shape {tensor.shape}. "
                    f"Received: shape {shape}."
                )

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the outputs for symbolic inputs, as symbolic tensors."""
        return self(inputs)

    def compute_output_shape(self, input_shape: PartialShape) -> Any:
        """Return the shapes of the outputs for shapes of the inputs."""
        shapes = jax.tree.leaves(input_shape, is_leaf=_is_shape)
        tensors = iter(
            SymbolicTensor(shape, tensor.dtype)
            for shape, tensor in zip(shapes, self.inputs, strict=True)
        )
        outputs = self(map_symbolic(lambda _: next(tensors), self._inputs))
        return map_symbolic(lambda t: t.shape, outputs)


def get_source_inputs(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """Return the input tensors that a symbolic tensor depends on, each once."""
    found: dict[int, SymbolicTensor] = {}
    seen: set[int] = set()
    stack = [tensor]
    while stack:
        current = stack.pop()
        node: Node | None = current.node
        if node is None:
            found[id(current)] = current
        elif id(node) not in seen:
            seen.add(id(node))
            stack.extend(reversed(node.inputs))
    return list(found.values())


def _is_tensor(value: Any) -> bool:
    return isinstance(value, SymbolicTensor)


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        n is None or isinstance(n, int) for n in value
    )


def _leaves(tree: Any) -> list[Any]:
    return jax.tree.leaves(tree, is_leaf=_is_tensor)


def _structure(tree: Any) -> Any:
    return jax.tree.structure(tree, is_leaf=_is_tensor)
