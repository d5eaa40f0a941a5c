"""Dropout and noise layers, which are active in training only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import at_least, between, dimensions, fraction, optional
from lamina.core.module import Hyperparameter
from lamina.core.random.masks import bernoulli_mask, dropout, noise
from lamina.core.random.seeds import SeedGenerator
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.layers.base.spec import InputSpec
from lamina.layers.spatial import DataFormat, data_formats
from lamina.typing import Array, DTypeLike


class Noise(Layer):
    """Base class of layers that add noise in training and are the identity otherwise.

    Args:
        seed: seed of the random values; a new one by default.
    """

    supports_masking = True
    rate_name: ClassVar[str] = "rate"

    def __init__(self, seed: int | None = None, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        # The rate may be traced; `vars` holds its Python value.
        if not training or vars(self)[self.rate_name] == 0:
            return inputs
        return self.add_noise(inputs)

    def add_noise(self, inputs: Array) -> Array:
        """Return the input with noise, as in training."""
        raise NotImplementedError


class _MaskDropout(Noise):
    """Base class of layers that change the elements a random mask selects."""

    rate = Hyperparameter()
    arguments = {"noise_shape": optional(dimensions)}

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)


class Dropout(_MaskDropout):
    """Dropout: sets random elements to zero in training.

    The other elements are multiplied by `1 / (1 - rate)`, so that the expected sum
    does not change. Changing `rate` does not recompile.

    Args:
        rate: fraction of the elements to drop, from 0 to 1.
        noise_shape: shape of the dropout mask, `None` for sizes of the input; an axis
            of size 1 shares the mask.
        seed: seed of the random values; a new one by default.

    Shape:
        Any shape to the same shape.

    Example:
        >>> layer = Dropout(0.5, seed=1)
        >>> x = jnp.ones((2, 3))
        >>> bool((layer(x) == x).all())
        True
        >>> sorted({float(v) for v in layer(jnp.ones(64), training=True)})
        [0.0, 2.0]

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate = Hyperparameter(between(0, 1))

    def add_noise(self, inputs: Array) -> Array:
        """Drop elements and scale the others."""
        return dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class SpatialDropout(Noise):
    """Base class of dropout of whole channels.

    Args:
        rate: fraction of the channels to drop.
        seed: seed of the random values; a new one by default.
    """

    rank: ClassVar[int]
    data_format = "channels_last"
    rate = Hyperparameter(between(0, 1))

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(seed, name=name, dtype=dtype)
        self.rate = rate
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def add_noise(self, inputs: Array) -> Array:
        """Drop channels and scale the others."""
        shape: list[int | None] = [None, *[1] * self.rank, None]
        if self.data_format == "channels_first":
            shape = [None, None, *[1] * self.rank]
        return dropout(inputs, self.rate, shape, self.seed_generator)


