"""Functions of `keras.backend` in Keras 1 and 2 that differ from `lamina.ops`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import activations, config, ops, random
from lamina.compat.defaults import Release, release
from lamina.compat.notices import tell
from lamina.core.graph import op
from lamina.saving.legacy.names import VALUES
from lamina.typing import Array

if TYPE_CHECKING:
    from lamina.compat.keras.backend.types import Shaped, Value
    from lamina.core.random.seeds import Seed
    from lamina.core.variable import Variable
    from lamina.ops.types import Tensor
    from lamina.typing import DTypeLike, PyTree

_ORDERINGS = VALUES["format"]


def image_dim_ordering() -> str:
    """Return the data format by its name in Keras 1, "tf" or "th"."""
    tell("K.image_dim_ordering()", "keras.config.image_data_format()")
    return "tf" if config.image_data_format() == "channels_last" else "th"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the data format by its name in Keras 1."""
    tell(
        f"K.set_image_dim_ordering({dim_ordering!r})",
        f"keras.config.set_image_data_format({_ORDERINGS[dim_ordering]!r})",
    )
    config.set_image_data_format(_ORDERINGS[dim_ordering])


def abs(x: Tensor) -> Array:
    """Return absolute values."""
    return ops.absolute(x)


def pow(x: Tensor, a: Tensor) -> Array:
    """Return x to the power of a."""
    return ops.power(x, a)


def argmax(x: Tensor, axis: int = -1) -> Array:
    """Return the index of the largest value."""
    return ops.argmax(x, axis=axis)


def argmin(x: Tensor, axis: int = -1) -> Array:
    """Return the index of the smallest value."""
    return ops.argmin(x, axis=axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Array:
    """Concatenate along the last axis by default."""
    return ops.concatenate(list(tensors), axis=axis)


def expand_dims(x: Tensor, axis: int = -1) -> Array:
    """Insert an axis, the last by default."""
    return ops.expand_dims(x, axis)


def flatten(x: Tensor) -> Array:
    """Return all elements in one axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Shaped) -> Array:
    """Return each row's elements in one axis."""
    return _in_rows(x)


@op
def _in_rows(x: Any) -> Array:
    return jnp.reshape(x, (x.shape[0], -1))


def permute_dimensions(x: Tensor, pattern: Sequence[int]) -> Array:
    """Reorder the axes."""
    return ops.transpose(x, axes=list(pattern))


def repeat(x: Tensor, n: int) -> Array:
    """Repeat each row n times, along a new axis 1."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Tensor, rep: int, axis: int) -> Array:
    """Repeat each element along an axis."""
    return ops.repeat(x, rep, axis=axis)


def reverse(x: Tensor, axes: int | Sequence[int]) -> Array:
    """Reverse axes."""
    return ops.flip(x, axis=axes)


def gather(reference: Tensor, indices: Tensor) -> Array:
    """Return the rows with these indices."""
    return ops.take(reference, indices, axis=0)


def batch_dot(x: Shaped, y: Shaped, axes: int | Sequence[int] | None = None) -> Array:
    """Return the products of rows, summed over one axis of each."""
    rank_x, rank_y = len(x.shape), len(y.shape)
    if axes is None:
        axes = (rank_x - 1, rank_y - 2 if rank_y > 2 else rank_y - 1)
    a, b = (axes, axes) if isinstance(axes, int) else axes
    if max(rank_x, rank_y) > 3 and release() <= Release.KERAS_2_2:
        return _matrix_products(x, y, a % rank_x, b % rank_y)
    letters = "bcdefghijklm"
    left = letters[:rank_x]
    right = letters[0] + letters[rank_x : rank_x + rank_y - 1]
    b %= rank_y
    right = right[:b] + left[a] + right[b + 1 :]
    summed = left[a]
    kept = "".join(n for n in left + right[1:] if n != summed)
    result = ops.einsum(f"{left},{right}->{kept}", x, y)
    return ops.expand_dims(result, 1) if len(kept) == 1 else result


def _matrix_products(x: Shaped, y: Shaped, a: int, b: int) -> Array:
    """Return matrix products over the last two axes, as `batch_dot` until Keras 2.2.

    Axes of size 1 are appended to the operand of fewer axes, and removed again.
    """
    rank_x, rank_y = len(x.shape), len(y.shape)
    rank = max(rank_x, rank_y)
    for _ in range(rank - rank_x):
        x = ops.expand_dims(x, -1)
    for _ in range(rank - rank_y):
        y = ops.expand_dims(y, -1)
    x = x if a == rank - 1 else ops.swapaxes(x, -1, -2)
    y = ops.swapaxes(y, -1, -2) if b == rank - 1 else y
    first = rank_y if rank_x > rank_y else rank_x - 1
    added = tuple(range(first, first + 2 * rank - rank_x - rank_y))
    product = ops.matmul(x, y)
    return ops.squeeze(product, axis=added) if added else product


def relu(
    x: Tensor,
    alpha: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """Return values above a threshold, and alpha times the distance of the others."""
    return activations.relu(x, alpha, max_value, threshold)


def hard_sigmoid(x: Any) -> Array:
    """Return clip(0.2 * x + 0.5, 0, 1), as Keras 1 and 2."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def sqrt(x: Tensor) -> Array:
    """Return square roots, 0 for negative values."""
    return ops.sqrt(ops.maximum(x, 0))


def l2_normalize(x: Tensor, axis: int | None = None) -> Array:
    """Divide by the Euclidean norm along an axis, or of all values."""
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, 1e-12)))


