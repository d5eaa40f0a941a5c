"""Changes of families of layers, which are imported on first use.

`fit` reads the names of a call's arguments, so that a new `call` has the signature of
the one that it replaces.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import jax.numpy as jnp
import numpy as np

from lamina import random
from lamina.compat.defaults import Release, release
from lamina.compat.notices import tell
from lamina.compat.patches.apply import Changes
from lamina.core import registry
from lamina.core.graph import symbolic_leaves
from lamina.core.scope import local
from lamina.layers import Layer
from lamina.typing import Array

if TYPE_CHECKING:
    from lamina.layers import (
        Attention,
        BatchNormalization,
        Conv2D,
        Embedding,
        Lambda,
    )


def attention(module: Any) -> Changes:
    """Return changes for attention, which had an option `causal`."""
    attend = vars(module.Attention)["call"]

    @functools.wraps(attend)
    def call(layer: Attention, *inputs: object, **options: object) -> Any:
        if vars(layer).get("_old_option"):
            options["use_causal_mask"] = True
        return attend(layer, *inputs, **options)

    yield module.Attention, "call", call


def convolution(module: Any) -> Changes:
    """Return changes for convolutions, whose kernels Theano stored otherwise."""
    yield module.Conv2D, "get_weights", _get_weights
    yield module.Conv2D, "set_weights", _set_weights


def functions(module: Any) -> Changes:
    """Return changes for `Lambda`, whose function may need the graph.

    A config that this process made may have a lambda: it is the function itself that
    a copy of the model gets. No code is read from a config.
    """
    yield module.Lambda, "symbolic_call", _call_lambda
    kinds = vars(registry)["_KINDS"]
    kind = kinds["__lambda__"]._replace(write=_lambda_config, read=_lambda)
    yield registry, "_KINDS", {**kinds, "__lambda__": kind}


# Functions by what their configs have in this process only, and the reverse.
_lambdas: WeakValueDictionary[str, Callable[..., Any]] = WeakValueDictionary()
_keys: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


def _lambda_config(function: Callable[..., Any]) -> dict[str, str]:
    key = _keys.setdefault(function, secrets.token_hex(16))
    _lambdas[key] = function
    return {"value": "<lambda>", "key": key}


def _lambda(config: Any) -> Any:
    key = config.get("key") if isinstance(config, dict) else None
    found = _lambdas.get(key) if isinstance(key, str) else None
    return registry.refuse_code(config) if found is None else found


def embedding(module: Any) -> Changes:
    """Return changes for `Embedding`, which dropped words and took any index."""
    lookup = vars(module.Embedding)["call"]

    @functools.wraps(lookup)
    def call(layer: Embedding, inputs: Array) -> Any:
        rows = lookup(layer, inputs)
        if release() <= Release.KERAS_2_3:
            known = (inputs >= 0) & (inputs < layer.input_dim)
            rows = jnp.where(known[..., None], rows, 0)
        rate = vars(layer).get("_old_option")
        if rate and local.call is not None and local.call.training:
            # The same words are dropped at all their positions.
            factors = random.dropout(jnp.ones(layer.input_dim, rows.dtype), rate)
            rows = rows * factors[jnp.asarray(inputs, "int32")][..., None]
        return rows

    yield module.Embedding, "call", call


def recurrent(module: Any) -> Changes:
    """Return changes for cells and `RNN`, whose initial states depended on inputs."""
    for name in {"RNN", "RecurrentCell"} & vars(module).keys():
        cls = vars(module)[name]
        if cls.__module__ == module.__name__:
            initial = vars(cls)["get_initial_state"]
            yield cls, "get_initial_state", _state_of_inputs(initial)


def _state_of_inputs(initial: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(initial)
    def call(
        cell: Layer, inputs: Any = None, batch_size: Any = None, dtype: object = None
    ) -> Any:
        size = batch_size if inputs is None else inputs
        if getattr(size, "ndim", 0):
            tell("get_initial_state(inputs)", "get_initial_state(inputs.shape[0])")
            size = size.shape[0]
        return initial(cell, size)

    return call


def batch_normalization(module: Any) -> Changes:
    """Return changes for `BatchNormalization`, which had an option `mode`."""
    normalize = vars(module.BatchNormalization)["call"]

    @functools.wraps(normalize)
    def call(layer: BatchNormalization, inputs: Array, **options: object) -> Any:
        if vars(layer).get("_old_option"):
            return _normalize_in_mode(layer, inputs)
        return normalize(layer, inputs, **options)

    yield module.BatchNormalization, "call", call


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


def _normalize_in_mode(layer: BatchNormalization, inputs: Array) -> Any:
    mode = vars(layer)["_old_option"]
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
