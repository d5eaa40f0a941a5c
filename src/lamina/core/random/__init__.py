"""Random numbers: seeds, seed generators, and sampling functions.

Inside a compiled training step, a generator's numbers derive from the run's seed,
the step and the generator's own seed, so they do not depend on how an epoch is cut.
Elsewhere a generator counts its own draws.
"""

from __future__ import annotations

import random as python_random
import zlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.dtypes import is_float, standardize_dtype
from lamina.core.module import Module
from lamina.core.registry import Registry
from lamina.core.scope import is_tracing, local
from lamina.core.tracebacks import filter_traceback
from lamina.core.variable import Variable
from lamina.errors import ShapeError, StateError, invalid

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "draw_seed",
    "dropout",
    "gamma",
    "hash_words",
    "bernoulli_mask",
    "make_seed",
    "noise",
    "noise_bits",
    "normal",
    "randint",
    "set_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_process: dict[str, Any] = {"seed": None, "draws": 0, "default": None}


def set_seed(seed: int) -> None:
    """Seed Python's, NumPy's and lamina's random numbers.

    Weights made from now on, shuffling and dropout repeat exactly.

    Args:
        seed: an integer from 0 to 2**32 - 1.
    """
    python_random.seed(seed)
    np.random.seed(seed)
    _process.update(seed=int(seed), draws=0, default=None)


def make_seed() -> int:
    """A fresh seed: the next of the sequence `set_seed` began, else from the system."""
    if _process["seed"] is None:
        _process["seed"] = int(np.random.SeedSequence().generate_state(1)[0])
    _process["draws"] += 1
    words = f"{_process['seed']}/{_process['draws']}"
    return zlib.crc32(words.encode()) & 0x7FFFFFFF


class SeedGenerator(Module):
    """A source of seeds that never repeats one.

    Args:
        seed: where to begin; `None` takes a fresh seed.
        name: shown in paths.

    Example:
        >>> generator = SeedGenerator(seed=1)
        >>> first, second = generator.next(), generator.next()
        >>> bool((first == second).all())
        False
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.name = name or "seed_generator"
        self.initial_seed = make_seed() if seed is None else int(seed)
        self._chosen = seed is not None
        words = np.array([self.initial_seed & 0xFFFFFFFF, 0], np.uint32)
        self.state = Variable(
            words, trainable=False, autocast=False, name="seed_generator_state"
        )
        self.state.ignores_tracers = True

    def next(self, ordered: bool = True) -> jax.Array:
        """Two words of key material, uint32 of shape (2,)."""
        scope = local.state
        if scope is None:
            state = self.state.value
            # In a function that the user traces, the state is still a known one.
            with jax.ensure_compile_time_eval():
                self.state.assign(state + np.array([0, 1], np.uint32))
            return state
        if scope.run is None:
            return scope.advance(self.state)
        state = self.state.value
        draw = scope.draws.get(id(self), 0)
        scope.draws[id(self)] = draw + 1
        return hash_words(state[0], scope.run.seed, scope.run.step, draw)

    def begin(self, seed: int, number: int) -> None:
        """Begin anew at a place that follows from a seed; one of its own stays.

        Args:
            seed: what several generators share.
            number: which of them this is.
        """
        if not self._chosen:
            word = zlib.crc32(f"{seed}/{number}".encode())
            self.state.assign(np.array([word, 0], np.uint32))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"seed": self.initial_seed}

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the state into a file's group."""
        store["0"] = self.state

    def load_own_variables(self, store: Any) -> None:
        """Take the state from a file's group; Keras's files have none."""
        if "0" in store:
            self.state.assign(store["0"])


Registry("seed generator", "keras.random").add(SeedGenerator)


def _scramble(word: Any, key: Any = 0) -> Any:
    # lowbias32, https://github.com/skeeto/hash-prospector
    word = (word ^ (word >> 16)) * np.uint32(0x7FEB352D) ^ key
    word = (word ^ (word >> 15)) * np.uint32(0x846CA68B)
    return word ^ (word >> 16)


