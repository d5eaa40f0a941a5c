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

from lamina.core import stateless
from lamina.core.executable import Program
from lamina.core.scope import RunKey
from lamina.core.variable import Variable
from lamina.data.feeds import STRETCH, Batches

__all__ = ["Clock", "Step", "loop_program", "trace_step"]


class Clock(NamedTuple):
    """Where a dispatch stands in a run; all scalars."""

    seed: Any  # uint32
    step: Any  # uint32: training steps before this epoch
    first: Any  # int32: first batch of this dispatch
    last: Any  # int32: one past its last batch
    fresh: Any  # bool: whether metrics start over
    bad: Any  # int32: batch whose loss or gradients were not finite, else -1


class Step(NamedTuple):
    """A traced step: a pure function, and the variables it is a function of."""

    run: Callable[..., Any]
    changed: list[Variable]  # what it assigns to
    fixed: list[Variable]  # what it only reads
    numbers: list[tuple[int, str]]
    logs: Any  # shapes of what it returns

    def __call__(
        self, changed: Any, fixed: Any, numbers: Any, run: RunKey, batch: Any
    ) -> Any:
        """New values of `changed`, the step's logs, whether all was finite."""
        flat = jax.tree.leaves((changed, fixed, numbers, run, batch))
        return self.run(flat)


def trace_step(
    function: Callable[[Any], Any],
    variables: Sequence[Variable],
    numbers: dict[tuple[int, str], float],
    batch: Any,
    guard: bool = False,
) -> Step:
    """Trace a step for batches of one shape.

    Args:
        function: takes a batch, reads and assigns variables, returns logs.
        variables: what it is expected to use; others that it meets are added.
        numbers: hyperparameters, by owner and name.
        batch: the shapes of one batch.
        guard: whether to check that losses and gradients are finite.
    """
    known = {id(v): v for v in variables}
    missing: dict[int, Variable] = {}
    for _ in range(stateless.ATTEMPTS):
        known.update(missing)
        step, missing = _trace(function, list(known.values()), numbers, batch, guard)
        if not missing:
            return step
    raise stateless.new_each_time(missing)


def _trace(
    function: Callable[[Any], Any],
    variables: list[Variable],
    numbers: dict[tuple[int, str], float],
    batch: Any,
    guard: bool,
) -> tuple[Step, dict[int, Variable]]:
    assigned: list[int] = []
    captured: dict[int, Variable] = {}

    def pure(values: Any, number_values: Any, run: RunKey, batch: Any) -> Any:
        bound = dict(zip(numbers, number_values, strict=True))
        with stateless.bind(variables, values, bound, run) as scope:
            logs = function(batch)
        captured.update(scope.captured)
        assigned[:] = [i for i, v in enumerate(variables) if id(v) in scope.assigned]
        new = [scope.values[id(variables[i])] for i in assigned]
        return new, logs, scope.finite() if guard else jnp.bool_(True)

    run = RunKey(*[jax.ShapeDtypeStruct((), jnp.uint32)] * 2)
    values = [jax.ShapeDtypeStruct(v.shape, v.raw.dtype) for v in variables]
    args = values, list(numbers.values()), run, batch
    closed, shapes = jax.make_jaxpr(pure, return_shape=True)(*args)
    fixed = [i for i in range(len(variables)) if i not in assigned]
    structure = jax.tree.structure(shapes)
    order = [*assigned, *fixed]
    place = {i: n for n, i in enumerate(order)}
    flat_run = jax.extend.core.jaxpr_as_fun(closed)

    def run_flat(flat: list[Any]) -> Any:
        held = [flat[place[i]] for i in range(len(variables))]
        return jax.tree.unflatten(structure, flat_run(*held, *flat[len(variables) :]))

    step = Step(
        run_flat,
        [variables[i] for i in assigned],
        [variables[i] for i in fixed],
        list(numbers),
        shapes[1],
    )
    return step, captured


