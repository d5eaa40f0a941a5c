"""Base class of losses, with the handling of shapes, weights and masks.

One rule holds for every loss and metric: targets and predictions have the same shape.
Only a missing last axis of size 1 is added; nothing else is broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import floatx
from lamina.core.check import check_arguments, one_of, optional
from lamina.core.creation import raise_missing_attribute
from lamina.core.custom_objects import snake_case
from lamina.core.dtypes import PolicyLike, get_dtype_policy
from lamina.core.masks import get_mask
from lamina.core.module import (
    Module,
    accepted_names,
    signature,
    unique_name,
    with_default_name,
)
from lamina.core.registry import Registry, serialize
from lamina.errors import ArgumentTypeError, MissingMethodError, ShapeError
from lamina.ops.types import float_array
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, ArrayLike, DTypeLike, PyTree

loss_registry = Registry("loss", "keras.losses")

ACCURACY_ADVICE = "metrics=['accuracy'], which selects the accuracy for the labels"

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")


class Loss(Module):
    """Base class of losses: override `call(y_true, y_pred)`.

    `call` returns the loss of each element or example, which `reduction` reduces.

    Args:
        name: name in logs; derived from the class name when `None`.
        reduction: `"sum_over_batch_size"` or `"mean"` (the sum divided by the number
            of losses), `"sum"`, `"mean_with_sample_weight"` (the sum divided by the
            sum of the weights), or `"none"` / `None`.
        dtype: the dtype of the computation; `None` for `config.floatx()`.

    Example:
        >>> class Quartic(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return jnp.mean((y_true - y_pred) ** 4, axis=-1)
        >>> float(Quartic()([[0.0], [0.0]], [[1.0], [2.0]]))
        8.5
    """

    arguments = {"reduction": optional(one_of(*_REDUCTIONS))}
    unwritten = ("dtype",)

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: PolicyLike = None,
    ) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.reduction = reduction
        self._dtype = get_dtype_policy(dtype or floatx()).compute_dtype

    def __getattr__(self, name: str) -> Any:
        raise_missing_attribute(self, name, ("name", "reduction", "_dtype"))

    @property
    def dtype(self) -> str:
        """Dtype of the computation."""
        return self._dtype

    @filter_traceback
    def __call__(
        self, y_true: PyTree, y_pred: PyTree, sample_weight: PyTree = None
    ) -> jax.Array:
        """Compute the loss of a batch.

        Args:
            y_true: targets, of the predictions' shape; a last axis of size 1 may be
                missing in either.
            y_pred: predictions. Steps that their mask excludes are ignored.
            sample_weight: a weight for each example, or for each value of `call`.

        Raises:
            ShapeError: the shapes are incompatible.
        """
        mask = get_mask(y_pred)
        # bfloat16 cannot represent all class indices above 256.
        targets = _cast(y_true, jnp.promote_types(self.dtype, jnp.float32))
        values = self.call(targets, _cast(y_pred, self.dtype))
        if values is None:
            raise ArgumentTypeError(
                f"The loss {self.name!r} returned None. End the function with `return`."
            )
        loss_mask = get_mask(values)
        if loss_mask is not None:
            mask = loss_mask if mask is None else mask & loss_mask
        return reduce_weighted(values, sample_weight, mask, self.reduction, self.dtype)

    def call(self, y_true: Array, y_pred: Array) -> Any:
        """Compute the loss of each element or example."""
        raise MissingMethodError(
            f"{type(self).__name__} must define `call(self, y_true, y_pred)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with their current values."""
        current = {"name": self.name, "reduction": self.reduction}
        known = accepted_names(type(self))
        config = super().get_config() | {k: current[k] for k in current if k in known}
        return self._without_defaults(config)


class LossFunctionWrapper(Loss):
    """Loss that wraps a function.

    Args:
        fn: a function of `(y_true, y_pred)`.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.
        **kwargs: further arguments of `fn`.

    Example:
        >>> def farthest(y_true, y_pred):
        ...     return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
        >>> float(LossFunctionWrapper(farthest)([[0.0, 0.0]], [[1.0, 3.0]]))
        3.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: object,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self.options = kwargs

    def call(self, y_true: Array, y_pred: Array) -> Any:
        return self.fn(*match_ranks(y_true, y_pred), **self.options)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"fn": function_config(self.fn)}


class LossSum(Loss):
    """Sum of several losses of one output."""

    def __init__(self, parts: Sequence[Loss]) -> None:
        super().__init__("_".join(part.name for part in parts))
        self.parts = list(parts)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the sum of the weighted and reduced losses."""
        return sum(part(y_true, y_pred, sample_weight) for part in self.parts)


class FunctionLoss(Loss):
    """Base class of the losses that compute `function`.

    Attributes that are also arguments of the function are passed to it.

    Args:
        reduction: see `Loss`.
        name: name in logs; the function's name when `None`.
        dtype: see `Loss`.
    """

    function: ClassVar[Callable[..., jax.Array]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        name_after_function(cls)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(name or self.function.__name__, reduction, dtype)

    def call(self, y_true: ArrayLike, y_pred: ArrayLike) -> Any:
        function = type(self).function
        return function(y_true, y_pred, **function_options(self, function))


def name_after_function(cls: type[Module]) -> None:
    """Make the name of a class's `function` the default name of its objects."""
    function = vars(cls).get("function")
    if function is not None and "__init__" not in vars(cls):
        cls.__init__ = with_default_name(cls.__init__, function.__name__)


def function_options(owner: Module, function: Callable[..., Any]) -> dict[str, Any]:
    """Return the attributes of an object that a loss function takes as arguments."""
    names = list(signature(function).parameters)[2:]
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def function_config(function: Callable[..., Any]) -> Any:
    """Return the config of a function, or of an object used as one."""
    config = serialize(function)
    if not isinstance(config, str):
        return config
    kind = {"module": "builtins", "class_name": "function"}
    return {**kind, "config": config, "registered_name": "function"}


def reduce_weighted(
    values: PyTree,
    sample_weight: PyTree = None,
    mask: PyTree = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: DTypeLike = None,
) -> jax.Array:
    """Weight and reduce losses.

    Args:
        values: the losses.
        sample_weight: weights for the leading axes of `values`; missing axes are
            added.
        mask: losses where it is false are ignored, also by the count of means.
        reduction: see `Loss`.
        dtype: the dtype of the computation.

    Raises:
        ShapeError: the shapes of weights or mask and `values` are incompatible.

    Example:
        >>> float(reduce_weighted([1.0, 2.0, 6.0], mask=[True, True, False]))
        1.5
    """
    check_arguments("Loss", Loss.arguments, {"reduction": reduction})
    reduction = (reduction or "none").lower()
    values = jnp.asarray(values, dtype)
    weights = None
    if mask is not None:
        weights = jnp.asarray(mask, values.dtype)
        if reduction in ("sum_over_batch_size", "mean"):
            weights *= weights.size / jnp.maximum(jnp.sum(weights), 1)
        weights = broadcast_weights(weights, values.shape, "The mask")
    if sample_weight is not None:
        sample_weight = jnp.asarray(sample_weight, values.dtype)
        if values.ndim == 0:
            values = jnp.broadcast_to(values, sample_weight.shape)
        sample_weight = broadcast_weights(sample_weight, values.shape)
        weights = sample_weight if weights is None else weights * sample_weight
    if weights is not None:
        values = values * weights
    if reduction == "none":
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return safe_divide(total, jnp.sum(weights))
    return total / max(values.size, 1)


def broadcast_weights(
    weights: jax.Array, shape: tuple[int, ...], what: str = "`sample_weight`"
) -> jax.Array:
    """Broadcast weights to `shape`; missing axes are added at the end."""
    received = weights.shape
    while weights.ndim > len(shape) and weights.shape[-1] == 1:
        weights = weights[..., 0]
    sizes = (*weights.shape, *[1] * (len(shape) - weights.ndim))
    # A leading axis of size 1 gives weights by column, as in Keras.
    is_by_column = weights.ndim == len(shape) > 1
    has_rows = sizes[:1] == shape[:1] or weights.ndim == 0 or is_by_column
    has_sizes = len(sizes) == len(shape) and all(
        m in (1, n) for m, n in zip(sizes, shape, strict=True)
    )
    if not (has_rows and has_sizes):
        hint = " Let the loss return one value for each row, as ops.mean(..., axis=-1)."
        raise ShapeError(
            f"{what} has shape {received}, which does not match losses of shape "
            f"{shape}. It must have that shape, or one number for each row: "
            f"{shape[:1] or 'a single number'}.{'' if has_rows else hint}"
        )
    return jnp.broadcast_to(weights.reshape(sizes), shape)


def safe_divide(a: Array, b: Array) -> jax.Array:
    """Return a / b, and 0 where b is 0."""
    is_zero = b == 0
    return jnp.where(is_zero, 0, a / jnp.where(is_zero, 1, b))


def match_ranks(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Add or remove the last axis of size 1 that one of two arrays lacks."""
    if not (hasattr(y_true, "ndim") and hasattr(y_pred, "ndim")):
        return y_true, y_pred
    if y_true.ndim < y_pred.ndim:
        y_pred, y_true = match_ranks(y_pred, y_true)
    elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        if y_pred.ndim == 1:
            return y_true, y_pred[:, None]
        return y_true[..., 0], y_pred
    return y_true, y_pred


def match_shapes(
    owner: str, y_true: ArrayLike, y_pred: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Return targets and predictions as float arrays of the same shape.

    Raises:
        ShapeError: the shapes differ in more than a last axis of size 1.
    """
    y_pred = float_array(y_pred)
    return match_sizes(owner, jnp.asarray(y_true, y_pred.dtype), y_pred)


def match_sizes(
    owner: str, y_true: ArrayLike, y_pred: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Return targets and predictions of any dtypes as arrays of the same shape.

    Raises:
        ShapeError: the shapes differ in more than a last axis of size 1.
    """
    targets, predictions = match_ranks(jnp.asarray(y_true), jnp.asarray(y_pred))
    if targets.shape != predictions.shape:
        raise shape_mismatch_error(owner, np.shape(y_true), np.shape(y_pred))
    return targets, predictions


def shape_mismatch_error(
    owner: str, true: tuple[int, ...], pred: tuple[int, ...], is_sparse: bool = False
) -> ShapeError:
    """Return the error for targets and predictions of different shapes.

    Args:
        owner: the name of the loss or metric.
        true: the shape of the targets.
        pred: the shape of the predictions.
        is_sparse: whether the targets are class indices.
    """
    needed = "they must be the same"
    if is_sparse:
        needed = f"y_true needs one class index for each prediction: {pred[:-1]}"
    start = f"{owner}: y_true has shape {true} and y_pred has shape {pred}; {needed}."
    has_one_value = len(pred) > 1 and true in (pred[:-1], (*pred[:-1], 1))
    if has_one_value and owner.endswith("categorical_accuracy"):
        return ShapeError(f"{start} Use {ACCURACY_ADVICE}.")
    return ShapeError(f"{start} {_advice(true, pred, is_sparse)}".rstrip())


def _advice(true: tuple[int, ...], pred: tuple[int, ...], is_sparse: bool) -> str:
    if true[:1] != pred[:1]:
        return "Pass one target for each prediction: x and y need as many rows."
    if len(pred) > max(len(true), 1 + is_sparse) and pred[:-1] != true:
        return "Put layers.Flatten() before the model's last layer."
    if is_sparse:
        return ""
    if len(pred) > 1 and true in (pred[:-1], (*pred[:-1], 1)):
        return (
            f"The model predicts {pred[-1]} values for each target. End it with "
            "Dense(1); or, if the targets are class indices, pass one-hot targets, "
            f"`to_categorical(y, {pred[-1]})`, or use a loss and metrics of class "
            "indices: 'sparse_categorical_crossentropy', 'accuracy'."
        )
    if len(true) > 1 and pred in (true[:-1], (*true[:-1], 1)):
        return (
            f"Each target has {true[-1]} values, but the model predicts one. End it "
            f"with Dense({true[-1]})."
        )
    if len(true) == len(pred):
        return f"End the model with an output of shape {(None, *true[1:])}."
    return ""


def _cast(tree: PyTree, dtype: DTypeLike) -> Any:
    is_nested = isinstance(tree, dict) or (
        isinstance(tree, (list, tuple)) and any(hasattr(v, "shape") for v in tree)
    )
    if is_nested:
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)
    return jnp.asarray(tree, dtype)
