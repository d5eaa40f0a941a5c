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
from lamina.data.feeds import Batches

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
    while True:
        step, missing = _trace(function, list(known.values()), numbers, batch, guard)
        if not missing:
            return step
        known.update(missing)


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
) -> Program:
    """The program that runs a step over a stretch of batches.

    Args:
        step: the traced step.
        batches: how it finds its batches.
        fresh: resets the metrics; applied when `clock.fresh`.
        results: logs as a function of the state after the last step; `None` if they
            are what the last step returned.
        history: for how many steps a dispatch also returns each one's logs.

    Returns:
        A program of `(changed, fixed, numbers, data, clock)` that returns the changed
        variables' values and a dictionary: `logs`, `bad`, and `history`.
    """
    everything = [*step.changed, *step.fixed]

    def logs_of(changed: Any, fixed: Any, numbers: Any, last: Any) -> Any:
        if results is None:
            return last
        bound = dict(zip(step.numbers, numbers, strict=True))
        with stateless.bind(everything, [*changed, *fixed], bound):
            return results()

    def run(changed: Any, fixed: Any, numbers: Any, data: Any, clock: Clock) -> Any:
        changed = _start(step, everything, changed, fixed, fresh, clock.fresh)
        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), step.logs)
        last = None if results is not None else empty
        shapes = jax.eval_shape(logs_of, changed, fixed, numbers, empty)
        rows = jax.tree.map(lambda s: jnp.zeros((history, *s.shape), s.dtype), shapes)

        def body(i: Any, carry: Any) -> Any:
            changed, last, rows, bad = carry
            key = RunKey(clock.seed, clock.step + i.astype(jnp.uint32))
            batch = batches.take(data, i, clock.first)
            new, logs, finite = step(changed, fixed, numbers, key, batch)
            keep = finite & (bad < 0)
            new = [jnp.where(keep, n, o) for n, o in zip(new, changed, strict=True)]
            bad = jnp.where((bad < 0) & ~finite, i, bad)
            last = None if last is None else logs
            if history:
                row = logs_of(new, fixed, numbers, logs)
                put = lambda a, v: a.at[i - clock.first].set(v)  # noqa: E731
                rows = jax.tree.map(put, rows, row)
            return new, last, rows, bad

        carry = changed, last, rows, clock.bad
        changed, last, rows, bad = jax.lax.fori_loop(
            clock.first, clock.last, body, carry
        )
        logs = logs_of(changed, fixed, numbers, last)
        return changed, {"logs": logs, "bad": bad, "history": rows}

    return Program(run, donate=(0,))


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
