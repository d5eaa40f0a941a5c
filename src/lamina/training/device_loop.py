"""The compiled training loop: state, data and batch numbers in; state and logs out.

`fori_loop` with run-time bounds runs a traced step over any batches of an epoch, so
one executable serves chunks of every length, and the result has the same bits however
an epoch is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core import stateless
from lamina.core.scope import RunKey
from lamina.core.tracing.attributes import StoredAttributes
from lamina.data.batches import INNER_CHUNK, Batches
from lamina.runtime.executable import Program
from lamina.runtime.row_layout import as_rows
from lamina.training.dispatch import LOG_LAST, DispatchArgs, LogMode, unpack_args
from lamina.training.traced_step import TracedStep

# Number of a batch that comes after any other.
_NEVER = np.int32(2**31 - 1)


def loop_program(
    step: TracedStep,
    batches: Batches,
    fresh: Callable[[], Any],
    results: Callable[[], Any] | None,
    log_mode: LogMode = LOG_LAST,
    guard: bool = True,
) -> Program:
    """Make the program that runs a step over batches.

    Args:
        step: the traced step.
        batches: how it finds its batches.
        fresh: resets the metrics; applied where an epoch starts, if `args.fresh`.
        results: logs as a function of the state after the last step; `None` if they
            are what the last step returned.
        log_mode: which logs a dispatch also returns.
        guard: whether to stop before a step that leaves something not finite.

    Returns:
        A program of `(changed, buffers, fixed, hyperparameters, data, args, bad)`
        that returns the changed variables' values and a dictionary: `logs`, `bad`,
        and `recorded`, the logs of `log_mode`. The values are written into
        `buffers`, which are donated. See `pack_args` for `args` and `bad`.
    """

    def run(
        changed: Any,
        buffers: Any,
        fixed: Any,
        hyperparameters: Any,
        data: Any,
        args: Any,
        bad: Any,
    ) -> Any:
        hyperparameters, args = list(hyperparameters), unpack_args(args, bad)
        changed, buffers = as_rows(changed), as_rows(buffers)
        loop = _DeviceLoop(
            step, batches, fresh, results, log_mode, fixed, hyperparameters, data, args
        )
        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), step.logs)
        shapes = jax.eval_shape(loop.logs_of, changed, empty)
        recorded = jax.tree.map(
            lambda s: jnp.zeros((log_mode.limit, *s.shape), s.dtype), shapes
        )
        start = LoopState(changed, None if results is not None else empty, recorded)
        limit = jnp.where(args.bad < 0, args.last, args.first)
        if guard:
            state, bad = loop.run_guarded(start, buffers, limit)
        else:
            state, _ = loop.run(start, limit)
            bad = args.bad
        logs = loop.logs_of(state.changed, state.logs)
        out = {"logs": logs, "bad": bad, "recorded": state.recorded}
        return loop.shaped(state.changed), out

    return Program(run, donate=(1,))


class LoopState(NamedTuple):
    """Carry of the loop from step to step."""

    changed: Any  # values of the variables that the step assigns, as rows
    logs: Any  # what the last step returned; None if logs follow from the state
    recorded: Any  # logs of `log_mode`, along a first axis


class _Chunk(NamedTuple):
    """A few steps of one epoch, whose rows of data are gathered at once."""

    first: Any  # number of its first batch
    end: Any  # one past its last batch
    epoch_start: Any  # number of the first batch of its epoch
    epochs: Any  # epochs of this dispatch before its epoch
    state: LoopState


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


class _DeviceLoop(NamedTuple):
    """One dispatch while it is traced."""

    step: TracedStep
    batches: Batches
    fresh: Callable[[], Any]
    results: Callable[[], Any] | None
    log_mode: LogMode
    fixed: Any
    hyperparameters: Any
    data: Any
    args: DispatchArgs

    def run_guarded(
        self, start: LoopState, buffers: Any, limit: Any
    ) -> tuple[LoopState, Any]:
        """Run the batches before `limit` as far as everything stays finite.

        Values are checked once, at the end: `start` still holds those from before,
        and running steps again is cheaper than a copy of the state every few steps.
        If something is not finite, the steps are run again from `start`, to an end
        that lies one batch earlier, then two more, then four, until it is found.

        Returns:
            The state, and the batch that is not finite, or the earlier `bad`.
        """
        first = self.args.first

        def attempt(search: _Search) -> _Search:
            good, bad, end, back, _, _ = search
            state, stopped = self.run(start, end)
            is_finite = (stopped == _NEVER) & _still_finite(
                state.changed, start.changed
            )
            bad = jnp.where(is_finite, bad, jnp.minimum(stopped, end - 1) + 1)
            # A device that adds in another order each time may find fewer good ones.
            good = jnp.where(is_finite, end, jnp.where(bad > good, good, first))
            back = jnp.where(is_finite, 1, back)
            end = jnp.maximum(bad - back, good)
            return _Search(good, bad, end, 2 * back, is_finite, state)

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
        bad = jnp.where(found.bad > limit, self.args.bad, found.good)
        return found.state, bad

    def run(self, start: LoopState, limit: Any) -> tuple[LoopState, Any]:
        """Run the batches before `limit`, or to a chunk with a loss that is not finite.

        Returns:
            The state and the number of the batch with that loss.
        """

        def run_chunk(carry: Any) -> Any:
            first, _, state = carry
            end = self._chunk_end(first, limit)
            return end, *self._run_chunk(first, end, state)

        _, bad, state = jax.lax.while_loop(
            lambda carry: (carry[0] < limit) & (carry[1] == _NEVER),
            run_chunk,
            (self.args.first, _NEVER, start),
        )
        return state, bad

    def _chunk_end(self, first: Any, limit: Any) -> Any:
        """Return where the chunk that begins at a batch ends."""
        edge = steps = self.args.steps
        _, number = self._epoch_and_number(first)
        if self.batches.rest:
            full = self.batches.full(self.data)
            edge = jnp.where(number < full, full, steps)
        return jnp.minimum(
            jnp.minimum(first + INNER_CHUNK, limit), first - number + edge
        )

    def _run_chunk(self, first: Any, end: Any, state: LoopState) -> tuple[Any, Any]:
        """Run batches `first` to `end`; returns the bad batch and the new state."""
        epochs, number = self._epoch_and_number(first)
        is_start = (number == 0) & (self.args.fresh > 0)
        state = state._replace(changed=self._reset_metrics(state.changed, is_start))
        chunk = _Chunk(first, end, first - number, epochs, state)
        if self.batches.rest:
            is_full = number < self.batches.full(self.data)
            state, bad = jax.lax.cond(
                is_full, self._run_full_batches, self._run_last_batch, chunk
            )
        else:
            state, bad = self._run_full_batches(chunk)
        if self.log_mode.of == "epochs":
            is_end = self._epoch_and_number(end)[1] == 0
            index = epochs - self._epoch_and_number(self.args.first)[0]
            state = self._recorded(state, index, is_end)
        return bad, state

    def _reset_metrics(self, changed: Any, where: Any) -> list[Any]:
        """Return the variables with the metrics reset, if `where` is true."""
        variables = [*self.step.changed, *self.step.fixed]
        shaped = self.shaped(changed)
        with stateless.bind(variables, [*shaped, *self.fixed]) as scope:
            self.fresh()
        return as_rows(
            jnp.where(where, scope.values[id(v)], value)
            if id(v) in scope.assigned
            else value
            for v, value in zip(self.step.changed, shaped, strict=True)
        )

    def _run_full_batches(self, chunk: _Chunk) -> tuple[LoopState, Any]:
        order = self.args.seed, self._epoch(chunk.epochs)
        block = self.batches.block(self.data, order, chunk.first - chunk.epoch_start)

        def body(n: Any, carry: Any) -> Any:
            state, bad = carry
            batch = self.batches.take(self.data, order, n - chunk.epoch_start, block)
            state, finite = self._run_step(0, n, state, batch)
            return state, jnp.where(finite, bad, jnp.minimum(bad, n))

        return jax.lax.fori_loop(chunk.first, chunk.end, body, (chunk.state, _NEVER))

    def _run_last_batch(self, chunk: _Chunk) -> tuple[LoopState, Any]:
        order = self.args.seed, self._epoch(chunk.epochs)
        batch = self.batches.take_rest(self.data, order)
        state, finite = self._run_step(1, chunk.first, chunk.state, batch)
        return state, jnp.where(finite, _NEVER, chunk.first)

    def _run_step(
        self, shape: int, n: Any, state: LoopState, batch: Any
    ) -> tuple[LoopState, Any]:
        """Run one step; returns the state and whether everything is finite."""
        key = RunKey(self.args.seed, self.args.step + n.astype(jnp.uint32))
        changed, logs, finite = self.step(
            shape,
            self.shaped(state.changed),
            self.fixed,
            self.hyperparameters,
            key,
            batch,
        )
        logs = None if state.logs is None else logs
        state = LoopState(as_rows(changed), logs, state.recorded)
        if self.log_mode.of == "batches":
            state = self._recorded(state, n - self.args.first)
        return state, finite

    def _recorded(self, state: LoopState, index: Any, when: Any = True) -> LoopState:
        """Return the state with its logs recorded at an index, if `when` is true."""

        def put(recorded: jax.Array, value: jax.Array) -> jax.Array:
            value = jnp.where(when, value, recorded[index])
            return jax.lax.dynamic_update_index_in_dim(recorded, value, index, 0)

        logs = self.logs_of(state.changed, state.logs)
        return state._replace(recorded=jax.tree.map(put, state.recorded, logs))

    def logs_of(self, changed: Any, logs: Any) -> Any:
        """Return the logs: a function of the variables, or what the step returned."""
        if self.results is None:
            return logs
        step = self.step
        bound = step.state.bind_hyperparameters(self.hyperparameters)
        values = [*self.shaped(changed), *self.fixed]
        with (
            StoredAttributes(step.state.modules),
            stateless.bind([*step.changed, *step.fixed], values, bound),
        ):
            return self.results()

    def shaped(self, changed: Any) -> list[Any]:
        """Return the variables in their own shapes."""
        pairs = zip(self.step.changed, changed, strict=True)
        return [value.reshape(v.shape) for v, value in pairs]

    def _epoch_and_number(self, batch: Any) -> tuple[Any, Any]:
        """Return how many epochs of the dispatch precede a batch, and its number.

        `//` and `%` would compile a dozen operations for signs that do not occur.
        """
        steps = self.args.steps
        return jax.lax.div(batch, steps), jax.lax.rem(batch, steps)

    def _epoch(self, epochs: Any) -> Any:
        return self.args.epoch + epochs.astype(jnp.uint32)


# Arrays of at most so many elements are checked together.
_SMALL = 2**16


def _still_finite(new: Sequence[Any], old: Sequence[Any]) -> Any:
    """Return whether everything that was finite still is; a metric may be infinite.

    Small arrays are checked together: XLA compiles each sum in milliseconds, which
    would be most of a deep network's compile time.
    """
    floats = [
        (after, before)
        for after, before in zip(new, old, strict=True)
        if jnp.issubdtype(after.dtype, jnp.floating)
    ]
    small = [pair for pair in floats if pair[0].size <= _SMALL]
    good = jnp.bool_(True)
    for after, before in floats:
        if after.size > _SMALL:
            good &= jnp.isfinite(_total(after)) | ~jnp.isfinite(_total(before))
    if small:
        after, before = map(_concatenated, zip(*small, strict=True))
        good &= jnp.all(jnp.isfinite(after) | ~jnp.isfinite(before))
    return good


def _total(x: jax.Array) -> jax.Array:
    """Return the sum, in a type that finite 16-bit floats do not overflow."""
    return jnp.sum(x, dtype=jnp.promote_types(x.dtype, jnp.float32))


def _concatenated(arrays: Sequence[Any]) -> Any:
    return jnp.concatenate([a.ravel() for a in arrays])
