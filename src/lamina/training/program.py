"""The compiled loop: state, data, first step, last step in; state and logs out.

A step (`model.train_step` or `test_step`) is traced once for a batch's shapes into a
pure function of the variables it uses. `fori_loop` with run-time bounds runs it over
any stretch of an epoch, so one executable serves chunks of every length and the
result has the same bits however the epoch is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np

from lamina.core import stateless
from lamina.core.scope import RunKey
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.variable import Variable
from lamina.data.feeds import INNER_CHUNK, Batches
from lamina.runtime.executable import Program, in_process_compile
from lamina.runtime.module_state import ModuleState
from lamina.runtime.row_layout import as_rows

__all__ = [
    "BATCHES",
    "EPOCHS",
    "NOTHING",
    "DispatchArgs",
    "LogMode",
    "Step",
    "loop_program",
    "pack_args",
    "trace_step",
]


class LogMode(NamedTuple):
    """Whose logs a dispatch keeps, and of how many at most."""

    of: str
    rows: int


NOTHING = LogMode("nothing", 0)
BATCHES = LogMode("batches", 32)
EPOCHS = LogMode("epochs", 128)


class DispatchArgs(NamedTuple):
    """Where a dispatch stands in a run; all scalars.

    Batches are counted from the start of an epoch, on into the epochs after it.
    """

    seed: Any  # uint32
    step: Any  # uint32: training steps before this epoch
    epoch: Any  # uint32: which epoch it is
    steps: Any  # int32: batches in an epoch
    first: Any  # int32: first batch of this dispatch
    last: Any  # int32: one past its last batch
    fresh: Any  # int32: 1 if metrics start over with each epoch
    bad: Any  # int32: batch whose loss or gradients were not finite, else -1


def pack_args(clock: DispatchArgs) -> tuple[np.ndarray, Any]:
    """A clock as one array and `bad`, which may be on the device.

    Each argument of a program costs microseconds, more than a number is worth.
    """
    *fields, bad = clock
    array = np.array([int(f) & 0xFFFFFFFF for f in fields], np.uint32)
    return array, np.int32(bad) if isinstance(bad, int) else bad


def unpack_args(array: Any, bad: Any) -> DispatchArgs:
    """The clock that `pack_args` made an array of."""
    seed, step, epoch, *counts = list(array)
    steps, first, last, fresh = [c.astype(jnp.int32) for c in counts]
    return DispatchArgs(seed, step, epoch, steps, first, last, fresh, bad)


class Step(NamedTuple):
    """A traced step: a pure function, and the variables it is a function of."""

    runs: list[Callable[..., Any]]  # one for each shape of a batch
    changed: list[Variable]  # what it assigns to
    fixed: list[Variable]  # what it only reads
    state: ModuleState  # what it was traced with: its hyperparameters are inputs
    logs: Any  # shapes of what it returns

    def __call__(
        self, which: int, changed: Any, fixed: Any, numbers: Any, key: Any, batch: Any
    ) -> Any:
        """New values of `changed`, the step's logs, whether all was finite."""
        flat = jax.tree.leaves((changed, fixed, numbers, key, batch))
        return self.runs[which](flat)


def trace_step(
    function: Callable[[Any], Any],
    state: ModuleState,
    batches: Sequence[Any],
    guard: bool = False,
) -> tuple[Step, dict[int, Variable]]:
    """Trace a step for batches of one or a few shapes.

    Args:
        function: takes a batch, reads and assigns variables, returns logs.
        state: the variables and hyperparameters that it is expected to use.
        batches: the shapes of a batch, for each of its kinds.
        guard: whether to check that losses and gradients are finite.

    Returns:
        The step, and other variables that it met: it is of no use unless there are
        none.
    """
    traces = [_trace(function, state, batch, guard) for batch in batches]
    captured = {k: v for trace in traces for k, v in trace.captured.items()}
    return _step(traces, state), captured


class _Trace(NamedTuple):
    run: Callable[..., Any]  # values of all variables, other arguments -> see `Step`
    assigned: list[int]
    captured: dict[int, Variable]
    logs: Any


