"""`Loss`: how far predictions are from the truth, reduced to one number.

Shapes follow one rule in every loss and metric: truth and prediction have the same
shape. The only difference that is mended is a last axis of size 1 that one of them
lacks; nothing else is ever broadcast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import floatx
from lamina.core.check import Check, one_of, optional
from lamina.core.dtypes import get_dtype_policy, is_float
from lamina.core.masks import get_mask
from lamina.core.module import Module, accepted_names, unique_name
from lamina.core.registry import Registry, serialize, snake_case
from lamina.core.tracebacks import filter_traceback
from lamina.errors import ArgumentTypeError, ShapeError, invalid

__all__ = ["Loss", "LossFunctionWrapper", "reduce_weighted"]

loss_registry = Registry("loss", "keras.losses")

# `compile` makes of this name the form that labels and outputs call for.
FITTING_ACCURACY = "metrics=['accuracy'], which takes the form that fits the labels"

_MEANS = ("sum_over_batch_size", "mean")
_REDUCTIONS = (*_MEANS, "mean_with_sample_weight", "sum", "none")


class Loss(Module):
    """What training makes small. Subclass it and write `call(y_true, y_pred)`.

    `call` returns the loss of each element or row; `reduction` makes a number of it.

    Args:
        name: shown in logs; made from the class's name when `None`.
        reduction: `"sum_over_batch_size"` or `"mean"` (the sum divided by the number
            of losses), `"sum"`, `"mean_with_sample_weight"` (divided by the sum of
            the weights), or `"none"` / `None`.
        dtype: the type it computes in; `None` for `config.floatx()`.

    Example:
        >>> class Quartic(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return jnp.mean((y_true - y_pred) ** 4, axis=-1)
        >>> float(Quartic()([[0.0], [0.0]], [[1.0], [2.0]]))
        8.5
    """

    arguments: ClassVar[dict[str, Check]] = {
        "reduction": optional(one_of(*_REDUCTIONS))
    }
    unwritten: ClassVar[tuple[str, ...]] = ("dtype",)

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.reduction = reduction
        self._dtype = get_dtype_policy(dtype or floatx()).compute_dtype

    @property
    def dtype(self) -> str:
        """The type it computes in."""
        return self._dtype

    @filter_traceback
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch.

        Args:
            y_true: what is right, of the predictions' shape; a last axis of size 1
                may be missing on either side.
            y_pred: what a model predicts. Steps that its mask leaves out don't count.
            sample_weight: a number for each row, or for each loss `call` returns.

        Raises:
            ShapeError: the shapes do not fit together.
        """
        mask = get_mask(y_pred)
        y_pred = _cast(y_pred, self.dtype)
        # Class numbers above 256 do not survive in 16 bits.
        y_true = _cast(y_true, jnp.promote_types(self.dtype, jnp.float32))
        values = self.call(y_true, y_pred)
        if values is None:
            raise ArgumentTypeError(
                f"The loss {self.name!r} returned None: does it end in `return`?"
            )
        own = get_mask(values)
        if own is not None:
            mask = own if mask is None else mask & own
        return reduce_weighted(values, sample_weight, mask, self.reduction, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row or element."""
        raise NotImplementedError(
            f"{type(self).__name__} must define `call(self, y_true, y_pred)`."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, name and reduction as they are now."""
        now = {"name": self.name, "reduction": self.reduction}
        known = accepted_names(type(self))
        config = super().get_config() | {k: v for k, v in now.items() if k in known}
        return self._without_defaults(config)


class LossFunctionWrapper(Loss):
    """A loss made of a function.

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
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self.options = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(*same_rank(y_true, y_pred), **self.options)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"fn": function_config(self.fn)}


class FunctionLoss(Loss):
    """Base of the losses that are one function without options.

    Args:
        reduction: see `Loss`.
        name: shown in logs; the function's name when `None`.
        dtype: see `Loss`.
    """

    function: ClassVar[Callable[[Any, Any], jax.Array]]

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name or self.function.__name__, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return type(self).function(y_true, y_pred)


def function_config(function: Any) -> Any:
    """How a config names a function, or an object that stands for one."""
    config = serialize(function)
    if not isinstance(config, str):
        return config
    kind = {"module": "builtins", "class_name": "function"}
    return {**kind, "config": config, "registered_name": "function"}


def reduce_weighted(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> jax.Array:
    """Losses, weighted and reduced to one number.

    Args:
        values: the losses.
        sample_weight: matches the first axes of `values`; axes it lacks are added.
        mask: where it is false a loss does not count, and means divide by the number
            of those that do.
        reduction: see `Loss`.
        dtype: the type to compute in.

    Raises:
        ShapeError: weights or mask do not match `values`.

    Example:
        >>> float(reduce_weighted([1.0, 2.0, 6.0], mask=[True, True, False]))
        1.5
    """
    values = jnp.asarray(values, dtype)
    weights = None
    if mask is not None:
        weights = jnp.asarray(mask, values.dtype)
        if reduction in _MEANS:
            weights *= weights.size / jnp.maximum(jnp.sum(weights), 1)
        weights = fit_weights(weights, values.shape, "The mask")
    if sample_weight is not None:
        sample_weight = jnp.asarray(sample_weight, values.dtype)
        if values.ndim == 0:
            values = jnp.broadcast_to(values, sample_weight.shape)
        sample_weight = fit_weights(sample_weight, values.shape)
        weights = sample_weight if weights is None else weights * sample_weight
    return _reduce(values, weights, reduction)


def _reduce(
    values: jax.Array, weights: jax.Array | None, reduction: str | None
) -> jax.Array:
    reduction = "none" if reduction is None else reduction.lower()
    if weights is not None:
        values = values * weights
    if reduction == "none":
        return values
    if reduction == "sum":
        return jnp.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return safe_divide(jnp.sum(values), jnp.sum(weights))
    if reduction in (*_MEANS, "mean_with_sample_weight"):
        return jnp.sum(values) / max(values.size, 1)
    expected = f"one of {_REDUCTIONS} or None"
    raise invalid("Loss", "reduction", reduction, expected)


def fit_weights(
    weights: jax.Array, shape: tuple[int, ...], what: str = "`sample_weight`"
) -> jax.Array:
    """Weights as an array of `shape`, repeated along axes they lack or have 1 of."""
    found = weights.shape
    while weights.ndim > len(shape) and weights.shape[-1] == 1:
        weights = weights[..., 0]
    missing = len(shape) - weights.ndim
    if weights.ndim and missing >= 0:
        # One row of weights for each column is meant for all rows, as in Keras.
        by_column = missing == 0 and weights.ndim > 1 and weights.shape[0] == 1
        weights = weights.reshape(weights.shape + (1,) * missing)
        fits = (by_column or weights.shape[0] == shape[0]) and all(
            m in (1, n) for m, n in zip(weights.shape, shape, strict=True)
        )
    else:
        fits = missing >= 0
    if not fits:
        raise ShapeError(
            f"{what} has shape {found}, which does not match losses of shape {shape}. "
            f"It must be of that shape, or have one number for each row: "
            f"{shape[:1] or 'a single number'}."
        )
    return jnp.broadcast_to(weights, shape)


def safe_divide(a: Any, b: Any) -> jax.Array:
    """a / b, and 0 where b is 0."""
    zero = b == 0
    return jnp.where(zero, 0, a / jnp.where(zero, 1, b))


def as_float(x: Any) -> jax.Array:
    """An array of its own float type, or of `floatx()` if it holds anything else."""
    x = jnp.asarray(x)
    return x if is_float(x.dtype) else x.astype(floatx())


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Add or drop the last axis of size 1 that one of two arrays lacks."""
    if not (hasattr(y_true, "ndim") and hasattr(y_pred, "ndim")):
        return y_true, y_pred
    if y_true.ndim < y_pred.ndim:
        y_pred, y_true = same_rank(y_pred, y_true)
    elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        if y_pred.ndim == 1:
            return y_true, y_pred[:, None]
        return y_true[..., 0], y_pred
    return y_true, y_pred


def aligned(owner: str, y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """Truth and prediction as float arrays of one shape.

    Raises:
        ShapeError: more than a last axis of size 1 is different.
    """
    y_pred = as_float(y_pred)
    truth, prediction = same_rank(jnp.asarray(y_true, y_pred.dtype), y_pred)
    if truth.shape != prediction.shape:
        raise mismatch(owner, np.shape(y_true), y_pred.shape)
    return truth, prediction


def mismatch(
    owner: str, true: tuple[int, ...], pred: tuple[int, ...], by_class: bool = False
) -> ShapeError:
    """The error for truth and prediction of different shapes.

    Args:
        owner: what compares them.
        true: the shape of the truth.
        pred: the shape of the prediction.
        by_class: whether the truth is one number for each row of classes.
    """
    needed = "y_true needs one class number for each" if by_class else "they must be"
    needed += f" prediction: {pred[:-1]}" if by_class else " the same"
    start = f"{owner}: y_true has shape {true} and y_pred has shape {pred}; {needed}."
    single = len(pred) > 1 and true in (pred[:-1], (*pred[:-1], 1))
    if single and owner.endswith("categorical_accuracy"):
        return ShapeError(f"{start} Use {FITTING_ACCURACY}.")
    return ShapeError(f"{start} {_advice(true, pred, by_class)}".rstrip())


def _advice(true: tuple[int, ...], pred: tuple[int, ...], by_class: bool) -> str:
    if true[:1] != pred[:1]:
        return "Give one target for each prediction: x and y need as many rows."
    if len(pred) > max(len(true), 1 + by_class) and pred[:-1] != true:
        return "Put layers.Flatten() before the model's last layer."
    if by_class:
        return ""
    single = (pred[:-1], (*pred[:-1], 1))
    if len(pred) > 1 and true in single:
        return (
            f"The model predicts {pred[-1]} values for each target. End it with "
            "Dense(1); or, if the targets are class numbers, use the loss "
            "'sparse_categorical_crossentropy'."
        )
    if len(true) > 1 and pred in (true[:-1], (*true[:-1], 1)):
        return (
            f"Each target has {true[-1]} values and the model predicts one: end it "
            f"with Dense({true[-1]})."
        )
    if len(true) == len(pred):
        return f"Let the model end in an output of shape {(None, *true[1:])}."
    return ""


def _cast(tree: Any, dtype: Any) -> Any:
    nested = isinstance(tree, (list, tuple)) and any(hasattr(v, "shape") for v in tree)
    if nested or isinstance(tree, dict):
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)
    return jnp.asarray(tree, dtype)
