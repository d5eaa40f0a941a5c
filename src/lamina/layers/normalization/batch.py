"""Batch normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core.check import Check, at_least, between, boolean, is_number, optional
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.errors import ShapeError
from lamina.layers.base import InputSpec, Options, weight
from lamina.layers.normalization.layer import (
    Affine,
    expand_to_rank,
    normalize_axes,
    one_axis,
    upcast_inputs,
)
from lamina.typing import (
    Array,
    ConstraintLike,
    DTypeLike,
    Initializer,
    InitializerLike,
    PartialShape,
    RegularizerLike,
    Shape,
)


def _is_clipping(value: object) -> bool:
    if not isinstance(value, Mapping) or not {*value} <= {"rmin", "rmax", "dmax"}:
        return False
    if not all(map(is_number, value.values())):
        return False
    rmin, rmax = value.get("rmin", -math.inf), value.get("rmax", math.inf)
    return rmin <= rmax and value.get("dmax", 0) >= 0


_clipping = Check(
    "a dictionary with any of 'rmin', 'rmax' and 'dmax', where rmin <= rmax and "
    "dmax >= 0",
    _is_clipping,
    ({"max": 1.0}, 3, {"rmin": 1.0, "rmax": 0.0}, {"dmax": -1.0}),
)


def _statistic(prefix: str = "") -> Any:
    return weight(prefix, trainable=False, autocast=False)


class BatchNormalization(Affine):
    """Batch normalization: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    In training, mean and variance of each channel are those of the batch, and update
    the moving averages. In inference, and always when `trainable` is false, they are
    the moving averages. Masked positions are left out. The statistics are those of
    the whole batch even if several devices share it, and are computed in at least
    float32.

    Args:
        axis: the channel axis.
        momentum: decay rate of the moving averages.
        epsilon: added to the variance for numerical stability.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer: initializer of `beta`.
        gamma_initializer: initializer of `gamma`.
        moving_mean_initializer: initializer of the moving mean.
        moving_variance_initializer: initializer of the moving variance.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
        renorm: whether to use batch renormalization (Ioffe 2017,
            https://arxiv.org/abs/1702.03275).
        renorm_clipping: limits of the renormalization, any of `rmin`, `rmax`, `dmax`.
        renorm_momentum: decay rate of the moving averages of the renormalization.
        synchronized: accepted for Keras; statistics are always synchronized.

    Shape:
        (batch, ..., channels) to the same shape.

    Example:
        >>> layer = BatchNormalization()
        >>> layer(jnp.array([[1.0], [3.0]]), training=True)[:, 0].round(2)
        Array([-1.,  1.], dtype=float32)
        >>> layer.moving_mean.numpy().round(3)
        array([0.02], dtype=float32)

    Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """

    axis: int
    momentum = Hyperparameter()
    renorm: bool
    renorm_clipping: Mapping[str, float] | None
    renorm_momentum: float
    moving_mean: Variable = _statistic()
    moving_variance: Variable = _statistic()
    moving_variance_initializer: Initializer
    moving_stddev: Variable = _statistic()
    renorm_mean: Variable = _statistic("moving_mean")
    renorm_stddev: Variable = _statistic()
    arguments = {
        "axis": one_axis,
        "momentum": between(0, 1),
        "epsilon": at_least(0),
        "center": boolean,
        "scale": boolean,
        "renorm": boolean,
        "renorm_clipping": optional(_clipping),
        "renorm_momentum": between(0, 1),
    }

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())

    def build(self, input_shape: PartialShape) -> None:
        """Create `gamma`, `beta` and the moving statistics."""
        (axis,) = normalize_axes(self.axis, input_shape, self.name)
        channels = input_shape[axis]
        self.create_affine((channels,))
        self._create_weight("moving_mean", (channels,))
        self._create_weight("moving_variance", (channels,))
        if self.renorm:
            self._create_weight("moving_stddev", (channels,), self._initial_deviation)
            self._create_weight("renorm_mean", (channels,))
            self._create_weight("renorm_stddev", (channels,), self._initial_deviation)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: channels})

    def _initial_deviation(self, shape: Shape, dtype: DTypeLike = None) -> Array:
        return jnp.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def call(
        self, inputs: Array, training: bool | None = None, mask: Array | None = None
    ) -> Array:
        axes = normalize_axes(self.axis, inputs.shape, self.name)
        if not (training and self.trainable):
            x = upcast_inputs(inputs)
            mean = expand_to_rank(self.moving_mean.value, axes, x)
            variance = expand_to_rank(self.moving_variance.value, axes, x)
            return self.normalized(x, mean, variance, axes)
        if mask is None and not self.renorm:
            shape = [n if i in axes else 1 for i, n in enumerate(inputs.shape)]
            rest = [i for i in range(inputs.ndim) if i not in axes]
            y, mean, variance = self.standardized(inputs, shape, rest)
            self._update_moving_averages(mean, variance)
            return y
        x = upcast_inputs(inputs)
        mean, variance = self._moments(x, mask, axes)
        if self.renorm:
            return self._renormalized(x, mean, variance, axes)
        self._update_moving_averages(mean, variance)
        return self.normalized(x, mean, variance, axes)

    def _update_moving_averages(self, mean: Array, variance: Array) -> None:
        _update_average(self.moving_mean, mean, self.momentum)
        _update_average(self.moving_variance, variance, self.momentum)

    def _moments(
        self, x: Array, mask: Array | None, axes: Sequence[int]
    ) -> tuple[Array, Array]:
        rest = tuple(i for i in range(x.ndim) if i not in axes)
        if mask is None:
            mean = jnp.mean(x, rest, keepdims=True)
            return mean, jnp.var(x, rest, keepdims=True)
        if mask.ndim != x.ndim - 1:
            raise ShapeError(
                f"Layer {self.name!r} (BatchNormalization) needs a mask with one axis "
                f"less than its input {x.shape}. It got one of shape {mask.shape}."
            )
        return _masked_moments(x, mask, rest)

    def _renormalized(
        self, x: Array, mean: Array, variance: Array, axes: Sequence[int]
    ) -> Array:
        deviation = jnp.sqrt(variance + self.epsilon)
        limits = self.renorm_clipping or {}
        average = expand_to_rank(self.renorm_stddev.value, axes, x)
        average = jnp.maximum(average, jnp.sqrt(jnp.asarray(self.epsilon, x.dtype)))
        r = jnp.clip(deviation / average, limits.get("rmin"), limits.get("rmax"))
        d = (mean - expand_to_rank(self.renorm_mean.value, axes, x)) / average
        if limits.get("dmax") is not None:
            d = jnp.clip(d, -limits["dmax"], limits["dmax"])
        r, d = jax.lax.stop_gradient((r, d))

        _update_average(self.renorm_mean, mean, self.renorm_momentum)
        _update_average(self.renorm_stddev, deviation, self.renorm_momentum)
        _update_average(self.moving_mean, mean, self.momentum)
        _update_average(self.moving_stddev, deviation, self.momentum)
        moving_variance = jnp.square(self.moving_stddev.value) - self.epsilon
        self.moving_variance.assign(jnp.maximum(moving_variance, 0))

        # (x - mean) / deviation * r + d, written as a normalization.
        shifted_mean = mean - d * deviation / r
        scaled_variance = jnp.square(deviation / r) - self.epsilon
        return self.normalized(x, shifted_mean, scaled_variance, axes)


def _masked_moments(x: Array, mask: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Return mean and variance along axes of the elements that are not masked."""
    mask = jnp.broadcast_to(jnp.expand_dims(mask.astype(bool), -1), x.shape)
    count = jnp.sum(mask, axes, x.dtype, keepdims=True) + config.epsilon()
    mean = jnp.sum(jnp.where(mask, x, 0), axes, keepdims=True) / count
    squares = jnp.where(mask, jnp.square(x - mean), 0)
    return mean, jnp.sum(squares, axes, keepdims=True) / count


def _update_average(average: Variable, value: Array, momentum: float) -> None:
    """Update an exponential moving average."""
    value = value.reshape(average.shape)
    old = average.value.astype(value.dtype)
    average.assign(old * momentum + value * (1.0 - momentum))
