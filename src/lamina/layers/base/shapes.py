"""Shapes of nested tensors, and the arguments of a layer's methods that name them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import jax
import numpy as np

from lamina.core.graph import SymbolicTensor, infer, symbolic_leaves
from lamina.core.module import is_user_defined, signature
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError, shown
from lamina.layers.base.weights import WeightOwner
from lamina.typing import PartialShape, PyTree
from lamina.value_errors import VALUE_ERRORS


@functools.cache
def call_names(cls: type) -> list[str]:
    """Return the names of the arguments of a layer class's `call`."""
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = list(signature(cls.call).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in kinds]


@functools.cache
def positional_names(cls: type) -> list[str]:
    """Return the names of the arguments of `call` that a call can pass by position."""
    parameters = signature(cls.call).parameters
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [n for n in call_names(cls) if parameters[n].kind is kind]


@functools.cache
def takes_any_keyword(cls: type) -> bool:
    """Return whether a layer class's `call` has `**kwargs`."""
    parameters = signature(cls.call).parameters.values()
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def is_leaf(value: object) -> bool:
    """Return whether a value is a tensor or `None`, also if JAX can flatten it."""
    is_tensor = value is None or isinstance(value, (SymbolicTensor, Variable))
    return is_tensor or hasattr(value, "todense")


def is_shape(value: object) -> TypeGuard[PartialShape]:
    """Return whether a value is a tuple or list of integers and `None`."""
    return isinstance(value, (tuple, list)) and all(
        n is None or isinstance(n, (int, np.integer)) for n in value
    )


def shapes_of(tree: PyTree) -> Any:
    """Return the shapes of tensors in nested lists, tuples and dictionaries."""
    return jax.tree.map(
        lambda t: tuple(t.shape if hasattr(t, "shape") else np.shape(t)),
        tree,
        is_leaf=is_leaf,
    )


def as_tuples(shapes: object) -> Any:
    """Return nested shapes with tuples for the lists that JSON has."""
    if isinstance(shapes, dict):
        return {k: as_tuples(v) for k, v in shapes.items()}
    if is_shape(shapes):
        return tuple(shapes)
    return [as_tuples(v) for v in shapes] if isinstance(shapes, list) else shapes


def relax_shapes(
    tensors: Sequence[SymbolicTensor], declared: Sequence[SymbolicTensor]
) -> None:
    """Make the sizes of tensors unknown that are unknown in the declared ones.

    Shapes are inferred for a few sizes. A call that fits few, as one that adds a table
    of positions, would otherwise fix the length of sequences.
    """
    if len(declared) != len(tensors):
        return
    for tensor, other in zip(tensors, declared, strict=True):
        if len(other.shape) == len(tensor.shape):
            sizes = zip(tensor.shape, other.shape, strict=True)
            tensor.shape = tuple(None if n is None else m for m, n in sizes)
            if tensor.mask is not None:
                tensor.mask = tensor.shape[: len(tensor.mask)]


def output_specs(
    layer: WeightOwner,
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Return a user's `compute_output_spec`, or what tracing `call` infers.

    The shape that a class declares is used if its `call` cannot be traced.

    Args:
        layer: the layer.
        call: calls it, which also builds its sublayers.
        args: symbolic arguments.
        kwargs: symbolic keyword arguments.

    Raises:
        ArgumentTypeError: `call` returns no tensor.
    """
    is_declared = is_user_defined(type(layer), "compute_output_spec")
    is_built = all(sublayer.built for sublayer in layer.all_layers())
    outputs = None
    if not (is_declared and is_built):
        try:
            outputs = infer(call, args, kwargs)
        except VALUE_ERRORS:
            has_shape = is_user_defined(type(layer), "compute_output_shape")
            if not (is_declared or has_shape):
                raise
            is_declared = True
    if is_declared:
        declared = layer.compute_output_spec(*args, **kwargs)
        return jax.tree.map(lambda t: SymbolicTensor(t.shape, t.dtype), declared)
    if not symbolic_leaves(outputs):
        raise ArgumentTypeError(
            f"Layer {layer.name!r} ({type(layer).__name__}): `call` returned "
            f"{shown(outputs)}, which is not a tensor. End it with `return`."
        )
    return outputs
