"""Dispatch of training loops: gather the model's state, run, store the new state."""

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
from lamina.data.batches import Batches, Segment
from lamina.ops.kernels import autotune
from lamina.runtime.compile_clock import compiling
from lamina.runtime.executable import temporary_bytes
from lamina.runtime.module_state import ModuleState, ProgramCache
from lamina.training.device_loop import loop_program
from lamina.training.dispatch import (
    LOG_LAST,
    DispatchArgs,
    LogMode,
    dispatch_args,
    pack_args,
)
from lamina.training.traced_step import TracedStep, trace_step

# Temporary bytes of a program. On a CPU each call allocates them at once, so a program
# that needs more is not called before the running one has ended.
_LARGE = 2**25
# XLA frees that memory within this many seconds after the results are there.
_MOMENT = 0.001


class Engine:
    """Loops of one model for one kind of step.

    Args:
        step: takes a batch, reads and assigns variables, returns logs.
        modules: returns the modules that it uses: model, optimizer, metrics.
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

    def runner(self, segment: Segment, log_mode: LogMode = LOG_LAST) -> Runner:
        """Return the loop for data of these shapes; trace it if there is none."""
        leaves, structure = jax.tree.flatten(segment.data)
        shapes = tuple([(a.shape, a.dtype) for a in leaves])
        kind = segment.batches, log_mode, structure, shapes
        found = self._cache.find(kind)
        if found is None:
            found, state = self._make(segment, log_mode)
            self._cache.store(kind, found, state)
        return found

    def _make(self, segment: Segment, log_mode: LogMode) -> tuple[Runner, ModuleState]:
        if self.eager:
            return EagerRunner(self, segment.batches), self._cache.state()
        specs = segment.batches.specs(segment.data)
        # Kernels are timed with their gradients, so not for an evaluation.
        with compiling(), autotune.allow_timing(segment.last if self.guard else 0):
            step = self._trace(specs)
        return CompiledRunner(self, step, segment.batches, log_mode), step.state

    def _trace(self, batches: Sequence[Any]) -> TracedStep:
        """Trace the step for batches of some shapes, with all variables it uses."""
        captured: dict[int, Variable] = {}
        for _ in range(stateless.ATTEMPTS):
            state = self._cache.state()
            step, captured = trace_step(self.step, state, batches, self.guard)
            if not captured:
                return step
            self._cache.add_variables(captured)
        raise stateless.new_variable_error(captured)

    def release(self) -> None:
        """Free the memory that is kept for more steps."""
        for runner in self._cache.programs():
            runner.release()

    def trace(self, batch: Any) -> None:
        """Run the step on shapes alone, so that it raises what it would raise."""
        spec = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), batch)
        self._trace([spec])


class Engines:
    """Loops and output shapes that are valid until the next `compile`."""

    def __init__(self) -> None:
        self.by_kind: dict[Any, Engine] = {}
        self.outputs: dict[Any, Any] = {}


class CompiledRunner:
    """Compiled loop, and the variables that it runs on.

    `chunk` is the number of steps of its last dispatch that `ChunkSizer` chose.
    """

    chunk = 1

    def __init__(
        self, engine: Engine, step: TracedStep, batches: Batches, log_mode: LogMode
    ) -> None:
        self.changed, self.fixed, self._state = step.changed, step.fixed, step.state
        self.log_mode = log_mode
        self._program = loop_program(
            step, batches, engine.fresh, engine.results, log_mode, engine.guard
        )
        self._executable: Any = None
        self._is_large = False

    def prepare(self, data: Any) -> None:
        """Start to compile in a background thread."""
        values = [v.raw for v in self.changed]
        self._program.prepare(*self._inputs(values, data, dispatch_args(0, 0, 0, 1)))

    def run(self, data: Any, args: DispatchArgs) -> dict[str, Any]:
        """Run batches; the variables then hold the new state."""
        if self._executable is None:
            changed = [v.raw for v in self.changed]
            inputs = self._inputs(changed, data, args)
            self._executable = self._program.executable(*inputs)
            on_cpu = jax.default_backend() == "cpu"
            self._is_large = on_cpu and temporary_bytes(self._executable) > _LARGE
        if self._is_large:
            jax.block_until_ready([v.raw for v in self.changed])
            time.sleep(_MOMENT)
        with state_lock:
            buffers = [v.take_donation_buffer() for v in self.changed]
            values, out = self._executable(*self._inputs(buffers, data, args))
            for variable, value in zip(self.changed, values, strict=True):
                variable.replace(value)
        return out

    def release(self) -> None:
        """Free the memory that is kept for the next dispatch."""
        for variable in self.changed:
            variable.drop_donation_buffer()

    def _inputs(self, buffers: Any, data: Any, args: DispatchArgs) -> tuple[Any, ...]:
        changed = [v.raw for v in self.changed]
        fixed = [v.raw for v in self.fixed]
        numbers = np.array(
            self._state.hyperparameters(), jax.dtypes.canonicalize_dtype(float)
        )
        return changed, buffers, fixed, numbers, data, *pack_args(args)


class EagerRunner:
    """Loop in Python with the interface of `CompiledRunner`."""

    chunk = 1

    def __init__(self, engine: Engine, batches: Batches) -> None:
        self._engine, self._batches = engine, batches
        self.log_mode = LOG_LAST

    def prepare(self, data: Any) -> None:
        """Nothing is compiled."""

    def run(self, data: Any, args: DispatchArgs) -> dict[str, Any]:
        """Run batches; the variables then hold the new state."""
        logs: Any = None
        bad = int(args.bad)
        for n in range(args.first, args.last):
            epochs, number = divmod(n, args.steps)
            if args.fresh and number == 0:
                self._engine.fresh()
            order = args.seed, args.epoch + epochs
            batch = self._batches.take(data, order, number)
            run = RunKey(jnp.uint32(args.seed), jnp.uint32(args.step + n))
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
        return {"logs": logs, "bad": bad, "recorded": {}}

    def release(self) -> None:
        """Nothing is kept."""


Runner = CompiledRunner | EagerRunner