def clip(x: Tensor, min_value: Tensor | None, max_value: Tensor | None) -> Array:
    """Limit values to a range."""
    return ops.clip(x, min_value, max_value)


def switch(
    condition: Tensor,
    then_expression: Tensor | Callable[[], Any],
    else_expression: Tensor | Callable[[], Any],
) -> Array:
    """Select values, or results of functions, by a condition."""
    branches: list[Any] = [
        branch() if callable(branch) else branch
        for branch in (then_expression, else_expression)
    ]
    return ops.where(condition, *branches)


def in_top_k(predictions: Tensor, targets: Tensor, k: int) -> Array:
    """Return whether targets are among the k largest predictions."""
    return ops.in_top_k(targets, predictions, k)


def cumsum(x: Tensor, axis: int = 0) -> Array:
    """Return sums of the first values, along the first axis by default."""
    return ops.cumsum(x, axis=axis)


def cumprod(x: Tensor, axis: int = 0) -> Array:
    """Return products of the first values, along the first axis by default."""
    return ops.cumprod(x, axis=axis)


def slice(x: Tensor, start: Sequence[int], size: Sequence[int]) -> Array:
    """Return the part of an array that begins at indices and has a size."""
    return ops.slice(x, start, size)


def identity(x: object, name: str | None = None) -> Any:
    """Return the value itself."""
    return x


def arange(
    start: int, stop: float | None = None, step: int = 1, dtype: str = "int32"
) -> Array:
    """Return numbers in steps."""
    return ops.arange(start, stop, step, dtype)


def lesser(x: Tensor, y: Tensor) -> Array:
    """Return `x < y`."""
    return ops.less(x, y)


def lesser_equal(x: Tensor, y: Tensor) -> Array:
    """Return `x <= y`."""
    return ops.less_equal(x, y)


