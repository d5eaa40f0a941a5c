"""Sums and means over batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from lamina.core.dtypes import PolicyLike, is_float
from lamina.core.masks import get_mask
from lamina.core.module import overridable
from lamina.losses.base import (
    broadcast_weights,
    function_config,
    function_options,
    match_ranks,
    name_after_function,
    safe_divide,
)
from lamina.metrics.base import Metric
from lamina.ops.types import array_of
from lamina.typing import ArrayLike, DTypeLike, PyTree


def masked_weights(weights: PyTree, mask: PyTree, dtype: DTypeLike) -> PyTree:
    """Return weights that are zero where the mask is false."""
    if mask is None:
        return weights
    mask = jnp.asarray(mask, dtype)
    if weights is None:
        return mask
    return mask * broadcast_weights(jnp.asarray(weights, dtype), mask.shape)


class Sum(Metric):
    """Sum of all values, or of values times weights.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(Sum()([1.0, 3.0, 5.0]))
        9.0
    """

    def __init__(self, name: str | None = "sum", dtype: PolicyLike = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")

    def update_state(self, values: PyTree, sample_weight: PyTree = None) -> None:
        """Update the state from an array of values."""
        values = jnp.asarray(values, self.dtype)
        if sample_weight is not None:
            weights = jnp.asarray(sample_weight, self.dtype)
            values = values * broadcast_weights(weights, values.shape)
        self.total.assign_add(jnp.sum(values))

    def result(self) -> jax.Array:
        """Return the sum."""
        return self.total.value


class Mean(Metric):
    """Mean over rows, each of which is averaged first.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 2.0, 6.0])
        >>> mean.update_state([7.0], sample_weight=[3.0])
        >>> float(mean.result())
        5.0
    """

    def __init__(self, name: str | None = "mean", dtype: PolicyLike = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")
        self.count = self.add_variable((), name="count")

    @overridable
    def update_state(self, values: PyTree, sample_weight: PyTree = None) -> None:
        """Update the state from values, with one row for each sample."""
        mask = get_mask(values)
        values = jnp.asarray(values, self.dtype)
        # As in Keras, the mask that `ignore_class` sets on values has an effect only
        # with weights.
        if sample_weight is None:
            count: Any = values.shape[0] if values.ndim else 1
        else:
            weights = masked_weights(sample_weight, mask, self.dtype)
            weights = jnp.asarray(weights, self.dtype)
            if values.ndim == 0:
                values = jnp.broadcast_to(values, weights.shape)
            weights = broadcast_weights(weights, values.shape)
            values = values * weights
            count = jnp.sum(weights) / math.prod(values.shape[1:])
        self.total.assign_add(jnp.sum(values) / math.prod(values.shape[1:]))
        self.count.assign_add(count)

    def result(self) -> jax.Array:
        """Return the mean, or 0 before the first update."""
        return safe_divide(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """Mean of a function of targets and predictions.

    Args:
        fn: a function of `(y_true, y_pred)` that returns a value for each row or
            element.
        name: see `Metric`.
        dtype: see `Metric`.
        **kwargs: further arguments of `fn`.

    Example:
        >>> def farthest(y_true, y_pred):
        ...     return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
        >>> metric = MeanMetricWrapper(farthest, name="farthest")
        >>> float(metric(jnp.zeros((2, 2)), jnp.array([[1.0, 3.0], [5.0, 0.0]])))
        4.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: object,
    ) -> None:
        super().__init__(name, dtype)
        self.fn = fn
        self.options = kwargs

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Update the state from one batch."""
        mask = get_mask(y_pred)
        y_pred = array_of(y_pred)
        if is_float(y_pred.dtype):
            y_pred = y_pred.astype(jnp.promote_types(y_pred.dtype, self.dtype))
        y_true, y_pred = match_ranks(array_of(y_true), y_pred)
        values = self.fn(y_true, y_pred, **self._options())
        super().update_state(values, masked_weights(sample_weight, mask, self.dtype))

    def _options(self) -> dict[str, Any]:
        return self.options

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if "fn" in config:
            config["fn"] = function_config(self.fn)
        return config


class FunctionMetric(MeanMetricWrapper):
    """Base class of the metrics that average `function`.

    Attributes that are also arguments of the function are passed to it.

    Args:
        name: name in logs; the function's name when `None`.
        dtype: see `Metric`.
    """

    function: ClassVar[Callable[..., jax.Array]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        name_after_function(cls)

    def __init__(self, name: str | None = None, dtype: PolicyLike = None) -> None:
        super().__init__(self.function, name or self.function.__name__, dtype)

    def _options(self) -> dict[str, Any]:
        return function_options(self, self.function)
