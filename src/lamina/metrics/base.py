"""Base class of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import initializers
from lamina.config import floatx
from lamina.core.check import Check, is_int
from lamina.core.creation import raise_missing_attribute
from lamina.core.custom_objects import snake_case
from lamina.core.dtypes import PolicyLike, get_dtype_policy, standardize_dtype
from lamina.core.module import Module, accepted_names, unique_name
from lamina.core.registry import Registry
from lamina.core.tracing import stateless
from lamina.core.variable import Variable
from lamina.errors import MissingMethodError
from lamina.losses.base import broadcast_weights, match_shapes
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike, DTypeLike, InitializerLike

metric_registry = Registry("metric", "keras.metrics", accepts=["keras.losses"])

whole_number = Check(
    "an integer of at least 0", lambda v: is_int(v) and v >= 0, (-1, 2.5, "3")
)


def _zeros(shape: Sequence[int], dtype: DTypeLike = None) -> Any:
    # NumPy, because JAX would compile a program for each shape.
    return np.zeros(shape, jnp.dtype(dtype))


def result_of(metric: Metric) -> Any:
    """Return a metric's result with variables replaced by their values."""
    return jax.tree.map(
        lambda v: v.value if isinstance(v, Variable) else v, metric.result()
    )


class Metric(Module):
    """Base class of metrics: override `update_state` and `result`.

    A subclass creates variables with `add_variable`, assigns to them in
    `update_state`, and computes the metric from them in `result`. Both methods run
    inside the compiled training step.

    Args:
        dtype: the dtype of the computation; `None` for `config.floatx()`, but at
            least float32, because float16 cannot count past 2,048.
        name: name in logs; derived from the class name when `None`.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest"):
        ...         super().__init__(name=name)
        ...         self.seen = self.add_variable((), "zeros", name="seen")
        ...
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.seen.assign(jnp.maximum(self.seen.value, jnp.max(y_pred)))
        ...
        ...     def result(self):
        ...         return self.seen.value
        >>> Largest()([0.0], jnp.array([2.0, 5.0])).item()
        5.0
    """

    def __init__(self, dtype: PolicyLike = None, name: str | None = None) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        dtype = dtype or jnp.promote_types(floatx(), jnp.float32).name
        self.dtype = get_dtype_policy(dtype).compute_dtype

    def __getattr__(self, name: str) -> Any:
        raise_missing_attribute(self, name, ("name", "dtype"))

    @filter_traceback
    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Create a state variable.

        Args:
            shape: its shape.
            initializer: initializer of its value; zeros when `None`.
            dtype: its dtype; the metric's when `None`.
            aggregation: how to combine replicas; accepted for Keras's signature.
            name: its name.
        """
        is_zero = initializer in (None, "zeros")
        variable = Variable(
            _zeros if is_zero else initializers.get(initializer),
            shape,
            standardize_dtype(dtype or self.dtype),
            trainable=False,
            autocast=False,
            aggregation=aggregation,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        name: str | None = None,
    ) -> Variable:
        """Create a state variable, by default a scalar; see `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """Variables of this metric and of its nested metrics."""
        return self.all_variables()

    def build(self, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> None:
        """Create the variables whose shape depends on the data, if there are any."""

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Update the state from `(y_true, y_pred, sample_weight=None)`."""
        raise MissingMethodError(f"{type(self).__name__} must define `update_state`.")

    def result(self) -> Any:
        """Return the value of the metric since the last reset."""
        raise MissingMethodError(
            f"{type(self).__name__} must define `result`, which returns the value."
        )

    def reset_state(self) -> None:
        """Set all variables to zero."""
        for variable in self.variables:
            variable.assign(_zeros(variable.shape, variable.dtype))

    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: object, **kwargs: object
    ) -> list[Any]:
        """Compute what `update_state` does as a pure function of the variables' values.

        Returns:
            The new values.
        """
        variables = self.variables
        return stateless.call(
            self.update_state, variables, metric_variables, *args, **kwargs
        )[1]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Compute `result` as a pure function of the variables' values."""
        return stateless.call(self.result, self.variables, metric_variables)[0]

    def stateless_reset_state(self) -> list[Any]:
        """Return the variables' values after a reset."""
        values = [v.raw for v in self.variables]
        return stateless.call(self.reset_state, self.variables, values)[1]

    @filter_traceback
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update the state from one batch and return the result."""
        self.update_state(*args, **kwargs)
        return result_of(self)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with their current values."""
        current = {"name": self.name, "dtype": self.dtype}
        known = accepted_names(type(self))
        config = super().get_config() | {k: current[k] for k in current if k in known}
        return self._without_defaults(config)

    def __repr__(self) -> str:
        head = f"{type(self).__name__} name={self.name}"
        try:
            result = jax.tree.map(lambda v: np.round(v, 4).tolist(), self.result())
        except Exception:  # `result` of a subclass may raise, `repr` must not
            return f"<{head}>"
        return f"<{head}, result={result}>"


class PairMetric(Metric):
    """Base class of the metrics that sum over targets and predictions of one shape."""

    built = False

    def build(self, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> None:
        """Create the variables whose shape depends on the data, if there are any."""
        if not self.built:
            self.create_variables(tuple(y_pred_shape))
            self.built = True

    def create_variables(self, shape: tuple[int, ...]) -> None:
        """Create the variables for predictions of a shape."""

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Update the state from one batch."""
        y_pred = jnp.asarray(y_pred, self.dtype)
        y_true, y_pred = match_shapes(type(self).__name__, y_true, y_pred)
        self.build(y_true.shape, y_pred.shape)
        weights = jnp.asarray(1 if sample_weight is None else sample_weight, self.dtype)
        self.accumulate(y_true, y_pred, broadcast_weights(weights, y_pred.shape))

    def accumulate(
        self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array
    ) -> None:
        """Update the state from arrays of the same shape."""
        raise NotImplementedError
