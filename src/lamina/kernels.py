"""Which form of each op a model runs here, and why.

An op such as a convolution has a reference form and faster ones for some platforms and
shapes; `lamina.config.set_kernel` makes it take a certain one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from lamina.core.graph import SymbolicTensor
from lamina.errors import StateError
from lamina.layers.base.layer import is_shape
from lamina.ops.kernels import table
from lamina.ops.kernels.table import Choice
from lamina.runtime.executable import in_process_compile

__all__ = ["Choice", "choices", "explain", "forms"]


def __dir__() -> list[str]:
    return __all__


def forms() -> dict[str, list[str]]:
    """The names of the forms of each op, the reference form last.

    Example:
        >>> forms()["max_pool"][-1]
        'reference'
    """
    return {op: [form.name for form in table.kernels_of(op)] for op in table.ops()}


def choices(model: Any, batch_size: int = 32) -> list[Choice]:
    """The form that each op in a built model takes when it is trained, layer by layer.

    Args:
        model: a model or a layer that is built.
        batch_size: rows in a batch, where the model's input leaves that open.

    Raises:
        StateError: the model has not been built, or on no single array.
    """
    inputs = _inputs_of(model, batch_size)
    with in_process_compile(), table.recording() as found:
        model.compute_output_spec(inputs, training=True)
    return list(dict.fromkeys(found))


def explain(
    model: Any,
    batch_size: int = 32,
    print_fn: Callable[[str], None] = print,
) -> None:
    """Print which form each layer's ops take, and why.

    Args:
        model: a model or a layer that is built.
        batch_size: rows in a batch, where the model's input leaves that open.
        print_fn: called once with the whole text.
    """
    rows = [("layer", "op", "form", "why")]
    for path, op, form, reason in choices(model, batch_size):
        rows.append(("/".join(path[1:]) or model.name, op, form, reason))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    print_fn("\n".join(line.rstrip() for line in lines))


def _inputs_of(model: Any, batch_size: int) -> Any:
    """Symbolic inputs for one batch, like those that the model was built with."""
    if getattr(model, "_graph", None) is not None:
        return jax.tree.map(
            lambda t: _batch(t.shape, t.dtype, batch_size),
            model.input,
            is_leaf=lambda t: isinstance(t, SymbolicTensor),
        )
    config = model.get_build_config() or {}
    shape = config.get("shapes_dict", config).get("input_shape")
    if not model.built or not is_shape(shape):
        raise StateError(
            f"kernels: the shapes in {model.name!r} are not known. Make it from "
            "`Input` tensors, or call it on an array first."
        )
    return _batch(shape, model.compute_dtype, batch_size)


def _batch(shape: Any, dtype: Any, batch_size: int) -> SymbolicTensor:
    first, *rest = shape
    return SymbolicTensor((batch_size if first is None else first, *rest), dtype)