def loop_program(
    step: Step,
    batches: Batches,
    fresh: Callable[[], Any],
    results: Callable[[], Any] | None,
    history: int = 0,
    guard: bool = True,
) -> Program:
    """The program that runs a step over a stretch of batches.

    Args:
        step: the traced step.
        batches: how it finds its batches.
        fresh: resets the metrics; applied when `clock.fresh`.
        results: logs as a function of the state after the last step; `None` if they
            are what the last step returned.
        history: for how many steps a dispatch also returns each one's logs.
        guard: whether to stop before a step that leaves something not finite.

    Returns:
        A program of `(changed, fixed, numbers, data, clock)` that returns the changed
        variables' values and a dictionary: `logs`, `bad`, and `history`.
    """
    everything = [*step.changed, *step.fixed]

    def run(changed: Any, fixed: Any, numbers: Any, data: Any, clock: Clock) -> Any:
        loop = _Loop(step, batches, results, history, fixed, numbers, data, clock)
        changed = _start(step, everything, changed, fixed, fresh, clock.fresh)
        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), step.logs)
        shapes = jax.eval_shape(loop.logs_of, changed, empty)
        rows = jax.tree.map(lambda s: jnp.zeros((history, *s.shape), s.dtype), shapes)
        state = changed, None if results is not None else empty, rows
        limit = jnp.where(clock.bad < 0, clock.last, clock.first)
        end = jnp.minimum(clock.first + STRETCH, limit)
        advance = loop.guarded if guard else loop.unguarded
        *_, (changed, last, rows), bad = jax.lax.while_loop(
            lambda carry: carry[0] < carry[2],
            advance,
            (clock.first, end, limit, state, clock.bad),
        )
        return changed, {
            "logs": loop.logs_of(changed, last),
            "bad": bad,
            "history": rows,
        }

    return Program(run, donate=(0,))


class _Loop(NamedTuple):
    """One dispatch while it is traced.

    It goes by stretches of a few steps: rows are gathered and the state is checked
    once for each, which costs a small part of doing so at every step. A carry is
    `(first, end, limit, state, bad)`: the stretch to run, where to stop, what has
    been reached.
    """

    step: Step
    batches: Batches
    results: Callable[[], Any] | None
    history: int
    fixed: Any
    numbers: Any
    data: Any
    clock: Clock

    def logs_of(self, changed: Any, last: Any) -> Any:
        """Logs as a function of the state, or as the last step returned them."""
        if self.results is None:
            return last
        step = self.step
        bound = dict(zip(step.numbers, self.numbers, strict=True))
        values = [*changed, *self.fixed]
        with stateless.bind([*step.changed, *step.fixed], values, bound):
            return self.results()

    def stretch(self, first: Any, end: Any, state: Any) -> tuple[Any, Any]:
        """Run batches `first` to `end`; the new state, whether losses are finite."""
        clock = self.clock
        block = self.batches.block(self.data, first)

        def body(i: Any, carry: Any) -> Any:
            changed, last, rows, fine = carry
            key = RunKey(clock.seed, clock.step + i.astype(jnp.uint32))
            batch = self.batches.take(self.data, i, block)
            changed, logs, finite = self.step(
                changed, self.fixed, self.numbers, key, batch
            )
            if self.history:
                place = i - clock.first
                row = self.logs_of(changed, logs)
                rows = jax.tree.map(lambda a, v: a.at[place].set(v), rows, row)
            return changed, None if last is None else logs, rows, fine & finite

        *after, fine = jax.lax.fori_loop(first, end, body, (*state, jnp.bool_(True)))
        return tuple(after), fine

    def unguarded(self, carry: Any) -> Any:
        """Run the next stretch."""
        first, end, limit, state, bad = carry
        state, _ = self.stretch(first, end, state)
        return end, jnp.minimum(end + STRETCH, limit), limit, state, bad

    def guarded(self, carry: Any) -> Any:
        """Run the next stretch; if it fails, go back and try its first half.

        A single step that fails is the one to stop before.
        """
        first, end, limit, state, bad = carry
        after, fine = self.stretch(first, end, state)
        good = fine & _still_finite(after[0], state[0])
        found = ~good & (end - first == 1)
        state = jax.tree.map(lambda n, o: jnp.where(good, n, o), after, state)
        bad = jnp.where(found, first, bad)
        limit = jnp.where(found, first, limit)
        half = first + (end - first + 1) // 2
        begin = jnp.where(good, end, first)
        end = jnp.where(good, jnp.minimum(end + STRETCH, limit), half)
        return begin, end, limit, state, bad


def _start(
    step: Step,
    everything: list[Variable],
    changed: Any,
    fixed: Any,
    fresh: Callable[[], Any],
    flag: Any,
) -> list[Any]:
    with stateless.bind(everything, [*changed, *fixed]) as scope:
        fresh()
    return [
        jnp.where(flag, scope.values[id(v)], value)
        for v, value in zip(step.changed, changed, strict=True)
    ]


def _still_finite(new: Sequence[Any], old: Sequence[Any]) -> Any:
    """Whether all that was finite still is; a metric may be infinite by itself."""
    good = jnp.bool_(True)
    for after, before in zip(new, old, strict=True):
        if jnp.issubdtype(after.dtype, jnp.floating):
            total, earlier = jnp.sum(after), jnp.sum(before)
            good &= jnp.isfinite(total) | ~jnp.isfinite(earlier)
    return good