def _trace(
    function: Callable[[Any], Any],
    state: ModuleState,
    batch: Any,
    guard: bool,
) -> _Trace:
    variables = state.variables
    assigned: list[int] = []
    captured: dict[int, Variable] = {}

    def pure(values: Any, numbers: Any, run: RunKey, batch: Any) -> Any:
        bound = state.bind_hyperparameters(numbers)
        with (
            StoredAttributes(state.modules),
            stateless.bind(variables, values, bound, run) as scope,
        ):
            logs = function(batch)
        captured.update(scope.captured)
        assigned[:] = [i for i, v in enumerate(variables) if id(v) in scope.assigned]
        new = [scope.values[id(variables[i])] for i in assigned]
        return new, logs, scope.is_finite() if guard else jnp.bool_(True)

    run = RunKey(*[jax.ShapeDtypeStruct((), jnp.uint32)] * 2)
    values = [jax.ShapeDtypeStruct(v.shape, v.raw.dtype) for v in variables]
    args = values, state.hyperparameters(), run, batch
    with in_process_compile():
        closed, shapes = jax.make_jaxpr(pure, return_shape=True)(*args)
    structure = jax.tree.structure(shapes)
    flat_run = jax.extend.core.jaxpr_as_fun(closed)

    def run_flat(values: list[Any], rest: list[Any]) -> Any:
        return jax.tree.unflatten(structure, flat_run(*values, *rest))

    return _Trace(run_flat, assigned, captured, shapes[1])


def _step(traces: list[_Trace], state: ModuleState) -> Step:
    """Traces for several shapes as functions of the same variables."""
    variables = state.variables
    assigned = sorted({i for trace in traces for i in trace.assigned})
    order = [*assigned, *(i for i in range(len(variables)) if i not in assigned)]
    place = {i: n for n, i in enumerate(order)}

    def make(trace: _Trace) -> Callable[..., Any]:
        def run(flat: list[Any]) -> Any:
            held = [flat[place[i]] for i in range(len(variables))]
            new, logs, finite = trace.run(held, flat[len(variables) :])
            after = dict(zip(trace.assigned, new, strict=True))
            return [after.get(i, held[i]) for i in assigned], logs, finite

        return run

    count = len(assigned)
    return Step(
        [make(trace) for trace in traces],
        [variables[i] for i in order[:count]],
        [variables[i] for i in order[count:]],
        state,
        traces[0].logs,
    )


def loop_program(
    step: Step,
    batches: Batches,
    fresh: Callable[[], Any],
    results: Callable[[], Any] | None,
    record: LogMode = NOTHING,
    guard: bool = True,
) -> Program:
    """The program that runs a step over a stretch of batches.

    Args:
        step: the traced step.
        batches: how it finds its batches.
        fresh: resets the metrics; applied where an epoch starts, if `clock.fresh`.
        results: logs as a function of the state after the last step; `None` if they
            are what the last step returned.
        record: whose logs a dispatch also returns.
        guard: whether to stop before a step that leaves something not finite.

    Returns:
        A program of `(changed, spare, fixed, numbers, data, clock, bad)` that returns
        the changed variables' values and a dictionary: `logs`, `bad`, and `rows`, the
        logs that were recorded. The values are written over `spare`, arrays like
        `changed`. `numbers` and `clock` are arrays; see `pack_args`.
    """

    def run(
        changed: Any,
        spare: Any,
        fixed: Any,
        numbers: Any,
        data: Any,
        clock: Any,
        bad: Any,
    ) -> Any:
        numbers, clock = list(numbers), unpack_args(clock, bad)
        changed, spare = as_rows(changed), as_rows(spare)
        loop = _Loop(step, batches, fresh, results, record, fixed, numbers, data, clock)
        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), step.logs)
        shapes = jax.eval_shape(loop.logs_of, changed, empty)
        rows = jax.tree.map(
            lambda s: jnp.zeros((record.rows, *s.shape), s.dtype), shapes
        )
        logs = None if results is not None else empty, rows
        limit = jnp.where(clock.bad < 0, clock.last, clock.first)
        if guard:
            (changed, last, rows), bad = loop.guarded(changed, spare, logs, limit)
        else:
            (changed, last, rows), _ = loop.advance((changed, *logs), limit)
            bad = clock.bad
        logs = loop.logs_of(changed, last)
        return loop.shaped(changed), {"logs": logs, "bad": bad, "rows": rows}

    return Program(run, donate=(1,))


