"""Encodings of labels and of complex numbers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.check import require_dense
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import op
from lamina.errors import ArgumentTypeError, invalid
from lamina.ops.types import Tensor, array_of, float_array
from lamina.typing import Array, DTypeLike

__all__ = [
    "multi_hot",
    "one_hot",
    "polar",
]


@op
def multi_hot(
    inputs: Tensor,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike = None,
    sparse: bool = False,
    **kwargs: int,
) -> Array:
    """Encode the labels of each row as ones in an array of zeros.

    Args:
        inputs: class indices, one row for each example.
        num_classes: length of the axis of classes.
        axis: position of the axis of classes.
        dtype: `None` for `config.floatx()`.
        sparse: must be False; arrays are dense.
        **kwargs: `num_tokens`, the former name of `num_classes`.

    Raises:
        ArgumentError: `num_classes` is missing, or `sparse` is True.

    Example:
        >>> multi_hot([[0, 2], [1, 1]], num_classes=3).tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    require_dense("multi_hot", sparse)
    if num_classes is None:
        num_classes = kwargs.pop("num_tokens", None)
    if kwargs:
        raise ArgumentTypeError(f"multi_hot: unknown arguments: {', '.join(kwargs)}.")
    if num_classes is None:
        raise invalid("multi_hot", "num_classes", None, "the number of classes")
    encoded = one_hot(inputs, num_classes, axis, dtype)
    return jnp.max(encoded, axis=1 if encoded.ndim > 2 else 0)


@op
def one_hot(
    x: Tensor,
    num_classes: int,
    axis: int = -1,
    dtype: DTypeLike = None,
    sparse: bool = False,
) -> Array:
    """Encode labels as one-hot vectors; a label out of range gives zeros.

    Args:
        x: class indices in [0, num_classes), as integers or whole floats.
        num_classes: length of the new axis.
        axis: position of the new axis.
        dtype: `None` for `config.floatx()`.
        sparse: must be False; arrays are dense.

    Example:
        >>> one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    require_dense("one_hot", sparse)
    labels = array_of(x)
    if jnp.issubdtype(labels.dtype, jnp.floating):
        labels = jnp.where(labels == jnp.floor(labels), labels, -1)
    # 8 bits cannot represent every `num_classes`.
    labels, name = labels.astype("int32"), standardize_dtype(dtype)
    return jax.nn.one_hot(labels, num_classes, axis=axis, dtype=name)


@op
def polar(abs_: Tensor, angle: Tensor) -> Array:
    """Compute the complex numbers abs_ * (cos(angle) + i sin(angle)).

    Args:
        abs_: absolute values.
        angle: angles in radians.

    Example:
        >>> polar([2.0], [0.0]).tolist()
        [(2+0j)]
    """
    length, angle = float_array(abs_), float_array(angle)
    return lax.complex(length * jnp.cos(angle), length * jnp.sin(angle))
