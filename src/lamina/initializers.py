"""First values of weights.

An initializer is called with a shape and an element type. With a seed, or with a
fresh one of its own, it gives the same values at every call of the same shape; a
`SeedGenerator` as the seed makes every call different.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core import host_random
from lamina.core.check import Check, one_of, optional, positive_number
from lamina.core.dtypes import standardize_dtype
from lamina.core.module import Module
from lamina.core.random import SeedGenerator, draw_seed, make_seed
from lamina.core.registry import Registry, serialize
from lamina.errors import ArgumentError, ShapeError

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

Seed = int | SeedGenerator | None


def _array(values: Any, dtype: Any) -> jax.Array:
    # NumPy fills and converts; JAX would compile a program for every shape.
    return jnp.array(np.asarray(values).astype(jnp.dtype(standardize_dtype(dtype))))


class Initializer(Module):
    """Base class: override `__call__`; constructor arguments become the config.

    Example:
        >>> class Halves(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return jax.numpy.full(shape, 0.5, dtype)
        >>> Halves()((2,)).tolist()
        [0.5, 0.5]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Values of a shape and element type; `None` for `config.floatx()`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `__call__`.")

    def clone(self) -> Any:
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return _array(np.zeros(shape), dtype)


class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return _array(np.ones(shape), dtype)


class Constant(Initializer):
    """One value everywhere, or the values of an array.

    Args:
        value: a number, or an array that broadcasts to the shape asked for.

    Raises:
        ShapeError: the array does not fit the shape.
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        value = np.asarray(self.value)
        try:
            return _array(np.broadcast_to(value, tuple(shape)), dtype)
        except ValueError:
            raise ShapeError(
                f"Constant: values of shape {value.shape} can't fill a weight of "
                f"shape {tuple(shape)}."
            ) from None


class Identity(Initializer):
    """The identity matrix times `gain`.

    Args:
        gain: the number on the diagonal.

    Raises:
        ShapeError: the shape is not that of a matrix.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        if len(shape) != 2:
            raise ShapeError(
                f"Identity: a weight of shape {tuple(shape)} is not a matrix. Use "
                "another initializer for it."
            )
        return _array(self.gain * np.eye(shape[0], shape[1]), dtype)


seed_check = Check(
    "an integer, a SeedGenerator or None",
    lambda v: v is None or isinstance(v, (int, np.integer, SeedGenerator)),
    ("42", 1.5),
)


class _Random(Initializer):
    arguments = {"seed": seed_check}

    def __init__(self, seed: Seed = None) -> None:
        # In a partial, a seed generator of the user's is not taken for a part of
        # whatever holds the initializer, and stays out of its weights.
        self._draw = functools.partial(draw_seed, make_seed() if seed is None else seed)

    @property
    def seed(self) -> int | SeedGenerator:
        """The seed in use, a fresh one if none was given."""
        return self._draw.args[0]

    def _key(self) -> Any:
        seed = self.seed
        if isinstance(seed, SeedGenerator):
            return np.asarray(self._draw())
        return np.array([int(seed) & 0xFFFFFFFF, 0], np.uint32)


class RandomNormal(_Random):
    """Samples of a normal distribution.

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None
    ) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        sample = host_random.normal(self._key(), tuple(shape))
        return _array(sample * np.float32(self.stddev) + np.float32(self.mean), dtype)


class TruncatedNormal(_Random):
    """Samples of a normal distribution cut at two standard deviations.

    Args:
        mean: the mean.
        stddev: the standard deviation, before the cut.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None
    ) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        sample = host_random.truncated_normal(self._key(), tuple(shape))
        return _array(sample * np.float32(self.stddev) + np.float32(self.mean), dtype)


