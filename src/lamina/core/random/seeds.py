"""The process's seed, and generators of seeds.

In a compiled training step, a generator's seeds derive from the run's seed, the step
and the generator's own seed, so that they do not depend on how an epoch is divided
into dispatches. Elsewhere a generator counts its draws.
"""

from __future__ import annotations

import random as python_random
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import is_int
from lamina.core.module import Module
from lamina.core.random.bits import hash_key, hash_words
from lamina.core.registry import Registry
from lamina.core.scope import local
from lamina.core.tracing.trace_state import is_tracing
from lamina.core.variable import Variable
from lamina.errors import StateError, invalid
from lamina.typing import ArrayLike

_process: dict[str, Any] = {"seed": None, "draws": 0, "default": None}


def set_seed(seed: int) -> None:
    """Seed the random numbers of Python, NumPy and lamina.

    Initial weights, shuffling and dropout are then reproducible.

    Args:
        seed: an integer from 0 to 2**32 - 1.

    Example:
        >>> lamina.utils.set_random_seed(0)
        >>> first = lamina.random.normal((2,))
        >>> lamina.utils.set_random_seed(0)
        >>> bool((first == lamina.random.normal((2,))).all())
        True
    """
    if not is_int(seed) or not 0 <= seed < 2**32:
        raise invalid("set_random_seed", "seed", seed, "an integer from 0 to 2**32 - 1")
    python_random.seed(seed)
    np.random.seed(seed)
    _process.update(seed=int(seed), draws=0, default=None)


def seed_or_new() -> int:
    """Return the seed of `set_seed`, or else one of the system that is then used."""
    if _process["seed"] is None:
        _process["seed"] = int(np.random.SeedSequence().generate_state(1)[0])
    return _process["seed"]


def make_seed() -> int:
    """Return the next seed of the sequence of `set_seed`, or else of the system's."""
    seed = seed_or_new()
    _process["draws"] += 1
    words = f"{seed}/{_process['draws']}"
    return zlib.crc32(words.encode()) & 0x7FFFFFFF


class SeedGenerator(Module):
    """A generator of seeds that never repeats one.

    Args:
        seed: the initial seed; `None` for a new one.
        name: shown in paths.

    Raises:
        ArgumentError: the seed is not an integer.

    Example:
        >>> generator = SeedGenerator(seed=1)
        >>> first, second = generator.next(), generator.next()
        >>> bool((first == second).all())
        False
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None and not is_int(seed):
            raise invalid("SeedGenerator", "seed", seed, "an integer or None")
        self.name = name or "seed_generator"
        self.initial_seed = make_seed() if seed is None else int(seed)
        self._is_fixed = seed is not None
        words = np.array([self.initial_seed & 0xFFFFFFFF, 0], np.uint32)
        self.state = Variable(
            words, trainable=False, autocast=False, name="seed_generator_state"
        )
        self.state.ignores_tracers = True

    def next(self, ordered: bool = True) -> jax.Array:
        """Return the next seed, uint32 of shape (2,)."""
        scope = local.state
        if scope is None:
            state = self.state.value
            # In a function that the user traces, the state is still concrete.
            with jax.ensure_compile_time_eval():
                self.state.assign(state + np.array([0, 1], np.uint32))
            return state
        if scope.run is None:
            return scope.advance(self.state)
        state = self.state.value
        draw = scope.draws.get(id(self), 0)
        scope.draws[id(self)] = draw + 1
        return hash_words(state[0], scope.run.seed, scope.run.step, draw)

    def reseed(self, seed: int, index: int) -> None:
        """Restart from a shared seed, unless the constructor was given a seed.

        Args:
            seed: the seed that several generators share.
            index: the index of this generator among them.
        """
        if not self._is_fixed:
            word = zlib.crc32(f"{seed}/{index}".encode())
            self.state.assign(np.array([word, 0], np.uint32))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"seed": self.initial_seed, "name": self.name}

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Write the state to a file's group."""
        store["0"] = self.state

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read the state from a file's group; Keras's files may have none."""
        if "0" in store:
            self.state.assign(store["0"])


# An integer gives the same samples each time; `None` draws from a global generator.
Seed: TypeAlias = int | SeedGenerator | None

Registry("seed generator", "keras.random").add(SeedGenerator)


def draw_seed(seed: Seed | ArrayLike) -> jax.Array:
    """Return a key, uint32 (2,), from an integer, a `SeedGenerator` or `None`."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        if local.state is None and is_tracing():
            raise StateError(
                "In a function that JAX traces you should only use seeded random ops: "
                "without a seed, the samples would be constants of the program. Pass "
                "`seed=generator`, with `generator = SeedGenerator()` made outside."
            )
        return _default_generator().next()
    if isinstance(seed, (int, np.integer)):
        return jnp.array([int(seed) & 0xFFFFFFFF, 0], jnp.uint32)
    if isinstance(seed, (float, str)):
        raise invalid("random", "seed", seed, "an integer, a SeedGenerator or None")
    return jnp.asarray(seed, jnp.uint32)


def draw_key(seed: Seed | ArrayLike) -> jax.Array:
    """Return a key for `noise_bits`, uint32 (2,), from the seeds of `draw_seed`.

    Seeds are often consecutive numbers, of which `noise_bits` makes correlated words,
    so the key is their hash. Those of a generator are hashes in a training step.
    """
    words = draw_seed(seed)
    is_generator = seed is None or isinstance(seed, SeedGenerator)
    if is_generator and local.state is not None and local.state.run is not None:
        return words
    return hash_key(words)


def _default_generator() -> SeedGenerator:
    if _process["default"] is None:
        _process["default"] = SeedGenerator()
    return _process["default"]
