"""Dispatch of training loops: gather the model's state, run, store the new state."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.dtypes import is_float, shape_to_trace
from lamina.core.module import all_modules
from lamina.core.scope import RunKey, StateScope
from lamina.core.tracing.trace_state import platform
from lamina.core.variable import Variable, state_lock
from lamina.data.batches import Batches, Data, Segment
from lamina.errors import LikelyMistakeWarning
from lamina.garbage import collection_paused
from lamina.metrics.base import Metric
from lamina.ops.kernels import autotune
from lamina.runtime.compile_clock import compiling
from lamina.runtime.executable import temporary_bytes
from lamina.runtime.module_state import ModuleState, ProgramCache
from lamina.runtime.operations import still_finite
from lamina.runtime.placement import count_dispatch, current, place
from lamina.runtime.pure_function import TracedStep, trace_step
from lamina.tracebacks import warn
from lamina.training.device_loop import (
    LoopInputs,
    LoopSpec,
    Step,
    loop_program,
)
from lamina.training.dispatch import (
    LOG_LAST,
    DispatchArgs,
    DispatchResult,
    LogMode,
    program_args,
)
from lamina.typing import PyTree

# Temporary bytes of a program. On a CPU each call allocates them at once, so a program
# that needs more is not called before the running one has ended.
_LARGE = 2**25
# XLA frees them just after its results are ready. Without a pause, the next call often
# allocates before that: a transformer's training took 590 to 750 MiB, not 435.
_PAUSE = 2e-4  # seconds
# Bytes of a model's buffers that are retained after training.
_RETAINED = 2**20
_CONSTANT_LOSS = (
    "The gradient of the loss is zero for every weight, so nothing is trained: the "
    "loss or the predictions are constants, or are made by rounding, comparisons, "
    "argmax or integers, which have no gradient. Compute the loss from the values "
    "before them. [loss-without-gradient]"
)


class Engine:
    """Loops of one model for one kind of step.

    Args:
        step: the step.
        execute: runs a batch by itself; with `None`, a loop over batches is compiled.
    """

    def __init__(self, step: Step, execute: Execute | None = None) -> None:
        self.step, self._execute = step, execute
        self.is_compiled = execute is None
        self._cache: ProgramCache[LoopRunner] = ProgramCache(
            lambda: ModuleState.of(step.modules())
        )

    def runner(self, segment: Segment, log_mode: LogMode = LOG_LAST) -> Runner:
        """Return the loop for data of these shapes; trace it if there is none."""
        if self._execute is not None:
            return StepRunner(self.step, self._execute, segment.batches)
        leaves, structure = jax.tree.flatten(segment.data)
        shapes = tuple([(a.shape, a.dtype) for a in leaves])
        key = segment.batches, log_mode, structure, shapes, current()

        def make(state: ModuleState) -> LoopRunner:
            specs = segment.batches.specs(segment.data)
            # Kernels are timed with their gradients, so not for an evaluation.
            steps = segment.last if self.step.guard else 0
            with compiling(), autotune.allow_timing(steps):
                traced = self._trace(state, specs)
            return LoopRunner(LoopSpec(self.step, traced, segment.batches, log_mode))

        place(self._cache.state().variables)
        runner = self._cache.get(key, make)
        place(runner.state.variables)
        return runner

    def trace(self, batch: PyTree) -> None:
        """Run the step on shapes alone, so that it raises what it would raise."""
        specs = [jax.tree.map(lambda a: shape_to_trace(a.shape, a.dtype), batch)]
        self._cache.make(lambda state: self._trace(state, specs))

    def _trace(self, state: ModuleState, batches: Sequence[PyTree]) -> TracedStep:
        with collection_paused():
            traced = trace_step(self.step.function, state, batches, self.step.guard)
        if not traced.captured:  # else it is traced once more
            _check_update(self.step, traced.changed, traced.has_constant_loss)
        return traced

    def state(self) -> ModuleState:
        """Return the variables and hyperparameters that the step uses."""
        return self._cache.state()

    def release(self) -> None:
        """Free the memory that is retained for more steps."""
        for runner in self._cache.programs():
            runner.release()


def _check_update(
    step: Step, changed: Sequence[Variable], has_constant_loss: bool
) -> None:
    """Warn about a training step that changes no weight, or by gradients of zero.

    Args:
        step: the step.
        changed: the variables that it assigns.
        has_constant_loss: whether a loss in it has no gradient.
    """
    if not step.warns():
        return
    modules = all_modules(step.modules())
    metrics = [m for m in modules if isinstance(m, Metric)]
    tracked = {id(v) for metric in metrics for v in metric.own_variables()}
    changed = [v for v in changed if id(v) not in tracked]
    if not any(v.trainable for module in modules for v in module.own_variables()):
        return
    if not any(is_float(v.dtype) for v in changed):
        warn(
            "The training step changes no weight, so nothing is trained. If "
            "`train_step` is your own, compute the gradients with "
            "`lamina.value_and_grad` and call `self.optimizer.apply(gradients)`.",
            LikelyMistakeWarning,
        )
    elif has_constant_loss and "loss-without-gradient" not in config.silenced_checks():
        warn(_CONSTANT_LOSS, LikelyMistakeWarning)


# Arrays of variables that a dispatch has replaced, and whether others may use them.
_Replaced: TypeAlias = list[tuple[Any, bool]]


class Started(NamedTuple):
    """A dispatch that may still run.

    `finish` waits for it and returns the final result. It must precede all other uses
    of the variables, and each dispatch is finished before those that start after it;
    if it undoes steps, these have no results.
    """

    out: DispatchResult
    finish: Callable[[], DispatchResult]


class LoopRunner:
    """Compiled loop, and the variables that it runs on.

    `chunk` is the number of steps of its last dispatch that `ChunkSizer` chose.
    """

    chunk = 1

    def __init__(self, spec: LoopSpec) -> None:
        traced = spec.traced
        self.state, self.captured = traced.state, traced.captured
        self._changed, self._fixed = traced.changed, traced.fixed
        self._guard, self._batches = spec.step.guard, spec.batches
        self._is_small = sum(v.raw.nbytes for v in self._changed) < _RETAINED
        # Whether a dispatch may start before the one before it is finished. With a
        # guard, that needs memory for a third state.
        self.overlaps = self._is_small or not self._guard
        self._program = loop_program(spec)
        self._executable: Any = None
        self._is_new, self._is_large = True, False

    def prepare(self, data: Data) -> None:
        """Start to compile in a background thread."""
        values = [v.raw for v in self._changed]
        self._program.prepare(self._inputs(data, DispatchArgs()), values)

    def run(self, data: Data, args: DispatchArgs) -> DispatchResult:
        """Run batches; the variables then hold the new state."""
        return self.start(data, args).finish()

    def compile(self, data: Data, args: DispatchArgs) -> None:
        """Compile, if that is not done."""
        if self._executable is not None:
            return
        inputs, values = self._inputs(data, args), [v.raw for v in self._changed]
        with compiling():
            self._program.prepare(inputs, values)
            # Meanwhile, so that the first dispatch of 32 MB takes 20 to 30 ms less.
            for storage in [v.storage for v in self._changed]:
                if storage.sharding is None:
                    buffer = jax.device_put(storage.take_donation_buffer())
                    storage.retire(buffer, aliased=False)
            self._executable = self._program.executable(inputs, values)

    def start(self, data: Data, args: DispatchArgs) -> Started:
        """Start to run batches."""
        self.compile(data, args)
        is_first, self._is_new = self._is_new, False
        if is_first or self._is_large:
            jax.block_until_ready([v.raw for v in self._changed])
            time.sleep(_PAUSE)
        count_dispatch()
        with state_lock:
            buffers = [v.storage.take_donation_buffer() for v in self._changed]
            before = [(v.storage.array, v.storage.aliased) for v in self._changed]
            values, unnamed = self._executable(self._inputs(data, args), buffers)
            for variable, value in zip(self._changed, values, strict=True):
                variable.storage.set(value)
        if is_first and platform() == "cpu":
            # While the program runs: for 128 layers that takes 0.1 s.
            self._is_large = temporary_bytes(self._executable) > _LARGE
        self._batches.prepare(data)
        out = unnamed.named()
        if self._guard:
            return Started(out, partial(self._finish, data, args, out, before, values))
        self._retire(before)
        return Started(out, lambda: out)

    def _finish(
        self,
        data: Data,
        args: DispatchArgs,
        out: DispatchResult,
        before: _Replaced,
        after: Sequence[Any],
    ) -> DispatchResult:
        """Wait for a dispatch, and undo its steps from one on that is not finite.

        The steps are run again from the state before them, to an end that lies one
        batch earlier, then two more, then four, until the last good batch is found.
        """
        is_good = _is_good(out, args, before, after)
        if is_good:
            self._retire(before)
            return out._replace(bad=np.int32(-1))
        first, end = args.first, args.last
        # Everything is finite after the batches before `good`, and something is not
        # after those before `bad`.
        good, bad, back = first, end, 1
        while not is_good or bad - good > 1:
            if not is_good:
                bad = min(int(out.bad), end - 1) + 1
                # A device that adds in another order each time may find fewer.
                good = good if bad > good else first
            end = max(bad - back, good)
            attempt = args._replace(last=end)
            with state_lock:
                for variable, old in zip(self._changed, before, strict=True):
                    variable.storage.array, variable.storage.aliased = old
            out = self.start(data, attempt).out
            after = [v.raw for v in self._changed]
            is_good = _is_good(out, attempt, before, after)
            good, back = (end, 1) if is_good else (good, 2 * back)
        self._retire(before)
        return out._replace(bad=np.int32(good))

    def _retire(self, before: _Replaced) -> None:
        """Let the next dispatch overwrite arrays that have been replaced."""
        for variable, old in zip(self._changed, before, strict=True):
            variable.storage.retire(*old)

    def release(self) -> None:
        """Free the memory that is retained for the next dispatch, if it is much.

        Allocating the buffers of a small model takes longer than an epoch of it.
        """
        if self._is_small:
            return
        for variable in self._changed:
            variable.storage.drop_donation_buffer()

    def _inputs(self, data: Data, args: DispatchArgs) -> LoopInputs:
        changed = [v.raw for v in self._changed]
        fixed = [v.raw for v in self._fixed]
        hyperparameters = self.state.hyperparameters()
        epochs = 1 + (args.last - 1) // args.steps
        data = self._batches.ordered(data, args.seed, args.epoch, args.first, epochs)
        return LoopInputs(changed, fixed, hyperparameters, data, program_args(args))


def _is_good(
    out: DispatchResult, args: DispatchArgs, before: _Replaced, after: Sequence[Any]
) -> bool:
    """Return whether all that was finite before a dispatch is finite after it.

    The variables may already hold the results of a later dispatch.
    """
    bad = int(out.bad)
    if bad != args.last:  # else the losses are finite, but not all variables
        return bad < 0
    return still_finite(after, [array for array, _ in before])


class StepRunner:
    """Loop in Python with the interface of `LoopRunner`, one batch after the other."""

    chunk = 1
    overlaps = True

    def __init__(self, step: Step, execute: Execute, batches: Batches) -> None:
        self._step, self._execute, self._batches = step, execute, batches

    def prepare(self, data: Data) -> None:
        """Do nothing: no loop is compiled."""

    def compile(self, data: Data, args: DispatchArgs) -> None:
        """Do nothing: no loop is compiled."""

    def run(self, data: Data, args: DispatchArgs) -> DispatchResult:
        """Run batches; the variables then hold the new state."""
        logs: Any = None
        bad = -1
        for n in range(args.first, args.last):
            epochs, number = divmod(n, args.steps)
            if number == 0:
                self._step.reset_metrics()
            order = args.seed, args.epoch + epochs
            batch = self._batches.take(
                self._batches.ordered(data, *order, number), number
            )
            logs, is_finite = self._execute(batch, RunKey(args.seed, args.step + n))
            if not is_finite:
                bad = n
                break
        results = self._step.results
        return DispatchResult(logs if results is None else results(), bad)

    def start(self, data: Data, args: DispatchArgs) -> Started:
        """Run batches."""
        out = self.run(data, args)
        return Started(out, lambda: out)


Runner = LoopRunner | StepRunner
# Runs a step on a batch with a seed and a number of the step; returns the logs, and
# whether losses and gradients are finite.
Execute = Callable[[Any, RunKey], tuple[Any, bool]]


def eager(step: Step) -> Execute:
    """Return a function that runs a step op by op."""
    is_checked = False

    def execute(batch: PyTree, key: RunKey) -> tuple[PyTree, bool]:
        with StateScope(
            run=RunKey(*(jnp.uint32(n & 0xFFFFFFFF) for n in key))
        ) as scope:
            logs = step.function(batch)
            is_finite = not step.guard or bool(scope.is_finite())
        nonlocal is_checked
        if not is_checked:
            is_checked = True
            _check_update(step, [*scope.assigned.values()], scope.has_constant_loss)
        if is_finite:
            with state_lock:
                for i, variable in scope.assigned.items():
                    variable.raw = scope.values[i]
        return logs, is_finite

    return execute


def compiled(function: Callable[[Any], Any]) -> Execute:
    """Return a function that calls a compiled function of a batch."""
    return lambda batch, _: (function(batch), True)
