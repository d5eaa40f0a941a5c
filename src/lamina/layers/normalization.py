"""Normalization: over the batch, over features, over groups of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina import config, constraints, initializers, regularizers
from lamina.core.check import (
    Check,
    at_least,
    between,
    boolean,
    is_int,
    optional,
    positive_number,
)
from lamina.core.module import Number
from lamina.core.variable import Variable
from lamina.errors import ShapeError
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]

_one_axis = Check("an integer", is_int, ("1", 1.5, None))
_axes = Check(
    "an integer or a tuple of integers",
    lambda v: (
        is_int(v)
        or (isinstance(v, (tuple, list)) and len(v) > 0 and all(is_int(n) for n in v))
    ),
    ("1", 1.5, (), None),
)


def _kept(axis: int | Sequence[int], shape: Sequence[Any], name: str) -> list[int]:
    """Axes as sorted non-negative numbers."""
    rank = len(shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    if any(not -rank <= a < rank for a in axes):
        raise ShapeError(
            f"Layer {name!r} normalizes axis {axis}, but its input {tuple(shape)} has "
            f"only {rank} axes."
        )
    return sorted({a % rank for a in axes})


def _spread(value: jax.Array, axes: Sequence[int], like: jax.Array) -> jax.Array:
    """Reshape statistics of some axes so that they broadcast against an array."""
    shape = [n if i in axes else 1 for i, n in enumerate(like.shape)]
    return value.astype(like.dtype).reshape(shape)


def _precise(inputs: jax.Array) -> jax.Array:
    # Sums of squares overflow in 16 bits.
    return inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))


class Affine(Layer):
    """What ends a normalization: times `gamma`, plus `beta`.

    Args:
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer: initializer of `beta`.
        gamma_initializer: initializer of `gamma`.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
    """

    supports_masking = True
    epsilon = Number()

    def __init__(
        self,
        *,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def add_affine(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        """Make `gamma` and `beta`, kept in full precision, as far as wanted."""
        if scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                autocast=False,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                autocast=False,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def normalized(
        self, x: jax.Array, mean: jax.Array, variance: jax.Array, axes: Sequence[int]
    ) -> jax.Array:
        """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, in compute type."""
        factor = jax.lax.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * _spread(self.gamma.value, axes, x)
        shift = -mean * factor
        if self.beta is not None:
            shift = shift + _spread(self.beta.value, axes, x)
        return (x * factor + shift).astype(self.compute_dtype)


class BatchNormalization(Affine):
    """Centres and scales each channel by the statistics of the batch.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`. In training, mean and
    variance are the batch's, and moving averages of them are kept; otherwise, and
    always when `trainable` is false, the moving averages are used. Places that a mask
    hides do not count. The statistics are those of the whole batch, however many
    devices share it, and are computed in float32 at least.

    Args:
        axis: the channel axis.
        momentum: share of the moving averages kept at each step.
        epsilon: keeps the square root away from zero.
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
        renorm: correct the batch's statistics towards moving ones (Ioffe 2017,
            https://arxiv.org/abs/1702.03275).
        renorm_clipping: limits of that correction, any of `rmin`, `rmax`, `dmax`.
        renorm_momentum: share of those moving statistics kept at each step.
        synchronized: accepted; statistics are always those of the whole batch.

    Example:
        >>> layer = BatchNormalization()
        >>> layer(jnp.array([[1.0], [3.0]]), training=True)[:, 0].round(2)
        Array([-1.,  1.], dtype=float32)
        >>> layer.moving_mean.numpy().round(3)
        array([0.02], dtype=float32)

    Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """

    momentum = Number()
    renorm_momentum = Number()
    arguments = {
        "axis": _one_axis,
        "momentum": between(0, 1),
        "epsilon": at_least(0),
        "center": boolean,
        "scale": boolean,
        "renorm": boolean,
        "renorm_clipping": optional(
            Check(
                "a dictionary with any of 'rmin', 'rmax' and 'dmax'",
                lambda v: isinstance(v, Mapping) and {*v} <= {"rmin", "rmax", "dmax"},
                ({"max": 1.0}, 3),
            )
        ),
        "renorm_momentum": between(0, 1),
    }

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis, self.momentum, self.synchronized = axis, momentum, synchronized
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_momentum = renorm, renorm_momentum
        self.renorm_clipping = renorm_clipping

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make `gamma`, `beta` and the moving statistics."""
        (axis,) = _kept(self.axis, input_shape, self.name)
        channels = input_shape[axis]
        self.add_affine((channels,), self.scale, self.center)
        variance_initializer = self.moving_variance_initializer

        def deviation(shape: Sequence[int], dtype: Any = None) -> jax.Array:
            return jnp.sqrt(variance_initializer(shape, dtype=dtype))

        def statistic(name: str, initializer: Any) -> Variable:
            return self.add_weight(
                (channels,), initializer, trainable=False, autocast=False, name=name
            )

        self.moving_mean = statistic("moving_mean", self.moving_mean_initializer)
        self.moving_variance = statistic("moving_variance", variance_initializer)
        if self.renorm:
            self.moving_stddev = statistic("moving_stddev", deviation)
            self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = statistic("renorm_stddev", deviation)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: channels})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = _precise(inputs)
        axes = _kept(self.axis, x.shape, self.name)
        if not (training and self.trainable):
            mean = _spread(self.moving_mean.value, axes, x)
            variance = _spread(self.moving_variance.value, axes, x)
            return self.normalized(x, mean, variance, axes)
        mean, variance = self._moments(x, mask, axes)
        if self.renorm:
            return self._renormalized(x, mean, variance, axes)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_variance, variance, self.momentum)
        return self.normalized(x, mean, variance, axes)

    def _moments(
        self, x: jax.Array, mask: Any, axes: Sequence[int]
    ) -> tuple[jax.Array, jax.Array]:
        rest = tuple(i for i in range(x.ndim) if i not in axes)
        if mask is None:
            mean = jnp.mean(x, rest, keepdims=True)
            return mean, jnp.var(x, rest, keepdims=True)
        if mask.ndim != x.ndim - 1:
            raise ShapeError(
                f"Layer {self.name!r} (BatchNormalization) needs a mask with one axis "
                f"less than its input {x.shape}. It got one of shape {mask.shape}."
            )
        seen = jnp.broadcast_to(jnp.expand_dims(mask.astype(bool), -1), x.shape)
        count = jnp.sum(seen, rest, x.dtype, keepdims=True) + config.epsilon()
        mean = jnp.sum(jnp.where(seen, x, 0), rest, keepdims=True) / count
        squares = jnp.where(seen, jnp.square(x - mean), 0)
        return mean, jnp.sum(squares, rest, keepdims=True) / count

    def _renormalized(
        self, x: jax.Array, mean: jax.Array, variance: jax.Array, axes: Sequence[int]
    ) -> jax.Array:
        deviation = jnp.sqrt(variance + self.epsilon)
        limits = self.renorm_clipping or {}
        usual = _spread(self.renorm_stddev.value, axes, x)
        usual = jnp.maximum(usual, jnp.sqrt(jnp.asarray(self.epsilon, x.dtype)))
        r = jnp.clip(deviation / usual, limits.get("rmin"), limits.get("rmax"))
        d = (mean - _spread(self.renorm_mean.value, axes, x)) / usual
        if limits.get("dmax") is not None:
            d = jnp.clip(d, -limits["dmax"], limits["dmax"])
        r, d = jax.lax.stop_gradient((r, d))

        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, deviation, self.renorm_momentum)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_stddev, deviation, self.momentum)
        moving = jnp.square(self.moving_stddev.value) - self.epsilon
        self.moving_variance.assign(jnp.maximum(moving, 0))

        # ((x - mean) / deviation * r + d) as one normalization with moved statistics.
        spread = jnp.square(deviation / r) - self.epsilon
        return self.normalized(x, mean - d * deviation / r, spread, axes)


def _follow(average: Variable, value: jax.Array, momentum: Any) -> None:
    """Move an exponential average towards a value."""
    value = value.reshape(average.shape)
    old = average.value.astype(value.dtype)
    average.assign(old * momentum + value * (1.0 - momentum))


class LayerNormalization(Affine):
    """Centres and scales each row by its own statistics.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with mean and variance
    over `axis` of one row, and a `gamma` and `beta` for each of its elements.

    Args:
        axis: the axis or axes to normalize over.
        epsilon: keeps the square root away from zero.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer: initializer of `beta`.
        gamma_initializer: initializer of `gamma`.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
        rms_scaling: leave the mean in: `gamma * x / sqrt(variance + epsilon)`. For
            files of Keras; `RMSNormalization` divides by the root mean square.

    Example:
        >>> LayerNormalization()(jnp.array([[1.0, 3.0]])).round(2)
        Array([[-1.,  1.]], dtype=float32)

    Reference: Ba et al. 2016, https://arxiv.org/abs/1607.06450
    """

    arguments = {
        "axis": _axes,
        "epsilon": at_least(0),
        "center": boolean,
        "scale": boolean,
        "rms_scaling": boolean,
    }

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis, self.rms_scaling = axis, rms_scaling
        self.autocast = False

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make `gamma` and `beta`, one for each normalized element."""
        axes = _kept(self.axis, input_shape, self.name)
        shape = [input_shape[a] for a in axes]
        rms = self.rms_scaling
        self.add_affine(shape, self.scale or rms, self.center and not rms)

    def call(self, inputs: Any) -> Any:
        x = _precise(inputs)
        axes = _kept(self.axis, x.shape, self.name)
        variance = jnp.var(x, tuple(axes), keepdims=True)
        mean = jnp.mean(x, tuple(axes), keepdims=True)
        mean = jnp.zeros_like(mean) if self.rms_scaling else mean
        return self.normalized(x, mean, variance, axes)


class GroupNormalization(Affine):
    """Centres and scales groups of channels of each row by their own statistics.

    Args:
        groups: number of groups; 1 normalizes all channels together, -1 each alone.
        axis: the channel axis.
        epsilon: keeps the square root away from zero.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer: initializer of `beta`.
        gamma_initializer: initializer of `gamma`.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.

    Raises:
        ShapeError: `groups` does not divide the number of channels.

    Example:
        >>> GroupNormalization(groups=2)(jnp.array([[1.0, 3.0, 5.0, 9.0]])).round(2)
        Array([[-1.,  1., -1.,  1.]], dtype=float32)

    Reference: Wu and He 2018, https://arxiv.org/abs/1803.08494
    """

    arguments = {
        "groups": Check(
            "a positive integer, or -1 for one group for each channel",
            lambda v: is_int(v) and (v > 0 or v == -1),
            (0, -2, 1.5),
        ),
        "axis": _one_axis,
        "epsilon": at_least(0),
        "center": boolean,
        "scale": boolean,
    }

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.groups, self.axis = groups, axis

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make `gamma` and `beta`, one for each channel."""
        (axis,) = _kept(self.axis, input_shape, self.name)
        channels = input_shape[axis]
        if self.groups > 0 and channels is not None and channels % self.groups:
            raise ShapeError(
                f"Layer {self.name!r} (GroupNormalization) divides channels into "
                f"{self.groups} groups, but axis {self.axis} of its input "
                f"{tuple(input_shape)} has {channels}. Choose a `groups` that divides "
                f"{channels}."
            )
        self.add_affine((channels,), self.scale, self.center)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: channels})

    def call(self, inputs: Any) -> Any:
        x = _precise(inputs)
        (axis,) = _kept(self.axis, x.shape, self.name)
        groups = x.shape[axis] if self.groups == -1 else self.groups
        split = (groups, x.shape[axis] // groups)
        grouped = x.reshape(*x.shape[:axis], *split, *x.shape[axis + 1 :])
        rest = tuple(i for i in range(1, grouped.ndim) if i != axis)
        mean = jnp.mean(grouped, rest, keepdims=True)
        variance = jnp.var(grouped, rest, keepdims=True)

        def each(statistic: jax.Array) -> jax.Array:
            """A group's statistic for each of its channels."""
            repeated = jnp.repeat(statistic, split[1], axis + 1)
            return repeated.reshape(
                *repeated.shape[:axis], -1, *[1] * (x.ndim - axis - 1)
            )

        return self.normalized(x, each(mean), each(variance), [axis])


class RMSNormalization(Layer):
    """Divides each row by its root mean square: `scale * x / rms(x)`.

    Args:
        axis: the axis or axes to normalize over.
        epsilon: keeps the square root away from zero.

    Example:
        >>> RMSNormalization()(jnp.array([[3.0, 3.0]])).round(3)
        Array([[1., 1.]], dtype=float32)

    Reference: Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
    """

    epsilon = Number()
    arguments = {"axis": _axes, "epsilon": positive_number}

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make `scale`, one for each normalized element."""
        axes = _kept(self.axis, input_shape, self.name)
        shape = [input_shape[a] for a in axes]
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        x = _precise(inputs)
        axes = _kept(self.axis, x.shape, self.name)
        mean_square = jnp.mean(jnp.square(x), tuple(axes), keepdims=True)
        scaled = x * jax.lax.rsqrt(mean_square + self.epsilon)
        return (scaled * _spread(self.scale.value, axes, x)).astype(inputs.dtype)


class UnitNormalization(Layer):
    """Divides each row by its Euclidean length.

    Args:
        axis: the axis or axes the length is taken over.

    Example:
        >>> UnitNormalization()(jnp.array([[3.0, 4.0]]))
        Array([[0.6, 0.8]], dtype=float32)
    """

    supports_masking = True
    arguments = {"axis": _axes}

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        axes = tuple(_kept(self.axis, inputs.shape, self.name))
        squares = jnp.sum(jnp.square(inputs), axes, keepdims=True)
        return inputs * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))