# The number of a batch that comes after any other.
_NEVER = np.int32(2**31 - 1)


class _Loop(NamedTuple):
    """One dispatch while it is traced.

    It goes by stretches of a few steps of one epoch, whose rows are gathered at once.
    A state is `(changed, last, rows)`: the variables `as_rows`, the logs that the last
    step returned, the logs that were recorded.
    """

    step: Step
    batches: Batches
    fresh: Callable[[], Any]
    results: Callable[[], Any] | None
    record: LogMode
    fixed: Any
    numbers: Any
    data: Any
    clock: DispatchArgs

    def end(self, first: Any, limit: Any) -> Any:
        """Where the stretch that begins at a batch ends."""
        edge = steps = self.clock.steps
        _, number = self._place(first)
        if self.batches.rest:
            full = self.batches.full(self.data)
            edge = jnp.where(number < full, full, steps)
        return jnp.minimum(
            jnp.minimum(first + INNER_CHUNK, limit), first - number + edge
        )

    def logs_of(self, changed: Any, last: Any) -> Any:
        """Logs as a function of the state, or as the last step returned them."""
        if self.results is None:
            return last
        step = self.step
        bound = step.state.bind_hyperparameters(self.numbers)
        values = [*self.shaped(changed), *self.fixed]
        with (
            StoredAttributes(step.state.modules),
            stateless.bind([*step.changed, *step.fixed], values, bound),
        ):
            return self.results()

    def guarded(
        self, changed: Any, spare: Any, logs: Any, limit: Any
    ) -> tuple[Any, Any]:
        """Run as far as all is finite: the state then, and the batch that isn't, or -1.

        The state is looked at once, at the end: what was there before is still in
        `changed`, and steps are cheaper than keeping a copy for each few of them.
        Where something isn't finite, the steps are run again from there to a batch
        before, first one, then two, then four, and so on.
        """
        first = self.clock.first

        def attempt(carry: Any) -> Any:
            good, bad, end, back, _, _ = carry
            state, stopped = self.advance((changed, *logs), end)
            fine = (stopped == _NEVER) & _still_finite(state[0], changed)
            bad = jnp.where(fine, bad, jnp.minimum(stopped, end - 1) + 1)
            # A device that adds in another order each time may find less to be good.
            good = jnp.where(fine, end, jnp.where(bad > good, good, first))
            back = jnp.where(fine, 1, back)
            return good, bad, jnp.maximum(bad - back, good), 2 * back, fine, state

        def searching(carry: Any) -> Any:
            good, bad, _, _, fine, _ = carry
            return ~fine | (bad - good > 1)

        start = first, limit + 1, limit, jnp.int32(1), jnp.bool_(False), (spare, *logs)
        good, bad, *_, state = jax.lax.while_loop(searching, attempt, start)
        return state, jnp.where(bad > limit, self.clock.bad, good)

    def advance(self, state: Any, limit: Any) -> tuple[Any, Any]:
        """Run to a batch, or a bit beyond the first whose loss is not finite.

        Returns:
            The state and the number of that batch.
        """

        def stretch(carry: Any) -> Any:
            first, _, state = carry
            end = self.end(first, limit)
            return end, *self.stretch(first, end, state)

        _, bad, state = jax.lax.while_loop(
            lambda carry: (carry[0] < limit) & (carry[1] == _NEVER),
            stretch,
            (self.clock.first, _NEVER, state),
        )
        return state, bad

    def stretch(self, first: Any, end: Any, state: Any) -> tuple[Any, Any]:
        """Run batches `first` to `end`: the batch that isn't finite, the new state."""
        changed, last, rows = state
        epochs, number = self._place(first)
        changed = self._started(changed, (number == 0) & (self.clock.fresh > 0))
        place = first, end, first - number, epochs, (changed, last, rows)
        if self.batches.rest:
            is_full = number < self.batches.full(self.data)
            *after, bad = jax.lax.cond(is_full, self._full, self._rest, place)
        else:
            *after, bad = self._full(place)
        if self.record.of == "epochs":
            changed, last, rows = after
            done = self._place(end)[1] == 0
            row = epochs - self._place(self.clock.first)[0]
            after = changed, last, self._write(rows, row, changed, last, done)
        return bad, tuple(after)

    def _started(self, changed: Any, flag: Any) -> list[Any]:
        """The state with its metrics reset, where an epoch starts."""
        variables = [*self.step.changed, *self.step.fixed]
        shaped = self.shaped(changed)
        with (
            StoredAttributes(self.step.state.modules),
            stateless.bind(variables, [*shaped, *self.fixed]) as scope,
        ):
            self.fresh()
        return as_rows(
            jnp.where(flag, scope.values[id(v)], value)
            if id(v) in scope.assigned
            else value
            for v, value in zip(self.step.changed, shaped, strict=True)
        )

    def shaped(self, changed: Any) -> list[Any]:
        """The variables in their own shapes."""
        pairs = zip(self.step.changed, changed, strict=True)
        return [value.reshape(v.shape) for v, value in pairs]

    def _full(self, place: Any) -> Any:
        first, end, begin, epochs, state = place
        clock, run = self.clock, (self.clock.seed, self._epoch(epochs))
        block = self.batches.block(self.data, run, first - begin)

        def body(n: Any, carry: Any) -> Any:
            batch = self.batches.take(self.data, run, n - begin, block)
            changed, last, rows, bad = carry
            changed, last, finite = self._one(0, n, changed, last, batch)
            if self.record.of == "batches":
                rows = self._write(rows, n - clock.first, changed, last)
            return changed, last, rows, jnp.where(finite, bad, jnp.minimum(bad, n))

        return jax.lax.fori_loop(first, end, body, (*state, _NEVER))

    def _rest(self, place: Any) -> Any:
        first, _, _, epochs, (changed, last, rows) = place
        run = self.clock.seed, self._epoch(epochs)
        batch = self.batches.take_rest(self.data, run)
        changed, last, finite = self._one(1, first, changed, last, batch)
        if self.record.of == "batches":
            rows = self._write(rows, first - self.clock.first, changed, last)
        return changed, last, rows, jnp.where(finite, _NEVER, first)

    def _place(self, batch: Any) -> tuple[Any, Any]:
        """The epoch of a batch, and its number there.

        `//` and `%` would be a dozen programs for numbers that can't be negative.
        """
        steps = self.clock.steps
        return jax.lax.div(batch, steps), jax.lax.rem(batch, steps)

    def _epoch(self, epochs: Any) -> Any:
        return self.clock.epoch + epochs.astype(jnp.uint32)

    def _one(self, which: int, n: Any, changed: Any, last: Any, batch: Any) -> Any:
        key = RunKey(self.clock.seed, self.clock.step + n.astype(jnp.uint32))
        changed, logs, finite = self.step(
            which, self.shaped(changed), self.fixed, self.numbers, key, batch
        )
        return as_rows(changed), None if last is None else logs, finite

    def _write(
        self, rows: Any, row: Any, changed: Any, last: Any, when: Any = True
    ) -> Any:
        """Record the logs in a row, if it is the time for it."""

        def put(all_rows: jax.Array, value: jax.Array) -> jax.Array:
            value = jnp.where(when, value, all_rows[row])
            return jax.lax.dynamic_update_index_in_dim(all_rows, value, row, 0)

        return jax.tree.map(put, rows, self.logs_of(changed, last))


# Elements of an array that is looked at together with others.
_SMALL = 2**16


def _still_finite(new: Sequence[Any], old: Sequence[Any]) -> Any:
    """Whether all that was finite still is; a metric may be infinite by itself.

    Small arrays are looked at as one: the compiler takes milliseconds for each sum,
    which for a deep network would be most of the time it takes.
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
        after, before = map(_joined, zip(*small, strict=True))
        good &= jnp.all(jnp.isfinite(after) | ~jnp.isfinite(before))
    return good


def _total(x: jax.Array) -> jax.Array:
    """The sum, in a type in which that of finite halves does not overflow."""
    return jnp.sum(x, dtype=jnp.promote_types(x.dtype, jnp.float32))


def _joined(arrays: Sequence[Any]) -> Any:
    return jnp.concatenate([a.ravel() for a in arrays])
