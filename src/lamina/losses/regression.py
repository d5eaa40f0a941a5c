"""Losses for predicting numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.check import Check, positive_number
from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, Loss, aligned

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


@op
def mean_squared_error(y_true: Any, y_pred: Any) -> jax.Array:
    """mean((y - ŷ)²) over the last axis.

    Args:
        y_true: the right values.
        y_pred: the predicted values.

    Example:
        >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]]).tolist()
        [0.5]
    """
    y_true, y_pred = aligned("mean_squared_error", y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@op
def mean_absolute_error(y_true: Any, y_pred: Any) -> jax.Array:
    """mean(|y - ŷ|) over the last axis.

    Args:
        y_true: the right values.
        y_pred: the predicted values.

    Example:
        >>> mean_absolute_error([[0.0, 2.0]], [[3.0, 2.0]]).tolist()
        [1.5]
    """
    y_true, y_pred = aligned("mean_absolute_error", y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@op
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> jax.Array:
    """100 · mean(|y - ŷ| / max(|y|, ε)) over the last axis.

    Args:
        y_true: the right values.
        y_pred: the predicted values.

    Example:
        >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
        [25.0]
    """
    y_true, y_pred = aligned("mean_absolute_percentage_error", y_true, y_pred)
    error = (y_true - y_pred) / jnp.maximum(jnp.abs(y_true), epsilon())
    return 100.0 * jnp.mean(jnp.abs(error), axis=-1)


@op
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> jax.Array:
    """mean((log(y + 1) - log(ŷ + 1))²) over the last axis, values raised to ε first.

    Args:
        y_true: the right values.
        y_pred: the predicted values.

    Example:
        >>> loss = mean_squared_logarithmic_error([[0.0, 1.0]], [[1.0, 1.0]])
        >>> round(float(loss[0]), 4)
        0.2402
    """
    y_true, y_pred = aligned("mean_squared_logarithmic_error", y_true, y_pred)
    first = jnp.log(jnp.maximum(y_pred, epsilon()) + 1.0)
    second = jnp.log(jnp.maximum(y_true, epsilon()) + 1.0)
    return jnp.mean(jnp.square(first - second), axis=-1)


@op
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> jax.Array:
    """mean(½e² where |e| ≤ δ, else δ|e| - ½δ²) over the last axis, with e = ŷ - y.

    Args:
        y_true: the right values.
        y_pred: the predicted values.
        delta: where the square turns into a line.

    Example:
        >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).tolist()
        [1.5]

    Reference: Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """
    y_true, y_pred = aligned("huber", y_true, y_pred)
    error = y_pred - y_true
    size = jnp.abs(error)
    line = delta * size - 0.5 * delta**2
    return jnp.mean(jnp.where(size <= delta, 0.5 * jnp.square(error), line), axis=-1)


@op
def log_cosh(y_true: Any, y_pred: Any) -> jax.Array:
    """mean(log(cosh(ŷ - y))) over the last axis: square near 0, linear far from it.

    Args:
        y_true: the right values.
        y_pred: the predicted values.

    Example:
        >>> round(float(log_cosh([[0.0, 0.0]], [[0.0, 1.0]])[0]), 4)
        0.2169
    """
    y_true, y_pred = aligned("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    # cosh itself overflows at 89; this form does not.
    values = error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0).astype(error.dtype)
    return jnp.mean(values, axis=-1)


@op
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """-Σ y·ŷ / (‖y‖ ‖ŷ‖): -1 for the same direction, 1 for the opposite one.

    Args:
        y_true: the right vectors.
        y_pred: the predicted vectors.
        axis: the vectors' axis.

    Example:
        >>> cosine_similarity([[0.0, 2.0], [1.0, 0.0]], [[0.0, 1.0], [-3.0, 0.0]])
        Array([-1.,  1.], dtype=float32)
    """
    y_true, y_pred = aligned("cosine_similarity", y_true, y_pred)
    return -jnp.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis=axis)


def _unit(x: jax.Array, axis: int) -> jax.Array:
    square = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    large = square > epsilon() ** 2
    # The inner `where` keeps the gradient of a zero vector finite.
    inverse = jax.lax.rsqrt(jnp.where(large, square, 1.0))
    return x * jnp.where(large, inverse, 1.0 / epsilon())


class MeanSquaredError(FunctionLoss):
    """The mean of (y - ŷ)², see `mean_squared_error`.

    Example:
        >>> float(MeanSquaredError()([[0.0], [1.0]], [[1.0], [1.0]]))
        0.5
    """

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(FunctionLoss):
    """The mean of |y - ŷ|, see `mean_absolute_error`.

    Example:
        >>> float(MeanAbsoluteError()([[0.0], [1.0]], [[3.0], [1.0]]))
        1.5
    """

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(FunctionLoss):
    """The mean of 100 |y - ŷ| / |y|, see `mean_absolute_percentage_error`.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [4.0]]))
        25.0
    """

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean of (log(y + 1) - log(ŷ + 1))², see `mean_squared_logarithmic_error`.

    Example:
        >>> loss = MeanSquaredLogarithmicError()
        >>> round(float(loss([[0.0], [1.0]], [[1.0], [1.0]])), 4)
        0.2402
    """

    function = staticmethod(mean_squared_logarithmic_error)


class LogCosh(FunctionLoss):
    """The mean of log(cosh(ŷ - y)), see `log_cosh`.

    Example:
        >>> round(float(LogCosh()([[0.0], [0.0]], [[0.0], [1.0]])), 4)
        0.2169
    """

    function = staticmethod(log_cosh)


class Huber(Loss):
    """Square for small errors, linear for large ones, see `huber`.

    Args:
        delta: where the square turns into a line.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> float(Huber()([[0.0], [0.0]], [[1.0], [3.0]]))
        1.5
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Loss.arguments,
        "delta": positive_number,
    }
    unwritten: ClassVar[tuple[str, ...]] = (*Loss.unwritten, "delta")

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = delta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return huber(y_true, y_pred, self.delta)


class CosineSimilarity(Loss):
    """The negative cosine between truth and prediction, see `cosine_similarity`.

    Args:
        axis: the vectors' axis.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> float(CosineSimilarity()([[0.0, 2.0]], [[0.0, 1.0]]))
        -1.0
    """

    unwritten: ClassVar[tuple[str, ...]] = (*Loss.unwritten, "axis")

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return cosine_similarity(y_true, y_pred, self.axis)
