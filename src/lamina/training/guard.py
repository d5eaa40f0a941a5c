"""Guard of the training loop against losses and values that are not finite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.runtime.placement import splits_variables
from lamina.runtime.single_kernel import single_kernel
from lamina.typing import Array

# Number of a batch that comes after any other.
NEVER = np.int32(2**31 - 1)


class LoopState(NamedTuple):
    """Carry of the loop from step to step."""

    changed: Any  # values of the variables that the step assigns, as rows
    logs: Any  # what the last step returned; None if logs follow from the state
    recorded: Any  # logs of `log_mode`, along a first axis


class _Search(NamedTuple):
    """Search for the last batch up to which everything is finite.

    Everything is finite after the batches before `good`, and something is not after
    those before `bad`. The next attempt runs the batches before `end`.
    """

    good: Any
    bad: Any
    end: Any
    back: Any  # how far the end moves back after the next failure
    is_finite: Any  # whether the last attempt ended with finite values
    state: LoopState  # the state after the last attempt


def run_while_finite(
    run: Callable[[LoopState, Any], tuple[LoopState, Array]],
    start: LoopState,
    buffers: Sequence[Array],
    first: Array,
    limit: Array,
) -> tuple[LoopState, Array]:
    """Run the batches from `first` to `limit` as far as everything stays finite.

    Values are checked once, at the end: `start` still holds those from before, and
    running steps again is cheaper than a copy of the state every few steps. If
    something is not finite, the steps are run again from `start`, to an end that lies
    one batch earlier, then two more, then four, until it is found.

    Args:
        run: runs the batches before a limit, and returns the state and the number of
            the batch whose loss is not finite, or `NEVER`.
        start: the state before the first batch.
        buffers: arrays that the new values are written into.
        first: the first batch.
        limit: the batch to stop before.

    Returns:
        The state, and the number of the batch that is not finite, or -1.
    """

    def attempt(search: _Search) -> _Search:
        state, stopped = run(start, search.end)
        is_finite = _still_finite(state.changed, start.changed)
        numbers = search.good, search.bad, search.end, search.back
        good, bad, end, back, is_finite = single_kernel(
            _next, first, stopped, is_finite, *numbers
        )
        return _Search(good, bad, end, back, is_finite, state)

    def is_open(search: _Search) -> Any:
        return ~search.is_finite | (search.bad - search.good > 1)

    found = jax.lax.while_loop(
        is_open,
        attempt,
        _Search(
            good=first,
            bad=limit + 1,
            end=limit,
            back=jnp.int32(1),
            is_finite=jnp.bool_(False),
            state=start._replace(changed=buffers),
        ),
    )
    return found.state, jnp.where(found.bad > limit, -1, found.good)


def _next(
    first: Array,
    stopped: Array,
    is_finite: Array,
    good: Array,
    bad: Array,
    end: Array,
    back: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Return the numbers of a `_Search` after an attempt that stopped at a batch."""
    is_finite &= stopped == NEVER
    bad = jnp.where(is_finite, bad, jnp.minimum(stopped, end - 1) + 1)
    # A device that adds in another order each time may find fewer good ones.
    good = jnp.where(is_finite, end, jnp.where(bad > good, good, first))
    back = jnp.where(is_finite, 1, back)
    return good, bad, jnp.maximum(bad - back, good), 2 * back, is_finite


# Arrays of at most so many elements are checked together.
_SMALL = 2**16


def _still_finite(new: Sequence[Array], old: Sequence[Array]) -> Array:
    """Return whether everything that was finite still is; a metric may be infinite.

    Small arrays are checked together: XLA compiles each sum in milliseconds, which
    would be most of a deep network's compile time.
    """
    floats = [
        (after, before)
        for after, before in zip(new, old, strict=True)
        if jnp.issubdtype(after.dtype, jnp.floating)
    ]
    most = 0 if splits_variables() else _SMALL
    small = [pair for pair in floats if pair[0].size <= most]
    good = single_kernel(_still_finite_together, *small) if small else jnp.bool_(True)
    for after, before in floats:
        if after.size > most:
            good &= jnp.isfinite(_total(after)) | ~jnp.isfinite(_total(before))
    return good


def _still_finite_together(*pairs: tuple[jax.Array, jax.Array]) -> Array:
    after, before = (
        jnp.concatenate([a.ravel() for a in arrays])
        for arrays in zip(*pairs, strict=True)
    )
    return jnp.all(jnp.isfinite(after) | ~jnp.isfinite(before))


def _total(x: jax.Array) -> jax.Array:
    """Return the sum, in a type that finite 16-bit floats do not overflow."""
    return jnp.sum(x, dtype=jnp.promote_types(x.dtype, jnp.float32))
