"""Behavior that layers and tensors had in Keras 1 and 2 only."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import random
from lamina.compat.defaults import Release, release
from lamina.compat.keras.backend.text import get_item
from lamina.compat.notices import tell
from lamina.core.graph import SymbolicTensor, symbolic_leaves
from lamina.core.scope import local
from lamina.errors import DataError, LikelyMistakeWarning, ShapeError
from lamina.layers import (
    Attention,
    BatchNormalization,
    Conv2D,
    Embedding,
    Lambda,
    Layer,
)
from lamina.typing import Array


class Shape(tuple[Any, ...]):
    """Shape with the methods of `TensorShape` in TensorFlow 1."""

    def as_list(self) -> list[int | None]:
        """Return the sizes in a list."""
        return list(self)

    @property
    def ndims(self) -> int:
        """The number of axes."""
        return len(self)


def get_shape(tensor: Array | SymbolicTensor) -> Shape:
    """Return the shape of an array or a symbolic tensor."""
    tell("x.get_shape()", "x.shape")
    return Shape(tensor.shape)


def _history(tensor: SymbolicTensor) -> tuple[Any, int, int]:
    tell("x._keras_history", "keras.Model and its layers")
    return (tensor.node.operation if tensor.node else tensor.layer), 0, 0


def _node_value(part: str, only_shape: bool) -> Callable[[Layer, int], Any]:
    """Return a method that returns the inputs or outputs of a call of a layer."""

    def method(layer: Layer, node_index: int) -> Any:
        tell(f"layer.get_{part}_at(index)", f"the {part} of each call of the layer")
        node = vars(layer)["_nodes"][node_index]
        found = node.outputs if part == "output" else node.args[0]
        if not only_shape:
            return found
        is_one = isinstance(found, SymbolicTensor)
        return tuple(found.shape) if is_one else [tuple(t.shape) for t in found]

    return method


def _shape_of(part: str) -> property:
    name = f"{part}_shape"

    def get(layer: Layer) -> Any:
        if name in vars(layer):
            return vars(layer)[name]
        if not vars(layer).get("_nodes"):
            raise AttributeError(name)
        return _node_value(part, only_shape=True)(layer, 0)

    return property(get, lambda layer, value: vars(layer).update({name: value}))


def _has_theano_kernel(layer: Layer) -> bool:
    """Return whether a program expects kernels with their filters first."""
    is_first = getattr(layer, "data_format", "") == "channels_first"
    return is_first and release() == Release.KERAS_1


def _get_weights(layer: Conv2D) -> list[np.ndarray]:
    weights = Layer.get_weights(layer)
    if weights and _has_theano_kernel(layer):
        weights[0] = weights[0].transpose(3, 2, 0, 1)
    return weights


def _set_weights(layer: Conv2D, weights: Sequence[Any]) -> None:
    found = list(weights)
    if found and _has_theano_kernel(layer):
        found[0] = np.asarray(found[0]).transpose(2, 3, 1, 0)
    Layer.set_weights(layer, found)


def _call_lambda(layer: Lambda, *args: object, **kwargs: object) -> Any:
    """Call a function on symbolic tensors if it needs their graph.

    It may compute gradients, or use other symbolic tensors than its arguments.
    """
    try:
        return Layer.symbolic_call(layer, *args, **kwargs)
    except Exception:
        with suppress(Exception):
            found = layer.function(*args, **layer.keywords)
            if symbolic_leaves(found):
                is_one = isinstance(found, list) and len(found) == 1
                return found[0] if is_one else found
        raise


def checking_indices(check: Callable[..., None]) -> Callable[..., None]:
    """Return a check of indices that only warns about what old programs got away with.

    TensorFlow returned zeros on GPUs for an index that an Embedding does not have.
    """

    @functools.wraps(check)
    def call(array: object, layer: Embedding) -> None:
        try:
            check(array, layer)
        except DataError as error:
            if local.on_findings is not None or release() > Release.KERAS_2_3:
                raise
            text = f"{error} Vectors of other indices are zeros."
            warnings.warn(text, LikelyMistakeWarning, stacklevel=2)

    return call


def fitting_inputs(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that fits an array to an input of a model.

    Until Keras 2.3, a model that was called on a symbolic tensor called its layers on
    it, whatever its shape.
    """

    @functools.wraps(fit)
    def call(value: Any, tensor: SymbolicTensor, exact: bool) -> Any:
        try:
            return fit(value, tensor, exact)
        except ShapeError:
            array = jnp.asarray(value, tensor.dtype)
            ranks = vars(tensor).setdefault("_ranks", set())
            if local.infers_shapes and release() <= Release.KERAS_2_3:
                ranks.add(array.ndim)
            if array.ndim not in ranks:
                raise
            return array

    return call


