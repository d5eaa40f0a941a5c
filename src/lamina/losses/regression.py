"""Regression losses."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.check import positive_number
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, Loss, match_shapes
from lamina.typing import ArrayLike


@op
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the mean squared error: mean((y - ŷ)²) over the last axis.

    Args:
        y_true: target values.
        y_pred: predicted values.

    Example:
        >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]]).tolist()
        [0.5]
    """
    y_true, y_pred = match_shapes("mean_squared_error", y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@op
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the mean absolute error: mean(|y - ŷ|) over the last axis.

    Args:
        y_true: target values.
        y_pred: predicted values.

    Example:
        >>> mean_absolute_error([[0.0, 2.0]], [[3.0, 2.0]]).tolist()
        [1.5]
    """
    y_true, y_pred = match_shapes("mean_absolute_error", y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@op
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the mean absolute percentage error.

    100 · mean(|y - ŷ| / max(|y|, ε)) over the last axis

    Args:
        y_true: target values.
        y_pred: predicted values.

    Example:
        >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
        [25.0]
    """
    y_true, y_pred = match_shapes("mean_absolute_percentage_error", y_true, y_pred)
    error = (y_true - y_pred) / jnp.maximum(jnp.abs(y_true), epsilon())
    return 100.0 * jnp.mean(jnp.abs(error), axis=-1)


@op
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the mean squared logarithmic error.

    mean((log(y + 1) - log(ŷ + 1))²) over the last axis, with y and ŷ of at least ε

    Args:
        y_true: target values.
        y_pred: predicted values.

    Example:
        >>> loss = mean_squared_logarithmic_error([[0.0, 1.0]], [[1.0, 1.0]])
        >>> round(float(loss[0]), 4)
        0.2402
    """
    y_true, y_pred = match_shapes("mean_squared_logarithmic_error", y_true, y_pred)
    first = jnp.log(jnp.maximum(y_pred, epsilon()) + 1.0)
    second = jnp.log(jnp.maximum(y_true, epsilon()) + 1.0)
    return jnp.mean(jnp.square(first - second), axis=-1)


@op
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> jax.Array:
    """Compute the Huber loss.

    mean(½e² where |e| ≤ δ, else δ|e| - ½δ²) over the last axis, with e = ŷ - y

    Args:
        y_true: target values.
        y_pred: predicted values.
        delta: the error above which the loss is linear.

    Example:
        >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).tolist()
        [1.5]

    Reference: Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """
    y_true, y_pred = match_shapes("huber", y_true, y_pred)
    error = y_pred - y_true
    size = jnp.abs(error)
    linear = delta * size - 0.5 * delta**2
    return jnp.mean(jnp.where(size <= delta, 0.5 * jnp.square(error), linear), axis=-1)


@op
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Compute the log-cosh loss: mean(log(cosh(ŷ - y))) over the last axis.

    It is quadratic for small errors and linear for large ones.

    Args:
        y_true: target values.
        y_pred: predicted values.

    Example:
        >>> round(float(log_cosh([[0.0, 0.0]], [[0.0, 1.0]])[0]), 4)
        0.2169
    """
    y_true, y_pred = match_shapes("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    # cosh overflows above 89 in float32; this formula does not.
    values = error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0).astype(error.dtype)
    return jnp.mean(values, axis=-1)


@op
def cosine_similarity(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> jax.Array:
    """Compute the negative cosine similarity: -Σ y·ŷ / (‖y‖ ‖ŷ‖).

    It is -1 for vectors of the same direction and 1 for opposite ones.

    Args:
        y_true: target vectors.
        y_pred: predicted vectors.
        axis: the axis of the vectors.

    Example:
        >>> cosine_similarity([[0.0, 2.0], [1.0, 0.0]], [[0.0, 1.0], [-3.0, 0.0]])
        Array([-1.,  1.], dtype=float32)
    """
    y_true, y_pred = match_shapes("cosine_similarity", y_true, y_pred)
    return -jnp.sum(_normalize(y_true, axis) * _normalize(y_pred, axis), axis=axis)


def _normalize(x: jax.Array, axis: int) -> jax.Array:
    square = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    is_large = square > epsilon() ** 2
    # The inner `where` makes the gradient of a zero vector finite.
    inverse = jax.lax.rsqrt(jnp.where(is_large, square, 1.0))
    return x * jnp.where(is_large, inverse, 1.0 / epsilon())


class MeanSquaredError(FunctionLoss):
    """Mean squared error loss: the mean of (y - ŷ)².

    See `mean_squared_error`.

    Example:
        >>> float(MeanSquaredError()([[0.0], [1.0]], [[1.0], [1.0]]))
        0.5
    """

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(FunctionLoss):
    """Mean absolute error loss: the mean of |y - ŷ|.

    See `mean_absolute_error`.

    Example:
        >>> float(MeanAbsoluteError()([[0.0], [1.0]], [[3.0], [1.0]]))
        1.5
    """

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(FunctionLoss):
    """Mean absolute percentage error loss: the mean of 100 |y - ŷ| / |y|.

    See `mean_absolute_percentage_error`.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [4.0]]))
        25.0
    """

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FunctionLoss):
    """Mean squared logarithmic error loss: the mean of (log(y + 1) - log(ŷ + 1))².

    See `mean_squared_logarithmic_error`.

    Example:
        >>> loss = MeanSquaredLogarithmicError()
        >>> round(float(loss([[0.0], [1.0]], [[1.0], [1.0]])), 4)
        0.2402
    """

    function = staticmethod(mean_squared_logarithmic_error)


class LogCosh(FunctionLoss):
    """Log-cosh loss: the mean of log(cosh(ŷ - y)), see `log_cosh`.

    Example:
        >>> round(float(LogCosh()([[0.0], [0.0]], [[0.0], [1.0]])), 4)
        0.2169
    """

    function = staticmethod(log_cosh)


class Huber(FunctionLoss):
    """Huber loss: quadratic for small errors, linear for large ones.

    See `huber`.

    Args:
        delta: the error above which the loss is linear.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> float(Huber()([[0.0], [0.0]], [[1.0], [3.0]]))
        1.5
    """

    function = staticmethod(huber)
    arguments = {
        **Loss.arguments,
        "delta": positive_number,
    }
    unwritten = (*Loss.unwritten, "delta")

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.delta = delta


class CosineSimilarity(FunctionLoss):
    """Negative cosine similarity loss, see `cosine_similarity`.

    Args:
        axis: the axis of the vectors.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> float(CosineSimilarity()([[0.0, 2.0]], [[0.0, 1.0]]))
        -1.0
    """

    function = staticmethod(cosine_similarity)
    unwritten = (*Loss.unwritten, "axis")

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.axis = axis
