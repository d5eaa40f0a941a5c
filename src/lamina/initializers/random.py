"""Random initializers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import jax
import numpy as np

from lamina.core.check import Check, one_of, positive_number
from lamina.core.random import host as host_random
from lamina.core.random.seeds import SeedGenerator, draw_seed, make_seed
from lamina.errors import ShapeError
from lamina.initializers.base import Initializer, to_array
from lamina.typing import DTypeLike

Seed = int | SeedGenerator | None

_seed_check = Check(
    "an integer, a SeedGenerator or None",
    lambda v: v is None or isinstance(v, (int, np.integer, SeedGenerator)),
    ("42", 1.5),
)


class _Random(Initializer):
    arguments = {"seed": _seed_check}

    def __init__(self, seed: Seed = None) -> None:
        # The partial hides a user's seed generator, which would otherwise be tracked
        # as a child of the layer that holds the initializer.
        self._draw = functools.partial(draw_seed, make_seed() if seed is None else seed)

    @property
    def seed(self) -> int | SeedGenerator:
        """Seed of the initializer, generated if none was given."""
        return self._draw.args[0]

    def _key(self) -> np.ndarray:
        seed = self.seed
        if isinstance(seed, SeedGenerator):
            return np.asarray(self._draw())
        return np.array([int(seed) & 0xFFFFFFFF, 0], np.uint32)


class _Normal(_Random):
    sample: ClassVar[Callable[[np.ndarray, tuple[int, ...]], np.ndarray]]

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None
    ) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        sample = type(self).sample(self._key(), tuple(shape))
        return to_array(sample * np.float32(self.stddev) + np.float32(self.mean), dtype)


class RandomNormal(_Normal):
    """Initializer of samples from a normal distribution.

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.

    Example:
        >>> weights = RandomNormal(mean=1.0, stddev=0.1, seed=0)((100, 100))
        >>> round(float(weights.mean()), 2), round(float(weights.std()), 2)
        (1.0, 0.1)
    """

    sample = staticmethod(host_random.normal)


class TruncatedNormal(_Normal):
    """Initializer from a normal distribution truncated at two standard deviations.

    Args:
        mean: the mean.
        stddev: the standard deviation before truncation.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.

    Example:
        >>> weights = TruncatedNormal(stddev=0.1, seed=0)((100, 100))
        >>> round(float(abs(weights).max()), 2)
        0.2
    """

    sample = staticmethod(host_random.truncated_normal)


class RandomUniform(_Random):
    """Initializer of samples from a uniform distribution over [minval, maxval).

    Args:
        minval: the lower bound.
        maxval: the upper bound.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.

    Example:
        >>> weights = RandomUniform(0.0, 2.0, seed=0)((100, 100))
        >>> round(float(weights.min()), 2), round(float(weights.max()), 2)
        (0.0, 2.0)
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        key, limits = self._key(), (self.minval, self.maxval)
        return to_array(host_random.uniform(key, tuple(shape), *limits), dtype)


class VarianceScaling(_Random):
    """Initializer of samples whose variance is `scale / n` for a number of units n.

    Args:
        scale: the variance for n = 1.
        mode: n is "fan_in", the number of inputs of a unit, "fan_out", the number of
            its outputs, or "fan_avg", the mean of both.
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: the axes of inputs, for kernels whose last two axes are not inputs
            and outputs.
        output_axes: the axes of outputs.

    Example:
        >>> kernel = VarianceScaling(scale=4.0, mode="fan_out", seed=0)((200, 100))
        >>> round(float(kernel.var()), 2)
        0.04
    """

    arguments = {
        "scale": positive_number,
        "mode": one_of("fan_in", "fan_out", "fan_avg"),
        "distribution": one_of(
            "truncated_normal", "untruncated_normal", "uniform", "normal"
        ),
        "seed": _seed_check,
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

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        fan_in, fan_out = _fans(tuple(shape), self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        key, shape = self._key(), tuple(shape)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return to_array(host_random.uniform(key, shape, -limit, limit), dtype)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            sample = host_random.normal(key, shape)
        else:
            sample = host_random.truncated_normal(key, shape)
            # Truncation at two deviations reduces the standard deviation.
            stddev /= 0.87962566103423978
        return to_array(sample * np.float32(stddev), dtype)


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
    receptive_field = math.prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]


class _FixedScaling(VarianceScaling):
    # scale, mode, distribution
    scaling: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.scaling, seed, input_axes, output_axes)


class GlorotUniform(_FixedScaling):
    """Glorot uniform initializer: limit sqrt(6 / (fan_in + fan_out)).

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

    scaling = (1.0, "fan_avg", "uniform")


class GlorotNormal(_FixedScaling):
    """Glorot normal initializer: truncated, of variance 2 / (fan_in + fan_out).

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Example:
        >>> kernel = GlorotNormal(seed=0)((100, 100))
        >>> round(float(kernel.var()), 3)
        0.01

    Reference: Glorot and Bengio 2010,
        https://proceedings.mlr.press/v9/glorot10a.html
    """

    scaling = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_FixedScaling):
    """He normal initializer for ReLU layers: truncated, of variance 2 / fan_in.

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Example:
        >>> kernel = HeNormal(seed=0)((200, 100))
        >>> round(float(kernel.var()), 3)
        0.01

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    scaling = (2.0, "fan_in", "truncated_normal")


class HeUniform(_FixedScaling):
    """He uniform initializer for ReLU layers: limit sqrt(6 / fan_in).

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Example:
        >>> kernel = HeUniform(seed=0)((150, 100))
        >>> round(float(abs(kernel).max()), 3)
        0.2

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    scaling = (2.0, "fan_in", "uniform")


class LecunNormal(_FixedScaling):
    """LeCun normal initializer: truncated, of variance 1 / fan_in.

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Example:
        >>> kernel = LecunNormal(seed=0)((100, 100))
        >>> round(float(kernel.var()), 3)
        0.01

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    scaling = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_FixedScaling):
    """LeCun uniform initializer: limit sqrt(3 / fan_in).

    Args:
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.
        input_axes: as in `VarianceScaling`.
        output_axes: as in `VarianceScaling`.

    Example:
        >>> kernel = LecunUniform(seed=0)((300, 100))
        >>> round(float(abs(kernel).max()), 3)
        0.1

    Reference: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    scaling = (1.0, "fan_in", "uniform")


class Orthogonal(_Random):
    """Initializer of a random orthogonal matrix.

    The columns are orthonormal, or the rows if there are fewer. All axes except the
    last are flattened.

    Args:
        gain: the norm of each column or row.
        seed: an integer, a `SeedGenerator`, or `None` for a fresh seed.

    Raises:
        ShapeError: the shape has fewer than two axes.

    Example:
        >>> kernel = Orthogonal(seed=0)((8, 4))
        >>> bool(abs(kernel.T @ kernel - np.eye(4)).max() < 1e-5)
        True

    Reference: Saxe et al. 2014, https://arxiv.org/abs/1312.6120
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        if len(shape) < 2:
            raise ShapeError(
                f"Orthogonal: a weight of shape {tuple(shape)} has fewer than two "
                "axes. Use another initializer, such as 'glorot_uniform'."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall_shape = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(host_random.normal(self._key(), tall_shape))
        # A positive diagonal of r makes q uniform among orthogonal matrices.
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return to_array(self.gain * q.reshape(tuple(shape)), dtype)