class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of sequences.

    Adjacent steps are strongly correlated, so that dropping single elements would
    hardly regularize.

    Args:
        rate: fraction of the channels to drop.
        seed: seed of the random values; a new one by default.

    Shape:
        (batch, steps, channels) to the same shape.

    Example:
        >>> y = SpatialDropout1D(0.5, seed=1)(jnp.ones((1, 4, 8)), training=True)
        >>> bool((y == y[:, :1]).all())
        True

    Reference: Tompson et al. 2014, https://arxiv.org/abs/1411.4280
    """

    rank = 1


class ImageDropout(SpatialDropout):
    """Base class of dropout of whole channels with a `data_format`.

    Args:
        rate: fraction of the channels to drop.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: seed of the random values; a new one by default.
    """

    data_format: DataFormat = DataFormat()
    arguments = {**SpatialDropout.arguments, "data_format": data_formats}

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(rate, seed, name, dtype)
        self.data_format = data_format


class SpatialDropout2D(ImageDropout):
    """Dropout of whole channels of images.

    Args:
        rate: fraction of the channels to drop.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: seed of the random values; a new one by default.

    Shape:
        (batch, rows, columns, channels), or with the channels second, to the same
        shape.

    Example:
        >>> y = SpatialDropout2D(0.5, seed=1)(jnp.ones((1, 4, 4, 8)), training=True)
        >>> bool((y == y[:, :1, :1]).all())
        True

    Reference: Tompson et al. 2014, https://arxiv.org/abs/1411.4280
    """

    rank = 2


class SpatialDropout3D(ImageDropout):
    """Dropout of whole channels of volumes.

    Args:
        rate: fraction of the channels to drop.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: seed of the random values; a new one by default.

    Shape:
        (batch, depth, rows, columns, channels), or with the channels second, to the
        same shape.

    Example:
        >>> y = SpatialDropout3D(0.5, seed=1)(jnp.ones((1, 2, 2, 2, 8)), training=True)
        >>> bool((y == y[:, :1, :1, :1]).all())
        True

    Reference: Tompson et al. 2014, https://arxiv.org/abs/1411.4280
    """

    rank = 3


class GaussianNoise(Noise):
    """Additive Gaussian noise with mean 0 in training.

    Args:
        stddev: standard deviation of the noise.
        seed: seed of the random values; a new one by default.

    Shape:
        Any shape to the same shape.

    Example:
        >>> x = jnp.zeros(1000)
        >>> round(float(GaussianNoise(0.5, seed=1)(x, training=True).std()), 1)
        0.5
    """

    rate_name = "stddev"
    stddev = Hyperparameter(at_least(0))

    def __init__(
        self, stddev: float, seed: int | None = None, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = stddev

    def add_noise(self, inputs: Array) -> Array:
        """Add noise to the input."""
        sample = noise(inputs.shape, inputs.dtype, self.seed_generator)
        return inputs + sample * jnp.asarray(self.stddev, inputs.dtype)


class GaussianDropout(Noise):
    """Multiplicative Gaussian noise with mean 1 in training.

    The standard deviation of the noise is `sqrt(rate / (1 - rate))`, as with
    `Dropout` of the same rate.

    Args:
        rate: rate of the equivalent dropout.
        seed: seed of the random values; a new one by default.

    Shape:
        Any shape to the same shape.

    Example:
        >>> x = jnp.ones(1000)
        >>> round(float(GaussianDropout(0.5, seed=1)(x, training=True).std()))
        1

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate = Hyperparameter(fraction)

    def __init__(
        self, rate: float, seed: int | None = None, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = rate

    def add_noise(self, inputs: Array) -> Array:
        """Multiply the input by noise."""
        stddev: Any = jnp.sqrt(self.rate / (1.0 - self.rate))
        sample = noise(inputs.shape, inputs.dtype, self.seed_generator)
        return inputs * (1 + sample * jnp.asarray(stddev, inputs.dtype))


_SELU_MINIMUM = -1.0507009873554805 * 1.6732632423543772  # -scale * alpha


class AlphaDropout(_MaskDropout):
    """Alpha dropout, which preserves the mean and variance of SELU activations.

    Dropped elements are set to the minimum of SELU instead of zero, and the result is
    scaled and shifted to mean 0 and variance 1.

    Args:
        rate: fraction of the elements to drop.
        noise_shape: shape of the dropout mask, `None` for sizes of the input; an axis
            of size 1 shares the mask.
        seed: seed of the random values; a new one by default.

    Shape:
        Any shape to the same shape.

    Example:
        >>> from lamina import random
        >>> x = random.normal((10000,), seed=1)
        >>> y = AlphaDropout(0.3, seed=1)(x, training=True)
        >>> round(float(y.std()), 1)
        1.0

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    rate = Hyperparameter(fraction)

    def add_noise(self, inputs: Array) -> Array:
        """Set elements to the minimum of SELU, and rescale all."""
        rate: Any = jnp.asarray(self.rate, jnp.float32)
        scale = jax.lax.rsqrt((1.0 - rate) * (1.0 + rate * _SELU_MINIMUM**2))
        shift = -scale * _SELU_MINIMUM * rate
        shape = inputs.shape
        if self.noise_shape is not None:
            pairs = zip(self.noise_shape, shape, strict=True)
            shape = tuple(n or m for n, m in pairs)
        mask = bernoulli_mask(shape, rate, self.seed_generator)
        masked = jnp.where(mask, inputs, jnp.asarray(_SELU_MINIMUM, inputs.dtype))
        return masked * scale.astype(inputs.dtype) + shift.astype(inputs.dtype)
