"""Base class of layers that run on the host, before compiled programs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from jax.core import Tracer

from lamina.core.graph import Node, SymbolicTensor, is_symbolic
from lamina.errors import StateError
from lamina.layers.base.layer import Layer
from lamina.typing import PartialShape


class HostLayer(Layer):
    """Base class of layers that run on the host, before compiled programs.

    JAX has no strings, and by default no 64-bit integers, so these layers get NumPy
    arrays. A model whose inputs pass through such layers first calls them on each
    batch of data. They cannot be called inside a program.
    """

    runs_on_host: ClassVar[bool] = True
    # Element type of the array made from lists of values; `None` for NumPy's choice.
    list_dtype: ClassVar[Any] = None

    @property
    def _label(self) -> str:
        return f"Layer {self.name!r} ({type(self).__name__})"

    @property
    def output_dtype(self) -> str:
        """Element type of the output."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> PartialShape:
        """Return the shape of the output for inputs of a shape."""
        raise NotImplementedError

    def _host_array(self, value: object) -> np.ndarray:
        """Return values as a NumPy array."""
        if isinstance(value, (list, tuple)):
            return np.array(value, self.list_dtype)
        return np.asarray(value)

    def _convert(self, value: object) -> object:
        # JAX has no string arrays, and would truncate 64-bit integers.
        if isinstance(value, SymbolicTensor) or value is None:
            return value
        return np.asarray(value) if hasattr(value, "__array__") else value

    def _prepare(self, inputs: object) -> Any:
        """Convert the layer's input to the argument of `call`."""
        return (
            inputs if isinstance(inputs, SymbolicTensor) else self._host_array(inputs)
        )

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        if _is_traced(inputs):
            raise StateError(
                f"{self._label} runs on the host, so it cannot be part of a compiled "
                "program. Use it as the first layer of a functional or sequential "
                "model, or call it on the data: `x = layer(x)`."
            )
        return super().__call__(self._prepare(inputs), **kwargs)

    def symbolic_call(self, *args: object, **kwargs: object) -> Any:
        """Add a node to the graph and return its output, without tracing the call."""
        node = Node(self, args, kwargs)
        shapes = [tensor.shape for tensor in node.inputs]
        shape = shapes[0] if isinstance(args[0], SymbolicTensor) else shapes
        node.outputs = SymbolicTensor(
            self.compute_output_shape(shape),
            self.output_dtype,
            name=self.name,
            node=node,
        )
        self.built = True
        self._nodes.append(node)
        return node.outputs


def _is_traced(inputs: object) -> bool:
    values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    return not is_symbolic(values) and any(isinstance(v, Tracer) for v in values)
