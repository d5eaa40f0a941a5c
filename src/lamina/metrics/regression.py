"""Regression metrics."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from lamina.core.check import one_of, optional
from lamina.core.dtypes import PolicyLike
from lamina.errors import ShapeError
from lamina.losses import regression
from lamina.losses.base import match_shapes
from lamina.metrics.base import PairMetric, whole_number
from lamina.metrics.reduction import FunctionMetric, Mean
from lamina.typing import ArrayLike


class MeanSquaredError(FunctionMetric):
    """Mean squared error metric: the mean of (y - ŷ)².

    Example:
        >>> float(MeanSquaredError()([[0.0], [1.0]], [[1.0], [1.0]]))
        0.5
    """

    function = staticmethod(regression.mean_squared_error)


class MeanAbsoluteError(FunctionMetric):
    """Mean absolute error metric: the mean of |y - ŷ|.

    Example:
        >>> float(MeanAbsoluteError()([[0.0], [1.0]], [[3.0], [1.0]]))
        1.5
    """

    function = staticmethod(regression.mean_absolute_error)


class MeanAbsolutePercentageError(FunctionMetric):
    """Mean absolute percentage error metric: the mean of 100 |y - ŷ| / |y|.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [4.0]]))
        25.0
    """

    function = staticmethod(regression.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FunctionMetric):
    """Mean squared logarithmic error metric: the mean of (log(y + 1) - log(ŷ + 1))².

    Example:
        >>> metric = MeanSquaredLogarithmicError()
        >>> round(float(metric([[0.0], [1.0]], [[1.0], [1.0]])), 4)
        0.2402
    """

    function = staticmethod(regression.mean_squared_logarithmic_error)


class LogCoshError(FunctionMetric):
    """Log-cosh metric: the mean of log(cosh(ŷ - y)).

    Args:
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> round(float(LogCoshError()([[0.0], [0.0]], [[0.0], [1.0]])), 4)
        0.2169
    """

    function = staticmethod(regression.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: PolicyLike = None) -> None:
        super().__init__(name, dtype)


class RootMeanSquaredError(Mean):
    """Root mean squared error metric: the square root of the mean of (y - ŷ)².

    Args:
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]]))
        5.0
    """

    def __init__(
        self,
        name: str | None = "root_mean_squared_error",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(name, dtype)

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Update the state from one batch."""
        y_pred = jnp.asarray(y_pred, self.dtype)
        y_true, y_pred = match_shapes("RootMeanSquaredError", y_true, y_pred)
        super().update_state(jnp.square(y_pred - y_true), sample_weight)

    def result(self) -> jax.Array:
        """Return the square root of the mean."""
        return jnp.sqrt(super().result())


def cosine_similarity(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> jax.Array:
    """Compute the cosine similarity, which is the negative of the loss."""
    return -regression.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(FunctionMetric):
    """Mean cosine similarity metric: 1 for vectors of the same direction.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        axis: the axis of the vectors.

    Example:
        >>> float(CosineSimilarity()([[0.0, 2.0]], [[0.0, 1.0]]))
        1.0
    """

    function = staticmethod(cosine_similarity)
    unwritten = ("axis",)

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: PolicyLike = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.axis = axis


class R2Score(PairMetric):
    """Coefficient of determination R²: 1 - Σ(y - ŷ)² / Σ(y - ȳ)².

    Args:
        class_aggregation: `"uniform_average"` or `"variance_weighted_average"` of the
            scores of the outputs, or `None` for the score of each.
        num_regressors: the number p of inputs, for the adjusted score
            1 - (1 - R²)(n - 1) / (n - p - 1); 0 for no adjustment.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]]))
        0.5
    """

    arguments = {
        "class_aggregation": optional(
            one_of("uniform_average", "variance_weighted_average")
        ),
        "num_regressors": whole_number,
    }

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(dtype, name)
        self.class_aggregation = class_aggregation and class_aggregation.lower()
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), name="num_samples")

    def create_variables(self, shape: tuple[int, ...]) -> None:
        """Create the sums, one for each output."""
        if not 1 <= len(shape) <= 2:
            raise ShapeError(
                "R2Score needs predictions of shape (rows, outputs). Received shape "
                f"{shape}. Flatten them, or use another metric."
            )
        outputs = shape[1:] or (1,)
        self.squared_sum = self.add_variable(outputs, name="squared_sum")
        self.sum = self.add_variable(outputs, name="sum")
        self.total_mse = self.add_variable(outputs, name="residual")
        self.count = self.add_variable(outputs, name="count")

    def accumulate(
        self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array
    ) -> None:
        rows = y_pred.shape[0]
        y_true, y_pred, weights = (
            x.reshape(rows, -1) for x in (y_true, y_pred, weights)
        )
        weighted = y_true * weights
        self.sum.assign_add(jnp.sum(weighted, axis=0))
        self.squared_sum.assign_add(jnp.sum(y_true * weighted, axis=0))
        error = jnp.square(y_true - y_pred) * weights
        self.total_mse.assign_add(jnp.sum(error, axis=0))
        self.count.assign_add(jnp.sum(weights, axis=0))
        self.num_samples.assign_add(math.prod(y_true.shape))

    def result(self) -> jax.Array:
        """Return the score; NaN if all targets are equal."""
        total = self.sum.value
        variance = self.squared_sum.value - total * (total / self.count.value)
        scores = 1.0 - self.total_mse.value / variance
        scores = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = jnp.sum(variance * scores) / jnp.sum(variance)
        if not self.num_regressors:
            return scores
        n = self.num_samples.value
        degrees = n - self.num_regressors - 1.0
        adjusted = 1.0 - (1.0 - scores) * (n - 1.0) / jnp.maximum(degrees, 1.0)
        # Without degrees of freedom the adjusted score is undefined.
        return jnp.where(degrees > 0, adjusted, scores)