def stop_gradient(variables: Tensor) -> Any:
    """Return a value that has no gradient."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(v) for v in variables]
    return ops.stop_gradient(variables)


def cast_to_floatx(x: Value) -> Any:
    """Convert to the default element type."""
    return np.asarray(x, config.floatx())


def int_shape(x: Shaped) -> tuple[int | None, ...]:
    """Return the shape, with `None` for unknown sizes."""
    return tuple(x.shape)


def ndim(x: Shaped) -> int:
    """Return the number of axes."""
    return len(x.shape)


def dtype(x: Shaped) -> str:
    """Return the name of the element type."""
    return str(x.dtype)


def count_params(x: Array | np.ndarray | Variable) -> int:
    """Return the number of elements."""
    return int(np.prod(x.shape))


def random_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = None,
    seed: Seed = None,
    std: float | None = None,
) -> Array:
    """Return normally distributed numbers; `std` is an older name of `stddev`."""
    return random.normal(
        tuple(shape), mean, stddev if std is None else std, dtype, seed
    )


def random_uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike = None,
    seed: Seed = None,
) -> Array:
    """Return uniformly distributed numbers."""
    return random.uniform(tuple(shape), minval, maxval, dtype, seed)


def bias_add(x: Shaped, bias: Tensor, data_format: str | None = None) -> Array:
    """Add a bias to the channels."""
    if (data_format or config.image_data_format()) == "channels_last":
        return ops.add(x, bias)
    sizes = (-1,) + (1,) * (len(x.shape) - 2)
    return ops.add(x, ops.reshape(bias, sizes))


def temporal_padding(x: Tensor, padding: int | Sequence[int] = (1, 1)) -> Array:
    """Pad the steps of sequences with zeros."""
    sides = (padding, padding) if isinstance(padding, int) else tuple(padding)
    return ops.pad(x, [(0, 0), sides, (0, 0)])


def asymmetric_temporal_padding(
    x: Tensor, left_pad: int = 1, right_pad: int = 1
) -> Array:
    """Pad the steps of sequences with zeros."""
    return temporal_padding(x, (left_pad, right_pad))


def spatial_2d_padding(
    x: Tensor,
    padding: Sequence[int | Sequence[int]] = ((1, 1), (1, 1)),
    data_format: str | None = None,
) -> Array:
    """Pad the rows and columns of images with zeros.

    `spatial_3d_padding` pads volumes. A number in `padding` is for both sides.
    """
    sides = [(side, side) if isinstance(side, int) else tuple(side) for side in padding]
    none = [(0, 0)]
    order = data_format or config.image_data_format()
    is_last = _ORDERINGS.get(order, order) == "channels_last"
    return ops.pad(x, none + sides + none if is_last else none + none + sides)


def spatial_3d_padding(
    x: Tensor,
    padding: Sequence[int | Sequence[int]] = ((1, 1),) * 3,
    data_format: str | None = None,
) -> Array:
    """Pad the axes of volumes with zeros."""
    return spatial_2d_padding(x, padding, data_format)


def map_fn(fn: Callable[[Any], Any], elems: PyTree, **_: object) -> Array:
    """Apply a function to each row."""
    return ops.vectorized_map(fn, elems)


@op
def foldl(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Tensor | None = None
) -> Any:
    """Combine the rows from the first to the last."""
    rows = elems[1:] if initializer is None else elems
    found = jnp.asarray(elems[0] if initializer is None else initializer)
    result = jax.eval_shape(fn, found, elems[0])
    found = jnp.broadcast_to(found, result.shape).astype(result.dtype)
    return jax.lax.scan(lambda total, row: (fn(total, row), None), found, rows)[0]


def foldr(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Tensor | None = None
) -> Any:
    """Combine the rows from the last to the first."""
    return foldl(fn, elems[::-1], initializer)


def random_binomial(
    shape: Sequence[int], p: float = 0.0, dtype: DTypeLike = None, seed: Seed = None
) -> Array:
    """Return ones with a probability, else zeros."""
    draws = random.uniform(tuple(shape), 0.0, 1.0, None, seed)
    return ops.cast(draws <= p, dtype or config.floatx())


random_bernoulli = random_binomial


def normalize_data_format(value: str | None) -> str:
    """Return a data format, by default that of the settings."""
    return value or config.image_data_format()


def pattern_broadcast(x: object, pattern: object) -> Any:
    """Return the value itself: axes of size 1 are broadcast."""
    return x


def is_sparse(tensor: object) -> bool:
    """Return whether an input stands for sparse data."""
    return bool(getattr(tensor, "sparse", False))


def to_dense(tensor: object) -> Any:
    """Return the value itself: lamina computes with dense arrays."""
    return tensor