class RandomUniform(_Random):
    """Samples of a uniform distribution over [minval, maxval).

    Args:
        minval: the lower end.
        maxval: the upper end.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        sample = host_random.uniform(
            self._key(), tuple(shape), self.minval, self.maxval
        )
        return _array(sample, dtype)


class VarianceScaling(_Random):
    """Samples whose variance is `scale / n`, n being a count of connected units.

    Args:
        scale: the variance for n = 1.
        mode: n is "fan_in", the number of a unit's inputs, "fan_out", that of its
            outputs, or "fan_avg", the mean of both.
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: the axes that hold inputs, where the kernel's layout does not tell.
        output_axes: the axes that hold outputs.
    """

    arguments = {
        "scale": positive_number,
        "mode": one_of("fan_in", "fan_out", "fan_avg"),
        "distribution": one_of(
            "truncated_normal", "untruncated_normal", "uniform", "normal"
        ),
        "seed": seed_check,
    }

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale, self.mode = scale, mode.lower()
        self.distribution = distribution.lower()
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        fan_in, fan_out = _fans(tuple(shape), self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        key, shape = self._key(), tuple(shape)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _array(host_random.uniform(key, shape, -limit, limit), dtype)
        if self.distribution == "untruncated_normal":
            sample = host_random.normal(key, shape)
            return _array(sample * np.float32(math.sqrt(variance)), dtype)
        # The cut at two standard deviations leaves this much of one.
        stddev = math.sqrt(variance) / 0.87962566103423978
        sample = host_random.truncated_normal(key, shape)
        return _array(sample * np.float32(stddev), dtype)


def _fans(
    shape: tuple[int, ...],
    input_axes: Sequence[int] | None,
    output_axes: Sequence[int] | None,
) -> tuple[int, int]:
    if input_axes is not None and output_axes is not None:
        inputs = math.prod(shape[a] for a in input_axes)
        return inputs, math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class _Recipe(VarianceScaling):
    recipe: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.recipe, seed, input_axes, output_axes)


class GlorotUniform(_Recipe):
    """Uniform over [-limit, limit], limit = sqrt(6 / (fan_in + fan_out)).

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Example:
        >>> first = GlorotUniform(seed=1)((2, 3))
        >>> bool((first == GlorotUniform(seed=1)((2, 3))).all())
        True

    Reference: Glorot and Bengio 2010,
        https://proceedings.mlr.press/v9/glorot10a.html
    """

    recipe = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Recipe):
    """Truncated normal of variance 2 / (fan_in + fan_out).

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Reference: Glorot and Bengio 2010,
        https://proceedings.mlr.press/v9/glorot10a.html
    """

    recipe = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_Recipe):
    """Truncated normal of variance 2 / fan_in, for layers before a ReLU.

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    recipe = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Recipe):
    """Uniform over [-limit, limit], limit = sqrt(6 / fan_in), before a ReLU.

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    recipe = (2.0, "fan_in", "uniform")


class LecunNormal(_Recipe):
    """Truncated normal of variance 1 / fan_in.

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    recipe = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Recipe):
    """Uniform over [-limit, limit], limit = sqrt(3 / fan_in).

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    recipe = (1.0, "fan_in", "uniform")


class Orthogonal(_Random):
    """A random matrix with orthonormal columns, or rows if it has fewer of them.

    All axes but the last count as one.

    Args:
        gain: the length of each column or row.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.

    Raises:
        ShapeError: the shape has fewer than two axes.

    Reference: Saxe et al. 2014, https://arxiv.org/abs/1312.6120
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        if len(shape) < 2:
            raise ShapeError(
                f"Orthogonal: a weight of shape {tuple(shape)} has fewer than two "
                "axes. Use another initializer for it."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(host_random.normal(self._key(), tall))
        # With r's diagonal made positive, q is uniform among orthogonal matrices.
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return _array(self.gain * q.reshape(tuple(shape)), dtype)


# A window is a sum of cosines: these are its coefficients.
_WINDOWS = {
    "blackman": (0.42, -0.5, 0.08),
    "boxcar": (1.0,),
    "hamming": (0.54, -0.46),
    "hann": (0.5, -0.5),
}


class STFT(Initializer):
    """Kernel of a 1-D convolution that takes short-time Fourier transforms.

    The shape is (window length, 1, n // 2 + 1), n being the transform's length.

    Args:
        side: "real" or "imag", the part that the kernel gives.
        window: "hann", "hamming", "blackman", "boxcar", an array, or `None` for none.
        scaling: "density" or "spectrum" divides by the window's L2 or L1 norm.
        periodic: whether the window is that of a periodic signal.

    Raises:
        ShapeError: the window's length is not that of the kernel.
    """

    arguments = {
        "side": one_of("real", "imag"),
        "scaling": optional(one_of("density", "spectrum")),
    }

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if isinstance(window, str) and window not in _WINDOWS:
            raise ArgumentError(
                f"STFT: unknown window {window!r}. Use one of {list(_WINDOWS)}, an "
                "array, or None."
            )
        self.side, self.window = side.lower(), window
        self.scaling = scaling.lower() if scaling else None
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        length, _, frequencies = shape
        time = np.arange(length)[:, None, None]
        frequency = np.arange(frequencies) / (2 * (frequencies - 1))
        angle = -2 * np.pi * time * frequency
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            kernel = kernel * self._window_values(length)[:, None, None]
        return _array(kernel, dtype)

    def _window_values(self, length: int) -> Any:
        if isinstance(self.window, str):
            angle = 2 * np.pi * np.arange(length) / (length - (not self.periodic))
            terms = enumerate(_WINDOWS[self.window])
            values = sum(a * np.cos(k * angle) for k, a in terms)
        else:
            values = np.asarray(self.window)
        values = np.asarray(values)
        if values.shape != (length,):
            raise ShapeError(
                f"STFT: a window of shape {values.shape} does not fit a kernel of "
                f"length {length}."
            )
        if self.scaling is None:
            return values
        density = self.scaling == "density"
        return values / (
            np.sqrt(np.sum(values**2)) if density else np.abs(values).sum()
        )


IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant, ones, zeros = Constant, Ones, Zeros
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling

registry = Registry("initializer", "keras.initializers")
registry.add(Constant, Identity, Initializer, Ones, Orthogonal, STFT, Zeros)
registry.add(GlorotNormal, GlorotUniform, HeNormal, HeUniform)
registry.add(LecunNormal, LecunUniform)
registry.add(RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling)
registry.add(normal=RandomNormal, uniform=RandomUniform, one=Ones, zero=Zeros)
registry.add(
    IdentityInitializer=Identity,
    OrthogonalInitializer=Orthogonal,
    STFTInitializer=STFT,
)


def get(identifier: Any) -> Any:
    """An initializer from a name, a config, a class, a function or an array.

    Raises:
        ArgumentError: it is none of these.
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array)):
        return Constant(identifier)
    return registry.get(identifier)


deserialize = registry.deserialize
