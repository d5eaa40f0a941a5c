"""One-hot labels, unit vectors and padded sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import ArrayLike

from lamina.errors import ArgumentError, ArgumentTypeError, invalid
from lamina.tracebacks import filter_traceback
from lamina.typing import DTypeLike


@filter_traceback
def to_categorical(x: ArrayLike, num_classes: int | None = None) -> Any:
    """Convert class indices to one-hot rows.

    Args:
        x: integers of any shape; a last axis of size 1 is removed.
        num_classes: number of columns; the highest index plus one by default.

    Returns:
        An array of floats, shape `x.shape + (num_classes,)`: a JAX array if `x` is
        one, else a NumPy array.

    Raises:
        ArgumentError: an index is negative or too high; or `x` is traced by JAX and
            `num_classes` is missing.
        ArgumentTypeError: `x` does not hold numbers.

    Example:
        >>> to_categorical([0, 2])
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    if isinstance(x, Tracer):
        if num_classes is None:
            needed = "an integer if JAX traces `x`"
            raise invalid("to_categorical", "num_classes", None, needed)
        labels = x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x
        return jax.nn.one_hot(labels, num_classes)
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            "to_categorical: `x` must be class indices. Received: "
            f"{labels.dtype.name} values. Number the classes: "
            "`names, x = np.unique(x, return_inverse=True)`."
        )
    labels = labels.astype("int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    count = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise ArgumentError(
            f"to_categorical: class indices must be from 0 to {count - 1}. Received: "
            f"indices from {labels.min()} to {labels.max()}."
        )
    rows = np.eye(count)[labels]
    return jnp.asarray(rows, "float32") if isinstance(x, jax.Array) else rows


@filter_traceback
def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> Any:
    """Scale vectors along an axis to a norm of 1; zero vectors are unchanged.

    Args:
        x: an array.
        axis: the axis of the vectors.
        order: order of the norm, such as 2 for the Euclidean norm.

    Returns:
        A JAX array if `x` is one, else a NumPy array.

    Example:
        >>> normalize([[3.0, 4.0]])
        array([[0.6, 0.8]])
    """
    xp = jnp if isinstance(x, jax.Array) else np
    array = xp.atleast_1d(xp.asarray(x))
    norm = xp.linalg.norm(array, order, axis, keepdims=True)
    return array / xp.where(norm == 0, 1.0, norm)


@filter_traceback
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Pad or truncate sequences to one length, as one array.

    Args:
        sequences: lists of numbers, or of vectors of one length.
        maxlen: the common length; that of the longest sequence by default.
        dtype: type of the array.
        padding: `"pre"` to pad at the start, `"post"` at the end.
        truncating: `"pre"` to truncate at the start, `"post"` at the end.
        value: the padding value.

    Shape:
        `(len(sequences), maxlen)`, followed by the length of the vectors, if any.

    Raises:
        ArgumentError: a sequence is not a list of numbers or of vectors of one
            length, or `padding` or `truncating` is unknown.
        ArgumentTypeError: the sequences hold strings, and `dtype` is one of numbers.

    Example:
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
        array([[0, 1],
               [3, 4]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise invalid("pad_sequences", name, side, "'pre' or 'post'")
    if not hasattr(sequences, "__len__"):
        raise invalid("pad_sequences", "sequences", sequences, "a list of sequences")
    arrays = [np.asarray(sequence) for sequence in sequences]
    shapes = {array.shape[1:] for array in arrays if array.size}
    if len(shapes) > 1 or any(array.ndim == 0 for array in arrays):
        raise ArgumentError(
            "pad_sequences: each sequence must be a list of numbers, or of vectors of "
            f"one length. Received elements of the shapes {sorted(shapes)}."
        )
    is_text = any(array.dtype.kind in "SU" and array.size for array in arrays)
    if is_text and np.dtype(dtype).kind in "biufc":
        raise ArgumentTypeError(
            f"pad_sequences: the sequences hold strings, and dtype={dtype!r}. Number "
            "them first, as with layers.TextVectorization(), or pass dtype=object."
        )
    length = max(map(len, arrays), default=0) if maxlen is None else maxlen
    rest = next(iter(shapes), ())
    padded = np.full((len(arrays), length, *rest), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        kept = array[-length:] if truncating == "pre" else array[:length]
        if length and kept.size:
            start = 0 if padding == "post" else length - len(kept)
            row[start : start + len(kept)] = kept
    return padded
