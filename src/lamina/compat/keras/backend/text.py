"""Functions of symbolic tensors of text, which run on the host before a program.

JAX has no text, so shapes are inferred with integers in place of the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.core.graph import SymbolicTensor, infer, record, symbolic_leaves
from lamina.ops.numpy import index
from lamina.typing import PyTree


def is_symbolic_text(tree: PyTree) -> bool:
    """Return whether there are symbolic tensors of text."""
    return any(tensor.dtype == "string" for tensor in symbolic_leaves(tree))


def on_symbolic_text(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    shape_function: Callable[..., Any],
) -> Any:
    """Add a function of text, whose result is text, to the graph.

    Args:
        function: a function of NumPy arrays.
        args: its arguments, symbolic tensors among them.
        options: its keyword arguments.
        shape_function: a function of JAX arrays whose result has the same shape.
    """

    def on_host(*args: object, **options: object) -> Any:
        return function(*args, **options)

    def spec(*args: object, **options: object) -> SymbolicTensor:
        found = infer(shape_function, _integers(args), _integers(options))
        return SymbolicTensor(found.shape, "string")

    on_host.__name__ = getattr(function, "__name__", "text")
    vars(on_host)["runs_on_host"] = True
    return record(on_host, args, options, spec=spec)


def _integers(tree: Any) -> Any:
    """Return a tree with integers of the same shapes in place of text."""
    if isinstance(tree, SymbolicTensor):
        return SymbolicTensor(tree.shape, "int8")
    if isinstance(tree, dict):
        return {name: _integers(value) for name, value in tree.items()}
    is_list = isinstance(tree, (list, tuple))
    return type(tree)(_integers(v) for v in tree) if is_list else tree


def get_item(tensor: Any, key: Any) -> Any:
    """Return elements or slices of a symbolic tensor, which may be text."""
    if tensor.dtype != "string":
        return index.get_item(tensor, key)

    def slice_text(texts: np.ndarray) -> Any:
        return texts[key]

    return on_symbolic_text(slice_text, (tensor,), {}, slice_text)