# Options of Keras 1 and tf.keras that change what a layer computes.
_OPTIONS = {
    "AdditiveAttention": "causal",
    "Attention": "causal",
    "BatchNormalization": "mode",
    "Embedding": "dropout",
}


def remember_option(layer: object, cls: type, given: Mapping[str, Any]) -> None:
    """Store an old option in a layer, for its call."""
    value = given.get(_OPTIONS.get(cls.__name__, ""))
    if value:
        vars(layer)["_old_option"] = value


# `fit` reads the names of a call's arguments, so that a new `call` has the signature of
# the one that it replaces.
_dot_product_attend: Callable[..., Any] = vars(Attention)["call"]
_batch_normalize: Callable[..., Any] = vars(BatchNormalization)["call"]
_lookup: Callable[..., Any] = vars(Embedding)["call"]


@functools.wraps(_dot_product_attend)
def _attend(layer: Attention, *inputs: object, **options: object) -> Any:
    if vars(layer).get("_old_option"):
        options["use_causal_mask"] = True
    return _dot_product_attend(layer, *inputs, **options)


@functools.wraps(_lookup)
def _embed(layer: Embedding, inputs: Array) -> Any:
    rows = _lookup(layer, inputs)
    if release() <= Release.KERAS_2_3:
        known = (inputs >= 0) & (inputs < layer.input_dim)
        rows = jnp.where(known[..., None], rows, 0)
    rate = vars(layer).get("_old_option")
    if rate and local.call is not None and local.call.training:
        # The same words are dropped at all their positions.
        factors = random.dropout(jnp.ones(layer.input_dim, rows.dtype), rate)
        rows = rows * factors[jnp.asarray(inputs, "int32")][..., None]
    return rows


@functools.wraps(_batch_normalize)
def _normalize(layer: BatchNormalization, inputs: Array, **options: object) -> Any:
    mode = vars(layer).get("_old_option")
    if not mode:
        return _batch_normalize(layer, inputs, **options)
    features = layer.axis % inputs.ndim if isinstance(layer.axis, int) else -1
    rest = [axis for axis in range(inputs.ndim) if axis != features]
    axes = (-1,) if mode == 1 else tuple(rest)
    mean, variance = jnp.mean(inputs, axes), jnp.var(inputs, axes)
    mean, variance = (jnp.expand_dims(v, axes) for v in (mean, variance))
    result = (inputs - mean) / jnp.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        result = result * jnp.expand_dims(layer.gamma.value, rest)
    if layer.beta is not None:
        result = result + jnp.expand_dims(layer.beta.value, rest)
    return result


BEHAVIOR: Mapping[type, Mapping[str, Any]] = {
    SymbolicTensor: {
        "_keras_shape": property(lambda tensor: tuple(tensor.shape)),
        "_keras_history": property(_history),
        "get_shape": get_shape,
        "__getitem__": get_item,
    },
    Layer: {
        "get_input_at": _node_value("input", only_shape=False),
        "get_output_at": _node_value("output", only_shape=False),
        "get_input_shape_at": _node_value("input", only_shape=True),
        "get_output_shape_at": _node_value("output", only_shape=True),
        "input_shape": _shape_of("input"),
        "output_shape": _shape_of("output"),
    },
    Attention: {"call": _attend},
    Conv2D: {"get_weights": _get_weights, "set_weights": _set_weights},
    Lambda: {"symbolic_call": _call_lambda},
    Embedding: {"call": _embed},
    BatchNormalization: {"call": _normalize},
}
