"""Normalization of each row: layer, group, RMS and unit normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, at_least, boolean, is_int, positive_number
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.errors import ShapeError
from lamina.layers.base import InputSpec, Layer, Options, weight
from lamina.ops.nn.normalization import Standardized, standardize
from lamina.ops.types import upcast
from lamina.typing import (
    Array,
    Config,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)

one_axis = Check("an integer", is_int, ("1", 1.5, None))
_axes = Check(
    "an integer or a tuple of integers",
    lambda v: (
        is_int(v)
        or (isinstance(v, (tuple, list)) and len(v) > 0 and all(is_int(n) for n in v))
    ),
    ("1", 1.5, (), None),
)


def normalize_axes(
    axis: int | Sequence[int], shape: PartialShape, name: str
) -> list[int]:
    """Return axes as sorted non-negative integers."""
    rank = len(shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    if any(not -rank <= a < rank for a in axes):
        raise ShapeError(
            f"Layer {name!r} normalizes axis {axis}, but its input {tuple(shape)} has "
            f"only {rank} axes."
        )
    return sorted({a % rank for a in axes})


def expand_to_rank(value: Array, axes: Sequence[int], like: Array) -> Array:
    """Reshape statistics of some axes so that they broadcast against an array."""
    shape = [n if i in axes else 1 for i, n in enumerate(like.shape)]
    return value.astype(like.dtype).reshape(shape)


def upcast_inputs(inputs: Array) -> Array:
    """Cast to at least float32, because sums of squares overflow in 16 bits."""
    return inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))


class Affine(Layer):
    """Base class of normalizations with a scale `gamma` and an offset `beta`."""

    supports_masking = True
    epsilon = Hyperparameter()
    center: bool
    scale: bool
    # Statistics have at least 32 bits, so reads are not cast to fewer.
    gamma: Variable | None = weight(autocast=False)
    beta: Variable | None = weight(autocast=False)

    def create_affine(self, shape: PartialShape) -> None:
        """Create `gamma` and `beta`, if they are used."""
        self._create_weight("gamma", shape if self.scale else None)
        self._create_weight("beta", shape if self.center else None)

    def standardized(
        self, inputs: Array, shape: Sequence[int], axes: Sequence[int]
    ) -> Standardized:
        """Scale to mean 0 and variance 1 along `axes`, and apply `gamma` and `beta`.

        Args:
            inputs: array of any type.
            shape: shape of `gamma` and `beta` that broadcasts against the inputs.
            axes: axes of the mean and variance.
        """
        is_float = jnp.issubdtype(inputs.dtype, jnp.inexact)
        x = inputs if is_float else upcast_inputs(inputs)
        x = x.astype(jnp.promote_types(x.dtype, self.compute_dtype))
        dtype = upcast(x).dtype
        gamma, beta = (
            None if weight is None else weight.value.astype(dtype).reshape(shape)
            for weight in (self.gamma, self.beta)
        )
        y, mean, variance = standardize(x, gamma, beta, self.epsilon, tuple(axes))
        return y.astype(self.compute_dtype), mean, variance

    def normalized(
        self, x: Array, mean: Array, variance: Array, axes: Sequence[int]
    ) -> Array:
        """Return `gamma * (x - mean) / sqrt(variance + epsilon) + beta`."""
        factor = jax.lax.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * expand_to_rank(self.gamma.value, axes, x)
        shift = -mean * factor
        if self.beta is not None:
            shift = shift + expand_to_rank(self.beta.value, axes, x)
        return (x * factor + shift).astype(self.compute_dtype)


class LayerNormalization(Affine):
    """Layer normalization: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    Mean and variance are those of each row along `axis`; `gamma` and `beta` have the
    shape of these axes.

    Args:
        axis: the axis or axes to normalize over.
        epsilon: added to the variance for numerical stability.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer: initializer of `beta`.
        gamma_initializer: initializer of `gamma`.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
        rms_scaling: whether to compute `gamma * x / sqrt(variance + epsilon)`, for
            Keras files; `RMSNormalization` divides by the root mean square.

    Shape:
        Any shape to the same shape.

    Example:
        >>> LayerNormalization()(jnp.array([[1.0, 3.0]])).round(2)
        Array([[-1.,  1.]], dtype=float32)

    Reference: Ba et al. 2016, https://arxiv.org/abs/1607.06450
    """

    axis: int | Sequence[int]
    rms_scaling: bool
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
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        *,
        rms_scaling: bool = False,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        self.autocast = False

    def build(self, input_shape: PartialShape) -> None:
        """Create `gamma` and `beta`."""
        axes = normalize_axes(self.axis, input_shape, self.name)
        shape = [input_shape[a] for a in axes]
        rms = self.rms_scaling
        self._create_weight("gamma", shape if self.scale or rms else None)
        self._create_weight("beta", shape if self.center and not rms else None)

    def call(self, inputs: Array) -> Array:
        axes = normalize_axes(self.axis, inputs.shape, self.name)
        if not self.rms_scaling:
            shape = [n if i in axes else 1 for i, n in enumerate(inputs.shape)]
            return self.standardized(inputs, shape, axes)[0]
        x = upcast_inputs(inputs)
        variance = jnp.var(x, tuple(axes), keepdims=True)
        return self.normalized(x, jnp.zeros_like(variance), variance, axes)

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        config = super().get_config()
        if not self.rms_scaling:  # new Keras versions do not accept it
            del config["rms_scaling"]
        return config


class GroupNormalization(Affine):
    """Group normalization: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    Mean and variance are those of each group of channels of each row.

    Args:
        groups: number of groups; 1 for all channels together, -1 for one channel per
            group.
        axis: the channel axis.
        epsilon: added to the variance for numerical stability.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
        beta_initializer: initializer of `beta`.
        gamma_initializer: initializer of `gamma`.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.

    Shape:
        (batch, ..., channels) to the same shape.

    Raises:
        ShapeError: `groups` does not divide the number of channels.

    Example:
        >>> GroupNormalization(groups=2)(jnp.array([[1.0, 3.0, 5.0, 9.0]])).round(2)
        Array([[-1.,  1., -1.,  1.]], dtype=float32)

    Reference: Wu and He 2018, https://arxiv.org/abs/1803.08494
    """

    groups: int
    axis: int
    arguments = {
        "groups": Check(
            "a positive integer, or -1 for one group for each channel",
            lambda v: is_int(v) and (v > 0 or v == -1),
            (0, -2, 1.5),
        ),
        "axis": one_axis,
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
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        # Inputs may exceed the range of float16.
        self.autocast = False

    def build(self, input_shape: PartialShape) -> None:
        """Create `gamma` and `beta`, (channels,)."""
        (axis,) = normalize_axes(self.axis, input_shape, self.name)
        channels = input_shape[axis]
        if self.groups > 0 and channels is not None and channels % self.groups:
            raise ShapeError(
                f"Layer {self.name!r} (GroupNormalization) divides the channels into "
                f"{self.groups} groups, but axis {self.axis} of its input "
                f"{tuple(input_shape)} has {channels} channels. Choose a `groups` that "
                f"divides {channels}."
            )
        self.create_affine((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: channels})

    def call(self, inputs: Array) -> Array:
        (axis,) = normalize_axes(self.axis, inputs.shape, self.name)
        channels = inputs.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        split = (groups, channels // groups)
        before, after = inputs.shape[:axis], inputs.shape[axis + 1 :]
        x = inputs.reshape(*before, *split, *after)
        shape = (*[1] * len(before), *split, *[1] * len(after))
        rest = [i for i in range(1, x.ndim) if i != axis]
        return self.standardized(x, shape, rest)[0].reshape(inputs.shape)


class RMSNormalization(Layer):
    """RMS normalization: `scale * x / sqrt(mean(x**2) + epsilon)`.

    Args:
        axis: the axis or axes to normalize over.
        epsilon: added to the mean square for numerical stability.

    Shape:
        Any shape to the same shape.

    Example:
        >>> RMSNormalization()(jnp.array([[3.0, 3.0]])).round(3)
        Array([[1., 1.]], dtype=float32)

    Reference: Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
    """

    epsilon = Hyperparameter()
    arguments = {"axis": _axes, "epsilon": positive_number}

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-6,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: PartialShape) -> None:
        """Create `scale`, with the shape of the normalized axes."""
        axes = normalize_axes(self.axis, input_shape, self.name)
        shape = [input_shape[a] for a in axes]
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Array) -> Array:
        x = upcast_inputs(inputs)
        axes = normalize_axes(self.axis, x.shape, self.name)
        mean_square = jnp.mean(jnp.square(x), tuple(axes), keepdims=True)
        scaled = x * jax.lax.rsqrt(mean_square + self.epsilon)
        return (scaled * expand_to_rank(self.scale.value, axes, x)).astype(inputs.dtype)


class UnitNormalization(Layer):
    """Unit normalization: `x / norm(x)`, with the L2 norm.

    Args:
        axis: the axis or axes of the norm.

    Shape:
        Any shape to the same shape.

    Example:
        >>> UnitNormalization()(jnp.array([[3.0, 4.0]]))
        Array([[0.6, 0.8]], dtype=float32)
    """

    supports_masking = True
    arguments = {"axis": _axes}

    def __init__(
        self, axis: int | Sequence[int] = -1, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Array) -> Array:
        axes = tuple(normalize_axes(self.axis, inputs.shape, self.name))
        squares = jnp.sum(jnp.square(inputs), axes, keepdims=True)
        return inputs * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))
