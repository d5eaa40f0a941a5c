"""The compiled training loop: state, data and batch numbers in; state and logs out.

`while_loop` with run-time bounds runs a traced step over any batches of an epoch, so
one executable serves chunks of every length, and the result has the same bits however
an epoch is cut.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina.core.module import Module
from lamina.core.scope import RunKey
from lamina.data.batches import INNER_CHUNK, Batches
from lamina.runtime.executable import Program
from lamina.runtime.operations import all_finite
from lamina.runtime.placement import (
    as_rows,
    gathered,
    in_shape,
    placed,
    split_rows,
)
from lamina.runtime.pure_function import PureResult, StateFunction, TracedStep
from lamina.training.dispatch import (
    DispatchArgs,
    DispatchResult,
    LogMode,
    Unnamed,
)
from lamina.typing import Array, PyTree


class Step(NamedTuple):
    """A kind of step of a model, and what the loop around it needs."""

    kind: str  # "train", "test" or "predict"
    function: Callable[[Any], Any]  # takes a batch, uses variables, returns logs
    modules: Callable[[], Sequence[Module]]  # those that it uses: model, optimizer, ...
    reset_metrics: Callable[[], None]  # called where an epoch starts
    # Logs as a function of the state after the last step; `None` if they are what the
    # last step returned.
    results: Callable[[], Any] | None
    guard: bool  # whether to stop before a step that leaves something not finite
    # Whether to warn about a step that trains nothing.
    warns: Callable[[], bool] = lambda: False


class LoopSpec(NamedTuple):
    """A loop over a step."""

    step: Step
    traced: TracedStep
    batches: Batches  # how it finds its batches
    log_mode: LogMode  # which logs a dispatch also returns


class LoopInputs(NamedTuple):
    """Inputs of a loop program besides the buffers for its results."""

    changed: Any  # values of the variables that the step assigns
    fixed: Any  # values of those that it only reads
    hyperparameters: Any
    data: Any
    args: DispatchArgs


def loop_program(spec: LoopSpec) -> Program:
    """Make the program that runs a step over batches.

    Returns:
        A program of `LoopInputs` and buffers that returns the new values of the changed
        variables and an `Unnamed` `DispatchResult`. The values are written into the
        buffers, which are donated.
    """

    def run(inputs: LoopInputs, buffers: Sequence[Array]) -> Any:
        inputs = inputs._replace(changed=as_rows(inputs.changed))
        values, result = _DeviceLoop(spec, inputs).dispatch()
        return values, Unnamed(result)

    # The results take the memory of the buffers, which have their shapes.
    return Program(run, donate=(1,))


class LoopState(NamedTuple):
    """Carry of the loop from step to step."""

    changed: Any  # values of the variables that the step assigns, as rows
    logs: Any  # what the last step returned; None if logs follow from the state
    recorded: Any  # logs of `log_mode`, along a first axis


class _Position(NamedTuple):
    """Carry of the loop over batches."""

    next: Array  # number of the batch to run next
    is_finite: Array  # whether the loss of the batch before it is
    state: LoopState
    block: Any  # the rows of several batches, if they are gathered together


class _Epoch(NamedTuple):
    """Consecutive batches of one epoch."""

    start: Any  # number of its first batch, which may be before those of the dispatch
    in_dispatch: Any  # number in the dispatch
    full: Array  # one past the last batch that is not the smaller one
    end: Array  # one past the last batch


class _DeviceLoop:
    """One dispatch while it is traced."""

    def __init__(self, spec: LoopSpec, inputs: LoopInputs) -> None:
        self.step, self.traced, self.batches, self.log_mode = spec
        self.args = inputs.args
        hyperparameters = [jnp.asarray(h, float) for h in inputs.hyperparameters]
        self.inputs = inputs._replace(hyperparameters=hyperparameters)
        self._reset = StateFunction(self.step.reset_metrics, self.traced.state)
        self._results = self._traced_results()

    def _traced_results(self) -> StateFunction | None:
        """Return the logs as a function of the variables, if they are one."""
        results = self.step.results
        if results is None:
            return None
        # In the order of the metrics, not of their names.
        return StateFunction(lambda: OrderedDict(results()), self.traced.state)

    def dispatch(self) -> tuple[list[Array], DispatchResult]:
        """Run the batches of the arguments and return the new values and the logs."""
        step, results, shapes = self.step, self._results, self.traced.logs
        logs = None
        if results is None:
            logs = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        else:
            shapes = results.result.outputs
        recorded = jax.tree.map(
            lambda s: jnp.zeros((self.log_mode.limit, *s.shape), s.dtype), shapes
        )
        start = LoopState(self.inputs.changed, logs, recorded)
        position = self.run(start)
        state = position.state
        bad = jnp.int32(-1)
        if step.guard:
            # Values are checked once: the caller has those from before, and running
            # steps again is cheaper than a copy of the state every few steps.
            bad = jnp.where(all_finite(state.changed), bad, self.args.last)
            bad = jnp.where(position.is_finite, bad, position.next - 1)
        values = placed(self.traced.changed, self._shaped(state.changed))
        return values, gathered(DispatchResult(self._logs(state), bad, state.recorded))

    def run(self, start: LoopState) -> _Position:
        """Run the batches, or up to one with a loss that is not finite."""
        data, first = self.inputs.data, self.args.first
        shapes = jax.eval_shape(lambda: self.batches.block(data, first))
        block = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        position = _Position(first, jnp.bool_(True), start, block)
        return _while_finite(self.args.last, self._advance, position)

    def _advance(self, position: _Position) -> _Position:
        """Run the next batch, or the rest of an epoch that has a smaller batch.

        Full batches are not a branch of a condition: XLA writes the state of a loop in
        place, and copies that of a branch. Only a smaller batch needs a second loop:
        XLA takes long to compile loops that carry hundreds of arrays.
        """
        epoch = _epoch_at(self, position.next, self.args.last)
        is_first, state = position.next == epoch.start, position.state
        state = state._replace(changed=self._reset_metrics(state.changed, is_first))
        position = position._replace(state=state)
        if self.batches.rest:
            position = _while_finite(
                epoch.full, lambda p: self._run_full_batch(epoch, p), position
            )
            position = jax.lax.cond(
                position.is_finite & (position.next < epoch.end),
                lambda p: self._run_last_batch(epoch, p),
                lambda p: p,
                position,
            )
        else:
            position = self._run_full_batch(epoch, position)
        if self.log_mode.of == "epochs":
            # At the end of an epoch, the last ones remain.
            state = self._recorded(position.state, epoch.in_dispatch)
            position = position._replace(state=state)
        return position

    def _run_full_batch(self, epoch: _Epoch, position: _Position) -> _Position:
        n, block = position.next, position.block
        batches, data, i = self.batches, self.inputs.data, position.next - epoch.start
        if block is not None:
            block = jax.lax.cond(
                (n == self.args.first) | (jax.lax.rem(i, INNER_CHUNK) == 0),
                lambda _: batches.block(data, i, epoch.in_dispatch),
                lambda block: block,
                block,
            )
        batch = batches.take(data, i, block, epoch.in_dispatch)
        state, is_finite = self._run_step(0, n, position.state, batch)
        return _Position(n + 1, is_finite, state, block)

    def _run_last_batch(self, epoch: _Epoch, position: _Position) -> _Position:
        n, data = position.next, self.inputs.data
        batch = self.batches.take_rest(data, epoch.in_dispatch)
        state, is_finite = self._run_step(1, n, position.state, batch)
        return _Position(n + 1, is_finite, state, position.block)

    def _reset_metrics(self, changed: Sequence[Array], where: Array) -> list[Array]:
        """Return the variables with the metrics reset, if `where` is true."""
        new = self._call(self._reset, changed).changed
        reset = dict(zip(new, as_rows(new.values()), strict=True))
        pairs = zip(self.traced.assigned, changed, strict=True)
        return [jnp.where(where, reset[i], a) if i in reset else a for i, a in pairs]

    def _run_step(
        self, shape: int, n: Array, state: LoopState, batch: PyTree
    ) -> tuple[LoopState, Array]:
        """Run one step and return the state and whether everything is finite."""
        key = RunKey(self.args.seed, self.args.step + n.astype(jnp.uint32))
        values = self.traced.values(self._shaped(state.changed), self.inputs.fixed)
        result = self.traced.functions[shape](
            values, self.inputs.hyperparameters, (split_rows(batch),), key
        )
        new = [result.changed.get(i, values[i]) for i in self.traced.assigned]
        changed = as_rows(placed(self.traced.changed, new))
        logs = None if state.logs is None else result.outputs
        state = LoopState(changed, logs, state.recorded)
        if self.log_mode.of == "batches":
            state = self._recorded(state, n - self.args.first)
        return state, result.is_finite if self.step.guard else jnp.bool_(True)

    def _recorded(self, state: LoopState, index: Array) -> LoopState:
        """Return the state with its logs recorded at an index."""

        def put(recorded: jax.Array, value: jax.Array) -> jax.Array:
            return jax.lax.dynamic_update_index_in_dim(recorded, value, index, 0)

        logs = self._logs(state)
        return state._replace(recorded=jax.tree.map(put, state.recorded, logs))

    def _logs(self, state: LoopState) -> PyTree:
        """Return the logs: a function of the variables, or what the step returned."""
        if self._results is None:
            return state.logs
        return self._call(self._results, state.changed).outputs

    def _call(self, function: StateFunction, changed: Sequence[Array]) -> PureResult:
        """Call a function of the variables."""
        values = self.traced.values(changed, self.inputs.fixed)
        return function(values, self.inputs.hyperparameters)

    def _shaped(self, changed: Sequence[Array]) -> list[Array]:
        """Return the variables in their own shapes."""
        pairs = zip(self.traced.changed, changed, strict=True)
        return [in_shape(value, v.shape) for v, value in pairs]


def _while_finite(
    end: Any, advance: Callable[[_Position], _Position], position: _Position
) -> _Position:
    """Advance up to an end, or past a batch with a loss that is not finite."""
    return jax.lax.while_loop(
        lambda position: (position.next < end) & position.is_finite, advance, position
    )


def _epoch_at(loop: _DeviceLoop, first: Array, limit: Array) -> _Epoch:
    """Return the epoch of a batch."""
    args, batches = loop.args, loop.batches
    start: Any = 0
    epochs: Any = 0
    if loop.log_mode.of == "epochs":  # else a dispatch has batches of one epoch
        # `//` would compile a dozen operations for signs that do not occur.
        epochs = jax.lax.div(first, args.steps)
        start = epochs * args.steps
    end = full = jnp.minimum(limit, start + args.steps)
    if batches.rest:
        full = jnp.minimum(limit, start + batches.full(loop.inputs.data))
    return _Epoch(start, epochs, full, end)
