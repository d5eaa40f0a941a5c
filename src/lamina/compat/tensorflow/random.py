"""Functions of `tensorflow.random`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina import random, utils
from lamina.compat.tensorflow.base.declare import static
from lamina.compat.tensorflow.base.tensors import dtype_of
from lamina.core.random.seeds import make_seed
from lamina.typing import Array, ArrayLike, DTypeLike

Sizes = Sequence[int] | ArrayLike
Seed = int | None


def set_seed(seed: int) -> None:
    """Seed the random numbers of lamina, NumPy and Python."""
    utils.set_random_seed(int(seed))


def _sizes(shape: Sizes) -> tuple[int, ...]:
    found = static(shape)
    return (found,) if isinstance(found, int) else tuple(found)


def _type(dtype: DTypeLike) -> str | None:
    return None if dtype is None else jnp.dtype(dtype_of(dtype)).name


def normal(
    shape: Sizes,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = "float32",
    seed: Seed = None,
    name: str = "",
) -> Any:
    """Return normally distributed numbers."""
    return random.normal(_sizes(shape), 0.0, 1.0, _type(dtype), seed) * stddev + mean


def truncated_normal(
    shape: Sizes,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = "float32",
    seed: Seed = None,
    name: str = "",
) -> Any:
    """Return normally distributed numbers within two standard deviations."""
    return random.truncated_normal(_sizes(shape), mean, stddev, _type(dtype), seed)


def uniform(
    shape: Sizes,
    minval: Any = 0,
    maxval: Any = None,
    dtype: DTypeLike = "float32",
    seed: Seed = None,
    name: str = "",
) -> Any:
    """Return uniformly distributed numbers, integers if the type is."""
    if "int" in str(dtype):
        return random.randint(_sizes(shape), minval, maxval, _type(dtype), seed)
    maxval = 1.0 if maxval is None else maxval
    unit = random.uniform(_sizes(shape), 0.0, 1.0, _type(dtype), seed)
    return unit * (maxval - minval) + minval


def shuffle(value: ArrayLike, seed: Seed = None, name: str = "") -> Any:
    """Return the rows in random order."""
    return random.shuffle(value, seed=seed)


def categorical(
    logits: ArrayLike,
    num_samples: int,
    dtype: DTypeLike = "int64",
    seed: Seed = None,
    name: str = "",
) -> Any:
    """Return class indices drawn by the logits of each row."""
    return random.categorical(logits, num_samples, _type(dtype) or "int32", seed)


def gamma(
    shape: Sizes,
    alpha: ArrayLike,
    beta: ArrayLike = 1.0,
    dtype: DTypeLike = "float32",
    seed: Seed = None,
    name: str = "",
) -> Any:
    """Return numbers of gamma distributions, one for each `alpha`."""
    sizes = (*_sizes(shape), *jnp.shape(alpha))
    return random.gamma(sizes, alpha, _type(dtype), seed) / beta


def poisson(
    shape: Sizes, lam: ArrayLike, dtype: DTypeLike = "float32", seed: Seed = None
) -> Array:
    """Return numbers of Poisson distributions, one for each `lam`."""
    sizes = (*_sizes(shape), *jnp.shape(lam))
    key = jax.random.key(make_seed() if seed is None else seed)
    return jax.random.poisson(key, jnp.asarray(lam), sizes).astype(dtype_of(dtype))


def _key(seed: ArrayLike) -> Array:
    first, second = jnp.asarray(seed).astype(jnp.uint32).reshape(2)
    return jax.random.fold_in(jax.random.key(first), second)


def stateless_normal(
    shape: Sizes,
    seed: ArrayLike,
    mean: ArrayLike = 0.0,
    stddev: ArrayLike = 1.0,
    dtype: DTypeLike = "float32",
    **_: object,
) -> Array:
    """Return normally distributed numbers, the same for each pair of seeds."""
    unit = jax.random.normal(_key(seed), _sizes(shape), dtype_of(dtype))
    return unit * stddev + mean


def stateless_uniform(
    shape: Sizes,
    seed: ArrayLike,
    minval: ArrayLike = 0,
    maxval: Any = None,
    dtype: DTypeLike = "float32",
    **_: object,
) -> Array:
    """Return uniformly distributed numbers, the same for each pair of seeds."""
    key, sizes, kind = _key(seed), _sizes(shape), dtype_of(dtype)
    if "int" in str(dtype):
        return jax.random.randint(key, sizes, minval, maxval, kind)
    return jax.random.uniform(key, sizes, kind, minval, 1 if maxval is None else maxval)


def stateless_truncated_normal(
    shape: Sizes,
    seed: ArrayLike,
    mean: ArrayLike = 0.0,
    stddev: ArrayLike = 1.0,
    dtype: DTypeLike = "float32",
    **_: object,
) -> Array:
    """Return normally distributed numbers within two standard deviations."""
    sizes, kind = _sizes(shape), dtype_of(dtype)
    unit = jax.random.truncated_normal(_key(seed), -2, 2, sizes, kind)
    return unit * stddev + mean


def stateless_categorical(
    logits: ArrayLike,
    num_samples: int,
    seed: ArrayLike,
    dtype: DTypeLike = "int64",
    name: str = "",
) -> Array:
    """Return class indices, the same for each pair of seeds."""
    rows = jnp.asarray(logits)
    shape = (int(num_samples), len(rows))
    return jax.random.categorical(_key(seed), rows, shape=shape).T.astype("int32")


def log_uniform_candidate_sampler(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: Seed = None,
    name: str = "",
) -> tuple[Array, Array, Array]:
    """Return classes drawn by frequency, the most frequent ones having low numbers.

    Returns:
        The classes, and how often the true and the drawn classes are expected.
    """
    classes = jnp.arange(int(range_max))
    shares = jnp.log1p(1 / (classes + 1.0)) / jnp.log(range_max + 1.0)
    key = jax.random.key(make_seed() if seed is None else seed)
    count = int(num_sampled)
    found = jax.random.choice(key, classes, (count,), not unique, shares)
    expected = 1 - (1 - shares) ** count if unique else count * shares
    return found, expected[jnp.asarray(true_classes)], expected[found]


def split(seed: ArrayLike, num: int = 2, alg: str = "") -> Array:
    """Return pairs of seeds made from one pair."""
    words = jax.random.key_data(jax.random.split(_key(seed), num))
    return (words >> 1).astype(jnp.int32)


class Generator:
    """Generator of random numbers.

    Args:
        seed: its seed.
    """

    def __init__(self, seed: int) -> None:
        self._key = jax.random.key(seed)

    @classmethod
    def from_seed(cls, seed: int, alg: object = None) -> Generator:
        """Return a generator with a seed."""
        return cls(int(seed))

    @classmethod
    def from_non_deterministic_state(cls, alg: object = None) -> Generator:
        """Return a generator with a new seed."""
        return cls(make_seed())

    def reset_from_seed(self, seed: int) -> None:
        """Start again with a seed."""
        self._key = jax.random.key(int(seed))

    def _draw(self, draw: Callable[[Array], Array]) -> Array:
        self._key, key = jax.random.split(self._key)
        return draw(key)

    def normal(
        self,
        shape: Sizes,
        mean: ArrayLike = 0.0,
        stddev: ArrayLike = 1.0,
        dtype: DTypeLike = "float32",
        name: str = "",
    ) -> Array:
        """Return normally distributed numbers."""
        sizes, kind = _sizes(shape), dtype_of(dtype)
        unit = self._draw(lambda key: jax.random.normal(key, sizes, kind))
        return unit * stddev + mean

    def uniform(
        self,
        shape: Sizes,
        minval: Any = 0,
        maxval: Any = None,
        dtype: DTypeLike = "float32",
        name: str = "",
    ) -> Array:
        """Return uniformly distributed numbers, integers if the type is."""
        words = self._draw(lambda key: jax.random.bits(key, (2,)) >> 1)
        return stateless_uniform(shape, words, minval, maxval, dtype)

    def make_seeds(self, count: int = 1) -> Array:
        """Return seeds for stateless functions, a column for each."""
        return self._draw(lambda key: jax.random.bits(key, (2, count)) >> 1)

    def split(self, count: int = 1) -> list[Generator]:
        """Return generators whose numbers do not depend on each other."""
        return [Generator(int(seed)) for seed in self.make_seeds(count)[0]]


def get_global_generator() -> Generator:
    """Return a generator seeded by `tf.random.set_seed`."""
    return Generator(make_seed())
