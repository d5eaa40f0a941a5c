"""Dispatching compiled loops: gather the model's state, run, put the new state back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core import stateless
from lamina.core.executable import temporary_bytes
from lamina.core.module import Module
from lamina.core.scope import RunKey, StateScope
from lamina.core.variable import structure_version
from lamina.data.feeds import Batches, Segment
from lamina.ops.kernels import tuning
from lamina.training.program import (
    NOTHING,
    Clock,
    Record,
    Step,
    loop_program,
    packed,
    trace_step,
)

__all__ = ["Engine", "Engines", "Runner", "clock_of"]

_LIMIT = 32
# Bytes that a program takes while it runs. On a CPU, one that takes more is not called
# before the one under way is done: there each call takes that much anew, at once.
_LARGE = 2**25
# Seconds after the results within which XLA has given that memory back.
_MOMENT = 0.001
# Batches in an epoch of unknown length.
_ENDLESS = 2**31 - 1


class Engine:
    """The compiled loops of one model for one kind of step.

    Args:
        step: takes a batch, reads and assigns variables, returns logs.
        modules: gives the modules it uses: model, optimizer, metrics.
        fresh: resets the metrics.
        results: logs as a function of the state; `None` if the step returns them.
        guard: whether to stop before a step that is not finite.
        eager: whether to run steps one by one without compiling them.
    """

    def __init__(
        self,
        step: Callable[[Any], Any],
        modules: Callable[[], Sequence[Module]],
        fresh: Callable[[], None],
        results: Callable[[], Any] | None,
        guard: bool,
        eager: bool = False,
    ) -> None:
        self.step, self.modules = step, modules
        self.fresh, self.results = fresh, results
        self.guard, self.eager = guard, eager
        self._runners: OrderedDict[Hashable, Runner] = OrderedDict()
        self._recent: dict[Hashable, _Recent] = {}

    def runner(self, segment: Segment, record: Record = NOTHING) -> Runner:
        """The compiled loop for data of this kind; traced if it is new."""
        leaves, structure = jax.tree.flatten(segment.data)
        shapes = tuple([(a.shape, a.dtype) for a in leaves])
        kind = segment.batches, record, structure, shapes
        known = self._recent.get(kind)
        if known is None or not known.is_current():
            known = _Recent(self._look_up(kind, segment, record), self)
            self._recent[kind] = known
        known.runner.numbers = known.read_numbers()
        return known.runner

    def _look_up(self, kind: Hashable, segment: Segment, record: Record) -> Runner:
        """The runner for the modules as they are now: variables, what is trained."""
        modules = list(self.modules())
        variables = [v for m in modules for v in m.all_variables()]
        numbers = stateless.numbers_of(modules)
        key = (
            kind,
            tuple((id(v), v.trainable) for v in variables),
            tuple(getattr(m, "trainable", None) for r in modules for m in r.modules()),
            tuple((k, v == 0) for k, v in numbers.items()),
        )
        found = self._runners.get(key)
        if found is None:
            if self.eager:
                found = EagerRunner(self, segment.batches)
            else:
                specs = segment.batches.specs(segment.data)
                # Forms are timed with their gradients, so not for an evaluation.
                with tuning.measuring(segment.last if self.guard else 0):
                    step = trace_step(self.step, variables, numbers, specs, self.guard)
                found = CompiledRunner(self, step, segment.batches, record)
            self._runners[key] = found
            if len(self._runners) > _LIMIT:
                self._runners.popitem(last=False)
        return found

    def release(self) -> None:
        """Give back the memory that is kept for more steps."""
        for runner in self._runners.values():
            runner.release()

    def trace(self, batch: Any) -> None:
        """Run the step on shapes alone, so that it raises what it would raise."""
        modules = list(self.modules())
        variables = [v for m in modules for v in m.all_variables()]
        numbers = stateless.numbers_of(modules)
        specs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), batch)
        trace_step(self.step, variables, numbers, [specs], self.guard)


class Engines:
    """What `compile` starts anew: compiled loops and known output shapes."""

    def __init__(self) -> None:
        self.by_kind: dict[Any, Engine] = {}
        self.outputs: dict[Any, Any] = {}


class _Recent:
    """A runner, and what tells whether the modules are still as it was chosen for.

    Walking all modules takes longer than a short epoch, so that it is done only
    when a module was made or attached or frozen, or a number became zero or stopped
    being it.
    """

    def __init__(self, runner: Runner, engine: Engine) -> None:
        self.runner = runner
        roots = engine.modules()
        owners = {id(m): m for root in roots for m in root.modules()}
        numbers = stateless.numbers_of(roots)
        self._places = [(owners[owner], name) for owner, name in numbers]
        self._zeros = [v == 0 for v in numbers.values()]
        self._version = structure_version()

    def is_current(self) -> bool:
        """Whether the runner still fits."""
        if self._version != structure_version():
            return False
        return [v == 0 for v in self.read_numbers()] == self._zeros

    def read_numbers(self) -> list[float]:
        """The hyperparameters as they are now."""
        return [float(m.__dict__[name]) for m, name in self._places]


class CompiledRunner:
    """One compiled loop, and the variables it runs on.

    `chunk` is how many steps a dispatch was last found to have time for.
    """

    chunk = 1

    def __init__(
        self, engine: Engine, step: Step, batches: Batches, record: Record
    ) -> None:
        self.changed, self.fixed = step.changed, step.fixed
        self.numbers: list[float] = []
        self.record = record
        self._program = loop_program(
            step, batches, engine.fresh, engine.results, record, engine.guard
        )
        self._executable: Any = None
        self._is_large = False

    def prepare(self, data: Any) -> None:
        """Begin to compile in the background."""
        values = [v.raw for v in self.changed]
        self._program.prepare(*self._arguments(values, data, clock_of(0, 0, 0, 1)))

    def run(self, data: Any, clock: Clock) -> dict[str, Any]:
        """Run a stretch of batches; the variables then hold the new state."""
        spare = [v.take_spare() for v in self.changed]
        arguments = self._arguments(spare, data, clock)
        if self._executable is None:
            self._executable = self._program.executable(*arguments)
            on_cpu = jax.default_backend() == "cpu"
            self._is_large = on_cpu and temporary_bytes(self._executable) > _LARGE
        if self._is_large:
            jax.block_until_ready(arguments[0])
            time.sleep(_MOMENT)
        values, out = self._executable(*arguments)
        for variable, value in zip(self.changed, values, strict=True):
            variable.replace(value)
        return out

    def release(self) -> None:
        """Give back the memory that is kept for the next dispatch."""
        for variable in self.changed:
            variable.drop_spare()

    def _arguments(self, spare: Any, data: Any, clock: Clock) -> tuple[Any, ...]:
        changed = [v.raw for v in self.changed]
        fixed = [v.raw for v in self.fixed]
        numbers = np.array(self.numbers, jax.dtypes.canonicalize_dtype(float))
        return changed, spare, fixed, numbers, data, *packed(clock)


class EagerRunner:
    """The same contract, step by step in Python."""

    chunk = 1

    def __init__(self, engine: Engine, batches: Batches) -> None:
        self._engine, self._batches = engine, batches
        self.numbers: list[float] = []
        self.record = NOTHING

    def prepare(self, data: Any) -> None:
        """Nothing is compiled."""

    def run(self, data: Any, clock: Clock) -> dict[str, Any]:
        """Run a stretch of batches; the variables then hold the new state."""
        logs: Any = None
        bad = int(clock.bad)
        for n in range(clock.first, clock.last):
            epochs, number = divmod(n, clock.steps)
            if clock.fresh and number == 0:
                self._engine.fresh()
            order = clock.seed, clock.epoch + epochs
            batch = self._batches.take(data, order, number)
            run = RunKey(jnp.uint32(clock.seed), jnp.uint32(clock.step + n))
            with StateScope(run=run) as scope:
                logs = self._engine.step(batch)
                finite = bool(scope.finite()) if self._engine.guard else True
            if not finite:
                bad = n
                break
            for key, variable in scope.assigned.items():
                variable.raw = scope.values[key]
        results = self._engine.results
        logs = results() if results is not None else logs
        return {"logs": logs, "bad": bad, "rows": {}}

    def release(self) -> None:
        """Nothing is kept."""


Runner = CompiledRunner | EagerRunner


def clock_of(
    seed: int,
    step: int,
    first: int,
    last: int,
    epoch: int = 0,
    steps: int | None = None,
    fresh: bool = False,
    bad: Any = -1,
) -> Clock:
    """A clock; numbers that have no end are kept to 32 bits."""
    steps = _ENDLESS if steps is None else steps
    seed, step = seed & 0xFFFFFFFF, step & 0xFFFFFFFF
    return Clock(seed, step, epoch, steps, first, last, fresh, bad)
