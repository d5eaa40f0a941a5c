"""Noise that training adds, and inference leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core import random
from lamina.core.check import at_least, between, dimensions, fraction, optional
from lamina.core.module import Hyperparameter
from lamina.layers.base.layer import Layer
from lamina.layers.base.spec import InputSpec
from lamina.layers.spatial import data_formats

__all__ = [
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class Noise(Layer):
    """A layer that draws random numbers in training and hands its input on otherwise.

    Args:
        seed: where the random numbers begin; a fresh one by default.
    """

    supports_masking = True
    strength: ClassVar[str] = "rate"

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        # Whether there is noise at all is structure; how much is a number.
        if not training or vars(self)[self.strength] == 0:
            return inputs
        return self.noisy(inputs)

    def noisy(self, inputs: jax.Array) -> jax.Array:
        """What training makes of the input."""
        raise NotImplementedError


class Dropout(Noise):
    """Zeroes a random share of the elements in training and scales up the rest.

    The survivors are multiplied by `1 / (1 - rate)`, so that sums keep their
    expectation. Changing `rate` later recompiles nothing.

    Args:
        rate: the share to zero, from 0 to 1.
        noise_shape: shape of the random mask, `None` for the input's own size; a 1
            shares the mask along that axis.
        seed: where the random numbers begin; a fresh one by default.

    Example:
        >>> layer = Dropout(0.5, seed=1)
        >>> x = jnp.ones((2, 3))
        >>> bool((layer(x) == x).all())
        True
        >>> sorted({float(v) for v in layer(jnp.ones(64), training=True)})
        [0.0, 2.0]

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate = Hyperparameter()
    arguments = {"rate": between(0, 1), "noise_shape": optional(dimensions)}

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def noisy(self, inputs: jax.Array) -> jax.Array:
        """Some elements zero, the others scaled."""
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class SpatialDropout(Noise):
    """Dropout of whole channels.

    Args:
        rate: the share of channels to zero.
        seed: where the random numbers begin; a fresh one by default.
    """

    rank: ClassVar[int]
    data_format = "channels_last"
    rate = Hyperparameter()
    arguments = {"rate": between(0, 1)}

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(seed, name=name, dtype=dtype)
        self.rate = rate
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def noisy(self, inputs: jax.Array) -> jax.Array:
        """Some channels zero, the others scaled."""
        shape: list[int | None] = [None, *[1] * self.rank, None]
        if self.data_format == "channels_first":
            shape = [None, None, *[1] * self.rank]
        return random.dropout(inputs, self.rate, shape, self.seed_generator)


class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of sequences, (batch, steps, channels).

    Neighbouring steps are alike, so zeroing single values would hardly hide anything.

    Args:
        rate: the share of channels to zero.
        seed: where the random numbers begin; a fresh one by default.

    Example:
        >>> y = SpatialDropout1D(0.5, seed=1)(jnp.ones((1, 4, 8)), training=True)
        >>> bool((y == y[:, :1]).all())
        True

    Reference: Tompson et al. 2014, https://arxiv.org/abs/1411.4280
    """

    rank = 1


class ImageDropout(SpatialDropout):
    """Dropout of whole channels, wherever they are.

    Args:
        rate: the share of channels to zero.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: where the random numbers begin; a fresh one by default.
    """

    arguments = {"rate": between(0, 1), "data_format": data_formats}

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed, name, dtype)
        self.data_format = (data_format or config.image_data_format()).lower()


class SpatialDropout2D(ImageDropout):
    """Dropout of whole channels of images.

    Args:
        rate: the share of channels to zero.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: where the random numbers begin; a fresh one by default.

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
        rate: the share of channels to zero.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: where the random numbers begin; a fresh one by default.

    Example:
        >>> y = SpatialDropout3D(0.5, seed=1)(jnp.ones((1, 2, 2, 2, 8)), training=True)
        >>> bool((y == y[:, :1, :1, :1]).all())
        True
    """

    rank = 3


class GaussianNoise(Noise):
    """Adds normally distributed noise in training.

    Args:
        stddev: the noise's standard deviation.
        seed: where the random numbers begin; a fresh one by default.

    Example:
        >>> x = jnp.zeros(1000)
        >>> round(float(GaussianNoise(0.5, seed=1)(x, training=True).std()), 1)
        0.5
    """

    strength = "stddev"
    stddev = Hyperparameter()
    arguments = {"stddev": at_least(0)}

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = stddev

    def noisy(self, inputs: jax.Array) -> jax.Array:
        """The input plus noise."""
        sample = random.noise(inputs.shape, inputs.dtype, self.seed_generator)
        return inputs + sample * jnp.asarray(self.stddev, inputs.dtype)


class GaussianDropout(Noise):
    """Multiplies by noise of mean 1 in training: dropout without zeros.

    The noise's standard deviation is `sqrt(rate / (1 - rate))`, the one that dropout
    of that rate has.

    Args:
        rate: the rate of the dropout it stands for.
        seed: where the random numbers begin; a fresh one by default.

    Example:
        >>> x = jnp.ones(1000)
        >>> round(float(GaussianDropout(0.5, seed=1)(x, training=True).std()))
        1

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate = Hyperparameter()
    arguments = {"rate": fraction}

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = rate

    def noisy(self, inputs: jax.Array) -> jax.Array:
        """The input times noise."""
        stddev: Any = jnp.sqrt(self.rate / (1.0 - self.rate))
        sample = random.noise(inputs.shape, inputs.dtype, self.seed_generator)
        return inputs * (1 + sample * jnp.asarray(stddev, inputs.dtype))


_DROPPED = -1.0507009873554805 * 1.6732632423543772  # where SELU goes at minus infinity


class AlphaDropout(Noise):
    """Dropout that keeps the mean and variance that SELU networks normalize to.

    Dropped elements become SELU's lowest value instead of zero, and the result is
    scaled and shifted back to mean 0 and variance 1.

    Args:
        rate: the share to drop.
        noise_shape: shape of the random mask, `None` for the input's own size; a 1
            shares the mask along that axis.
        seed: where the random numbers begin; a fresh one by default.

    Example:
        >>> x = random.normal((10000,), seed=1)
        >>> y = AlphaDropout(0.3, seed=1)(x, training=True)
        >>> round(float(y.std()), 1)
        1.0

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    rate = Hyperparameter()
    arguments = {"rate": fraction}

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def noisy(self, inputs: jax.Array) -> jax.Array:
        """Some elements at SELU's lowest value, all rescaled."""
        rate: Any = jnp.asarray(self.rate, jnp.float32)
        scale = jax.lax.rsqrt((1.0 - rate) * (1.0 + rate * _DROPPED**2))
        shift = -scale * _DROPPED * rate
        shape = inputs.shape
        if self.noise_shape is not None:
            pairs = zip(self.noise_shape, shape, strict=True)
            shape = tuple(n or m for n, m in pairs)
        kept = random.bernoulli_mask(shape, rate, self.seed_generator)
        dropped = jnp.asarray(_DROPPED, inputs.dtype)
        mixed = jnp.where(kept, inputs, dropped)
        return mixed * scale.astype(inputs.dtype) + shift.astype(inputs.dtype)
