"""Activation functions. Most are the ops of the same name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.core.registry import Registry
from lamina.core.registry import serialize as serialize_object
from lamina.ops.nn import activations as nn
from lamina.ops.nn.activations import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh_shrink,
    threshold,
)
from lamina.ops.numpy.elementwise import exp, tanh
from lamina.ops.types import Tensor, float_array
from lamina.tracebacks import filter_traceback
from lamina.typing import ActivationLike, ArrayLike

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def __dir__() -> list[str]:
    return __all__


def exponential(x: Tensor) -> Any:
    """Exponential activation: exp(x).

    Example:
        >>> exponential([0.0, 1.0]).tolist()
        [1.0, 2.71828...]
    """
    return exp(x)


def gelu(x: Tensor, approximate: bool = False) -> Any:
    """Gaussian error linear unit: x * P(X <= x) for a standard normal X.

    With `approximate`, the probability is approximated by a formula with tanh.

    Example:
        >>> gelu([0.0, 1.0]).tolist()
        [0.0, 0.84134...]

    Reference: Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415
    """
    return nn.gelu(x, approximate)


def linear(x: ArrayLike) -> Any:
    """Linear activation: x.

    Example:
        >>> linear(3.0)
        3.0
    """
    return x


@op
def mish(x: Tensor) -> jax.Array:
    """Mish activation: x * tanh(softplus(x)).

    Example:
        >>> mish([0.0, 1.0]).tolist()
        [0.0, 0.86509...]

    Reference: Misra 2019, https://arxiv.org/abs/1908.08681
    """
    return jax.nn.mish(float_array(x))


# Calls for equal shapes are traced and differentiated once.
_relu = jax.jit(jax.nn.relu, inline=True)


@op
def relu(
    x: Tensor,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> jax.Array:
    """Rectified linear unit, with an optional slope, limit and threshold.

    The output is x where x > threshold, and negative_slope * (x - threshold) elsewhere.

    Args:
        x: any float array.
        negative_slope: the slope below the threshold.
        max_value: the largest output; `None` for no limit.
        threshold: the input above which the output is x.

    Example:
        >>> relu(jnp.array([-2.0, 1.0, 9.0]), negative_slope=0.5, max_value=6).tolist()
        [-1.0, 1.0, 6.0]
    """
    x = float_array(x)
    if threshold:
        output = jnp.where(x > threshold, x, negative_slope * (x - threshold))
    elif negative_slope:
        output = jax.nn.leaky_relu(x, negative_slope)
    else:
        output = _relu(x)
    return output if max_value is None else jnp.minimum(output, max_value)


registry = Registry("activation", "keras.activations", accepts=["keras.layers"])
registry.add(celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu)
registry.add(hard_tanh, leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6)
registry.add(selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign, sparse_plus)
registry.add(sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold)
registry.add(swish=silu, hard_swish=hard_silu)

deserialize = registry.deserialize


def serialize(activation: ActivationLike) -> Any:
    """Return the config of an activation; functions of lamina have their name.

    Args:
        activation: an activation.

    Example:
        >>> serialize(relu)
        'relu'
    """
    return serialize_object(activation)


@filter_traceback
def get(identifier: object) -> Any:
    """Return the activation that an identifier names or describes.

    Args:
        identifier: a name, a config or a function; `None` for `linear`.

    Raises:
        UnknownNameError: no activation has that name.

    Example:
        >>> get("relu") is relu, get(None) is linear
        (True, True)
    """
    return linear if identifier is None else registry.get(identifier)