def hash_words(*words: Any) -> jax.Array:
    """Two well-mixed uint32 words of any number of integers, traced or not."""
    high, low = jnp.uint32(0x9E3779B9), jnp.uint32(0x85EBCA6B)
    for word in words:
        word = jnp.asarray(word).astype(jnp.uint32)
        high = _scramble(high ^ word)
        low = _scramble(low + word * np.uint32(0xC2B2AE35)) ^ high
    return jnp.stack([high, low])


def noise_bits(key: jax.Array, shape: Sequence[int]) -> jax.Array:
    """Uniform uint32 words from a hash of each element's position.

    A counter hash costs a twentieth of threefry on a CPU and fuses into what uses it,
    with the same bits on every device. Good for dropout and noise; samples for users
    come from `jax.random`.
    """
    places = jax.lax.iota(jnp.uint32, int(np.prod(shape)))
    return bits_at(key, places).reshape(shape)


def bits_at(key: jax.Array, places: jax.Array) -> jax.Array:
    """The words of `noise_bits` at some positions, counted row by row, as uint32."""
    counter = places * np.uint32(0x9E3779B9)
    # The first word of the key moves the counter. Without the second, two keys would
    # give the same words at different positions.
    return _scramble(counter + key[0], key[1])


def noise(shape: Sequence[int], dtype: Any, seed: Any) -> jax.Array:
    """Samples of the standard normal distribution, from `noise_bits`."""
    bits = noise_bits(draw_seed(seed), shape) >> 9
    # The middles of 2**23 equal parts of (-1, 1), all exact in float32.
    uniform = (bits.astype(jnp.float32) + 0.5) * np.float32(2.0**-22) - 1.0
    return (jax.lax.erf_inv(uniform) * np.float32(2.0**0.5)).astype(dtype)


def bernoulli_mask(shape: Sequence[int], rate: Any, seed: Any) -> jax.Array:
    """Truth values, a random share `rate` of them false; `rate` may be traced."""
    return _kept(noise_bits(draw_seed(seed), shape), rate)


def _kept(bits: jax.Array, rate: Any) -> jax.Array:
    # As integers: the comparison is then half the cost. 24 bits tell rates apart.
    return (bits >> 8).astype(jnp.int32) >= jnp.round(rate * 2.0**24).astype(jnp.int32)


def draw_seed(seed: Any) -> jax.Array:
    """Key material, uint32 (2,), from an integer, a `SeedGenerator` or `None`."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        if local.state is None and is_tracing():
            raise StateError(
                "In a function that JAX traces you should only use seeded random ops: "
                "without a seed, the numbers would be constants of the program. Pass "
                "`seed=generator`, with `generator = SeedGenerator()` made outside."
            )
        return _default_generator().next()
    if isinstance(seed, (int, np.integer)):
        return jnp.array([int(seed) & 0xFFFFFFFF, 0], jnp.uint32)
    return jnp.asarray(seed, jnp.uint32)


def _default_generator() -> SeedGenerator:
    if _process["default"] is None:
        _process["default"] = SeedGenerator()
    return _process["default"]


@filter_traceback
def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Samples of the normal distribution."""
    dtype = _require_float("normal", dtype)
    sample = jax.random.normal(draw_seed(seed), tuple(shape), dtype)
    return sample * jnp.asarray(stddev, dtype) + jnp.asarray(mean, dtype)


@filter_traceback
def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Samples of the uniform distribution over [minval, maxval)."""
    dtype = _require_float("uniform", dtype, "`random.randint` draws integers")
    return jax.random.uniform(draw_seed(seed), tuple(shape), dtype, minval, maxval)


@filter_traceback
def randint(
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Integers uniform over minval, ..., maxval - 1."""
    dtype = standardize_dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.integer):
        hint = "`random.uniform` draws floats"
        raise invalid("randint", "dtype", dtype, "an integer type", hint)
    key = draw_seed(seed)
    return jax.random.randint(key, tuple(shape), minval, maxval, dtype)


