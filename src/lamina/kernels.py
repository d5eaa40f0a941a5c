"""Inspect which kernel each op of a model runs, and why.

An op such as a convolution has a reference kernel and faster ones for some platforms
and shapes; `lamina.config.set_kernel` selects one by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from lamina.core.graph import SymbolicTensor
from lamina.errors import StateError
from lamina.layers.base import Layer
from lamina.layers.base.call_graph import graph_of
from lamina.layers.base.shapes import is_shape
from lamina.ops.kernels import table
from lamina.ops.kernels.table import Choice
from lamina.runtime.executable import in_process_compile
from lamina.typing import DTypeLike, PartialShape

__all__ = ["Choice", "available", "choices", "explain"]


def __dir__() -> list[str]:
    return __all__


def available() -> dict[str, list[str]]:
    """Return the names of the kernels of each op, the reference last.

    Example:
        >>> available()["max_pool"][-1]
        'reference'
    """
    return {op: [kernel.name for kernel in table.kernels_of(op)] for op in table.ops()}


def choices(model: Layer, batch_size: int = 32) -> list[Choice]:
    """Return the kernel that each op of a built model uses in training.

    Args:
        model: a model or a layer that is built.
        batch_size: batch size, where the model's input does not fix it.

    Raises:
        StateError: the model is not built, or takes several arrays.

    Example:
        >>> model = lamina.Sequential([lamina.Input((8,)), lamina.layers.Dense(4)])
        >>> [(choice.op, choice.kernel) for choice in choices(model)]
        [('matmul', 'matmul_pretransposed')]
    """
    inputs = _inputs_of(model, batch_size)
    with in_process_compile(), table.recording() as found:
        model.compute_output_spec(inputs, training=True)
    return list(dict.fromkeys(found))


def explain(
    model: Layer, batch_size: int = 32, print_fn: Callable[[str], None] = print
) -> None:
    """Print the kernel that each layer's ops use, and why.

    Args:
        model: a model or a layer that is built.
        batch_size: batch size, where the model's input does not fix it.
        print_fn: called once with the whole table.

    Example:
        >>> dense = lamina.layers.Dense(4, name="dense")
        >>> model = lamina.Sequential([lamina.Input((8,)), dense])
        >>> explain(model)
        layer  op      kernel                reason
        dense  matmul  matmul_pretransposed  XLA is slow at the gradient ...
    """
    rows = [("layer", "op", "kernel", "reason")]
    for path, op, kernel, reason in choices(model, batch_size):
        rows.append(("/".join(path[1:]) or model.name, op, kernel, reason))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    print_fn("\n".join(line.rstrip() for line in lines))


def _inputs_of(model: Layer, batch_size: int) -> Any:
    """Return symbolic inputs for one batch, in the shapes the model was built with."""
    if graph_of(model) is not None:
        return jax.tree.map(
            lambda t: _batch(t.shape, t.dtype, batch_size),
            model.input,
            is_leaf=lambda t: isinstance(t, SymbolicTensor),
        )
    config = model.get_build_config() or {}
    shape = config.get("shapes_dict", config).get("input_shape")
    if not model.built or not is_shape(shape):
        raise StateError(
            f"kernels: the shapes in {model.name!r} are not known. Make the model from "
            "`Input` tensors, or call it on an array first."
        )
    return _batch(shape, model.compute_dtype, batch_size)


def _batch(shape: PartialShape, dtype: DTypeLike, batch_size: int) -> SymbolicTensor:
    first, *rest = shape
    return SymbolicTensor((batch_size if first is None else first, *rest), dtype)
