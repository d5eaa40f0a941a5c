"""Dispatching compiled loops: gather the model's state, run, put the new state back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core import stateless
from lamina.core.module import Module
from lamina.core.scope import RunKey, StateScope
from lamina.core.variable import Variable, state_lock
from lamina.data.feeds import Batches, Segment
from lamina.ops.kernels import autotune
from lamina.runtime.compile_clock import compiling
from lamina.runtime.executable import temporary_bytes
from lamina.runtime.module_state import ModuleState, ProgramCache
from lamina.training.program import (
    NOTHING,
    DispatchArgs,
    LogMode,
    Step,
    loop_program,
    pack_args,
    trace_step,
)

__all__ = ["Engine", "Engines", "Runner", "dispatch_args"]

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
        self.step = step
        self.fresh, self.results = fresh, results
        self.guard, self.eager = guard, eager
        self._cache = ProgramCache(lambda: ModuleState.of(modules()))

    def runner(self, segment: Segment, record: LogMode = NOTHING) -> Runner:
        """The compiled loop for data of this kind; traced if it is new."""
        leaves, structure = jax.tree.flatten(segment.data)
        shapes = tuple([(a.shape, a.dtype) for a in leaves])
        kind = segment.batches, record, structure, shapes
        found = self._cache.find(kind)
        if found is None:
            found, state = self._make(segment, record)
            self._cache.store(kind, found, state)
        return found

    def _make(self, segment: Segment, record: LogMode) -> tuple[Runner, ModuleState]:
        if self.eager:
            return EagerRunner(self, segment.batches), self._cache.state()
        specs = segment.batches.specs(segment.data)
        # Forms are timed with their gradients, so not for an evaluation.
        with compiling(), autotune.allow_timing(segment.last if self.guard else 0):
            step = self._trace(specs)
        return CompiledRunner(self, step, segment.batches, record), step.state

    def _trace(self, batches: Sequence[Any]) -> Step:
        """The step for batches of some shapes, with all variables that it meets."""
        captured: dict[int, Variable] = {}
        for _ in range(stateless.ATTEMPTS):
            state = self._cache.state()
            step, captured = trace_step(self.step, state, batches, self.guard)
            if not captured:
                return step
            self._cache.add_variables(captured)
        raise stateless.new_variable_error(captured)

    def release(self) -> None:
        """Give back the memory that is kept for more steps."""
        for runner in self._cache.programs():
            runner.release()

    def trace(self, batch: Any) -> None:
        """Run the step on shapes alone, so that it raises what it would raise."""
        self._trace([
            jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), batch)
        ])  # fmt: skip


class Engines:
    """What `compile` starts anew: compiled loops and known output shapes."""

    def __init__(self) -> None:
        self.by_kind: dict[Any, Engine] = {}
        self.outputs: dict[Any, Any] = {}


class CompiledRunner:
    """One compiled loop, and the variables it runs on.

    `chunk` is how many steps a dispatch was last found to have time for.
    """

    chunk = 1

    def __init__(
        self, engine: Engine, step: Step, batches: Batches, record: LogMode
    ) -> None:
        self.changed, self.fixed, self._state = step.changed, step.fixed, step.state
        self.record = record
        self._program = loop_program(
            step, batches, engine.fresh, engine.results, record, engine.guard
        )
        self._executable: Any = None
        self._is_large = False

    def prepare(self, data: Any) -> None:
        """Begin to compile in the background."""
        values = [v.raw for v in self.changed]
        self._program.prepare(*self._arguments(values, data, dispatch_args(0, 0, 0, 1)))

    def run(self, data: Any, clock: DispatchArgs) -> dict[str, Any]:
        """Run a stretch of batches; the variables then hold the new state."""
        if self._executable is None:
            changed = [v.raw for v in self.changed]
            arguments = self._arguments(changed, data, clock)
            self._executable = self._program.executable(*arguments)
            on_cpu = jax.default_backend() == "cpu"
            self._is_large = on_cpu and temporary_bytes(self._executable) > _LARGE
        if self._is_large:
            jax.block_until_ready([v.raw for v in self.changed])
            time.sleep(_MOMENT)
        with state_lock:
            spare = [v.take_donation_buffer() for v in self.changed]
            values, out = self._executable(*self._arguments(spare, data, clock))
            for variable, value in zip(self.changed, values, strict=True):
                variable.replace(value)
        return out

    def release(self) -> None:
        """Give back the memory that is kept for the next dispatch."""
        for variable in self.changed:
            variable.drop_donation_buffer()

    def _arguments(self, spare: Any, data: Any, clock: DispatchArgs) -> tuple[Any, ...]:
        changed = [v.raw for v in self.changed]
        fixed = [v.raw for v in self.fixed]
        numbers = np.array(
            self._state.hyperparameters(), jax.dtypes.canonicalize_dtype(float)
        )
        return changed, spare, fixed, numbers, data, *pack_args(clock)


class EagerRunner:
    """The same contract, step by step in Python."""

    chunk = 1

    def __init__(self, engine: Engine, batches: Batches) -> None:
        self._engine, self._batches = engine, batches
        self.record = NOTHING

    def prepare(self, data: Any) -> None:
        """Nothing is compiled."""

    def run(self, data: Any, clock: DispatchArgs) -> dict[str, Any]:
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
                finite = bool(scope.is_finite()) if self._engine.guard else True
            if not finite:
                bad = n
                break
            with state_lock:
                for key, variable in scope.assigned.items():
                    variable.raw = scope.values[key]
        results = self._engine.results
        logs = results() if results is not None else logs
        return {"logs": logs, "bad": bad, "rows": {}}

    def release(self) -> None:
        """Nothing is kept."""


Runner = CompiledRunner | EagerRunner


def dispatch_args(
    seed: int,
    step: int,
    first: int,
    last: int,
    epoch: int = 0,
    steps: int | None = None,
    fresh: bool = False,
    bad: Any = -1,
) -> DispatchArgs:
    """A clock; numbers that have no end are kept to 32 bits."""
    steps = _ENDLESS if steps is None else steps
    seed, step = seed & 0xFFFFFFFF, step & 0xFFFFFFFF
    return DispatchArgs(seed, step, epoch, steps, first, last, fresh, bad)