@filter_traceback
def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Samples of the normal distribution cut at two standard deviations."""
    dtype = _require_float("truncated_normal", dtype)
    key = draw_seed(seed)
    sample = jax.random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtype)
    return sample * jnp.asarray(stddev, dtype) + jnp.asarray(mean, dtype)


@filter_traceback
def categorical(
    logits: Any,
    num_samples: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Class indices drawn by unnormalised log-probabilities, (batch, num_samples)."""
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ShapeError(
            f"categorical: `logits` must have the shape (batch, classes), got "
            f"{logits.shape}. Reshape them: `logits.reshape(-1, logits.shape[-1])`."
        )
    shape = (num_samples, *logits.shape[:-1])
    sample = jax.random.categorical(draw_seed(seed), logits, shape=shape)
    return jnp.moveaxis(sample, 0, -1).astype(dtype)


@filter_traceback
def shuffle(
    x: Any, axis: int = 0, seed: int | SeedGenerator | None = None
) -> jax.Array:
    """The array with its slices along `axis` in random order."""
    return jax.random.permutation(draw_seed(seed), jnp.asarray(x), axis)


@filter_traceback
def gamma(
    shape: Sequence[int],
    alpha: Any,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Samples of the gamma distribution with shape `alpha` and scale 1."""
    dtype = _require_float("gamma", dtype)
    alpha = jnp.asarray(alpha, dtype)
    return jax.random.gamma(draw_seed(seed), alpha, tuple(shape), dtype)


@filter_traceback
def beta(
    shape: Sequence[int],
    alpha: Any,
    beta: Any,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Samples of the beta distribution with parameters `alpha` and `beta`."""
    dtype = _require_float("beta", dtype)
    alpha, beta = jnp.asarray(alpha, dtype), jnp.asarray(beta, dtype)
    return jax.random.beta(draw_seed(seed), alpha, beta, tuple(shape), dtype)


@filter_traceback
def binomial(
    shape: Sequence[int],
    counts: Any,
    probabilities: Any,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Numbers of successes in `counts` trials with the given `probabilities`."""
    dtype = _require_float("binomial", dtype)
    counts, chances = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(draw_seed(seed), counts, chances, tuple(shape), dtype)


def _require_float(owner: str, dtype: Any, hint: str = "") -> str:
    dtype = standardize_dtype(dtype)
    if not is_float(dtype):
        raise invalid(owner, "dtype", dtype, "a floating-point type", hint)
    return dtype


@filter_traceback
def dropout(
    inputs: Any,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | SeedGenerator | None = None,
) -> jax.Array:
    """Zero a share `rate` of the elements and scale the rest by 1 / (1 - rate).

    Args:
        inputs: any float array.
        rate: share of elements to zero, in [0, 1]; may be traced.
        noise_shape: shape of the mask, `None` entries taken from `inputs`; 1 shares
            the mask along that axis.
        seed: an integer, a `SeedGenerator`, or `None`.

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """
    inputs = jnp.asarray(inputs)
    shape = inputs.shape
    if noise_shape is not None:
        shape = tuple(n or m for n, m in zip(noise_shape, shape, strict=True))
    return apply_dropout_mask(inputs, noise_bits(draw_seed(seed), shape), rate)


def apply_dropout_mask(inputs: jax.Array, bits: jax.Array, rate: Any) -> jax.Array:
    """What `dropout` gives where the words decide which elements stay."""
    share = 1.0 - rate
    scale = jnp.asarray(1.0 / jnp.where(share > 0, share, 1.0), inputs.dtype)
    return jnp.where(_kept(bits, rate), inputs * scale, jnp.zeros((), inputs.dtype))
