"""The one Python loop: dispatch batches, draw progress, call callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from lamina.data.batches import Segment
from lamina.data.feeds import Feed
from lamina.data.shares import (
    check_same_callbacks,
    check_same_data,
    checked_segments,
    single_batches,
)
from lamina.lazy import LazyImport
from lamina.runtime.interrupts import Interrupt, Interrupted
from lamina.runtime.placement import own_rows
from lamina.tracebacks import warn
from lamina.training.callbacks.batch_hooks import BatchHooks
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.dispatch import (
    ENDLESS,
    LOG_BATCHES,
    LOG_EPOCHS,
    LOG_LAST,
    Agreement,
    ChunkSizer,
    DispatchArgs,
    Dispatched,
    DispatchResult,
    LogMode,
    host_logs,
    plain_logs,
    unknown_logs,
)
from lamina.training.engine import Engine, Runner
from lamina.typing import PyTree

if TYPE_CHECKING:
    from lamina.training.checks.steps.replay import FailedStep

_explain = LazyImport("lamina.training.checks.steps.not_finite:explain")
_failed_step = LazyImport("lamina.training.checks.steps.replay:FailedStep")

# Shortest time between two segments that is reported as waiting for data.
_MIN_WAIT_SECONDS = 1e-3


class NonFiniteWarning(RuntimeWarning):
    """A loss or gradient was infinite or not a number; training stopped before it.

    The history's last epoch then has the metrics of its steps before that one, or NaN
    if it had none, and NaN as loss.
    """


class EpochResult(NamedTuple):
    """Logs of an epoch, and the steps that were run."""

    logs: dict[str, Any]
    steps: int
    whole: bool = True  # whether all its batches were run


class EpochLoop:
    """Loop over the batches of epochs, for one kind of step and one feed.

    Args:
        engine: compiles and dispatches steps.
        feed: the data.
        callbacks: the callbacks.
        stopped: returns whether to stop before the next dispatch.
        seed: what random numbers derive from.
        pause: called between two dispatches of an epoch with the number of the next
            batch and the stream's state, if not `None`.
        interrupt: a request to stop, which several processes agree on.
        is_due: returns whether this process wants a checkpoint before a batch.
    """

    def __init__(
        self,
        engine: Engine,
        feed: Feed,
        callbacks: CallbackList,
        stopped: Callable[[], bool],
        seed: int = 0,
        pause: Callable[[int, Any], None] | None = None,
        interrupt: Interrupt | None = None,
        is_due: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.engine, self.feed, self.callbacks = engine, feed, callbacks
        self.pause, self.seed, self.kind = pause, seed, engine.step.kind
        self.needs = callbacks.batch_needs(self.kind)
        if not engine.is_compiled and self.needs == "batches":
            # Only a compiled loop records the logs of each batch.
            self.needs = "model"
        # A program for batches of two shapes needs logs of the same shapes in both.
        same_logs = engine.step.results is not None and engine.is_compiled
        self._join = same_logs and feed.is_resident
        check_same_data(feed, (self.kind, seed))
        check_same_callbacks(self.needs, callbacks.shared())
        self.agreement = Agreement(
            stopped, callbacks.batches_to_pause, is_due, interrupt
        )
        self.sizer = ChunkSizer(self.agreement.is_shared)
        self.interrupted = False
        self.done = 0  # batches of the epoch whose results the variables hold
        self.outputs: list[Any] = []  # of each batch, if steps predict
        self.started = False  # whether a dispatch was made
        self.stream_state: Any = None  # position of the stream, or an earlier one
        self.hooks = BatchHooks(callbacks, self.kind)
        # Logs are of the batches so far; outputs must be of all.
        self.ends_at = () if self.kind == "predict" else (Interrupted,)

    def epochs(
        self, number: int, most: int, step: int, first: int = 0
    ) -> list[EpochResult]:
        """Run the next epoch, or as many short ones as fit one dispatch.

        Args:
            number: the epoch, which the order of rows derives from.
            most: how many epochs may run before their callbacks are called.
            step: training steps before it.
            first: the batch to begin with.
        """
        self.done = first
        if self.stream_state is not None:  # after the last batch of another epoch
            self.stream_state = 0, self.stream_state[1]
        self.agreement.begin()
        if self.started or self.needs != "epochs":
            self.feed.transfer()
        may_fuse = most > 1 and first == 0 and self._join and self.needs == "epochs"
        finished: list[EpochResult] = []
        with suppress(Interrupted):  # then the next epoch ends before its first batch
            finished = self._fused_epochs(number, most, step) if may_fuse else []
        return finished or [_Epoch(self, number, step, first).run()]

    def _fused_epochs(self, number: int, most: int, step: int) -> list[EpochResult]:
        """Run several short epochs of arrays in one dispatch, if more than one fits."""
        segment = next(self.segments(number))
        if self.log_mode(segment) != LOG_EPOCHS:
            return []
        steps, runner = segment.last, self.runner(segment)
        self.sizer.begin(runner.chunk)
        most = min(most, LOG_EPOCHS.limit, segment.batches.most_epochs(segment.data))
        count = min(most, self.sizer.chunk // steps)
        if count <= 1:
            return []
        self.sizer.start()
        args = DispatchArgs(self.seed, step, number, steps, 0, count * steps)
        running, self.started = runner.start(segment.data, args), True
        vote, out = self.vote(), running.finish()
        recorded = jax.device_get(out.recorded)
        self.settle(count * steps, vote)
        runner.chunk = self.sizer.chunk
        bad = int(out.bad)
        complete = count if bad < 0 else bad // steps
        finished = [
            EpochResult(plain_logs({k: v[i] for k, v in recorded.items()}), steps)
            for i in range(complete)
        ]
        if bad >= 0:
            failed = _failed_step.load()(self.engine, segment, args, bad)
            logs = self.not_finite(host_logs(out.logs), failed)
            finished.append(EpochResult(logs, failed.batch_number))
        return finished

    def prepare(self, everything: bool = False) -> None:
        """Trace and compile, in the background, all but the first shape of batch.

        Args:
            everything: whether to trace the first shape too, so that mistakes show.
        """
        if not self.engine.is_compiled:
            return
        if not self.feed.is_resident:
            if everything:
                self.trace()
            return
        first, *rest = self.segments(0)
        if everything:
            self.runner(first)
        for segment in rest:
            self.runner(segment).prepare(segment.data)

    def trace(self) -> None:
        """Trace one step, so that it raises what it would raise."""
        if self.engine.is_compiled:
            self.engine.trace(self.feed.example())

    def segments(self, number: int) -> Generator[Segment]:
        """Return the segments of an epoch."""
        if self.kind == "predict":
            segments = single_batches(self.feed)
        else:
            segments = self.feed.segments(number, self._join)
        return checked_segments(segments) if self.feed.is_share else segments

    def log_mode(self, segment: Segment) -> LogMode:
        """Return which logs the dispatches of a segment return."""
        if self.needs == "batches":
            return LOG_BATCHES
        may_fuse = segment.short and self._join and self.kind == "train"
        return LOG_EPOCHS if may_fuse else LOG_LAST

    def runner(self, segment: Segment) -> Runner:
        """Return the compiled loop for a segment."""
        return self.engine.runner(segment, self.log_mode(segment))

    def vote(self) -> jax.Array | None:
        """Start to agree with other processes on the next dispatches."""
        return self.agreement.vote(self.sizer.wanted, self.done)

    def settle(self, steps: int, vote: jax.Array | None) -> None:
        """Adapt the chunk to the time of a dispatch, or to what processes agreed on."""
        self.sizer.note(steps)
        if vote is not None:
            self.sizer.chunk = self.agreement.settle(vote)

    def host_outputs(self, outputs: PyTree) -> PyTree:
        """Return the outputs of a batch, for the rows of this process, as arrays."""
        arrays = jax.tree.map(np.asarray, outputs)
        return own_rows(arrays) if self.feed.is_share else arrays

    def should_stop(self) -> bool:
        """Return whether to stop before the next dispatch."""
        return self.interrupted or self.agreement.should_stop()

    def not_finite(self, logs: dict[str, Any], step: FailedStep) -> dict[str, Any]:
        """Stop, warn, and return the logs with NaN as loss."""
        self.interrupted = True
        warn(_explain.load()(step), NonFiniteWarning)
        known = logs if step.batch_number > 0 else unknown_logs(logs)
        return {**known, "loss": float("nan")}


class _Epoch:
    """One epoch of a loop: its dispatches, and the reports to callbacks about them.

    Args:
        loop: the loop.
        number: the epoch.
        step: training steps before it.
        first: the batch to begin with.
    """

    def __init__(self, loop: EpochLoop, number: int, step: int, first: int) -> None:
        self._loop, self._number, self._step, self._first = loop, number, step, first
        self._steps, self._callbacks = loop.feed.steps, loop.callbacks
        self._out: DispatchResult | None = None
        self._pending: Dispatched | None = None
        self._failed: FailedStep | None = None

    def run(self) -> EpochResult:
        """Run the batches up to the last one or to a stop."""
        loop = self._loop
        try:
            with (
                closing(loop.segments(self._number)) as segments,
                suppress(*loop.ends_at),
            ):
                self._run_segments(segments)
        finally:  # after an error, too, the variables hold finite values
            if self._pending is not None:
                self._pending = self._pending.finished()
        self._settle()
        whole = loop.done == self._steps or not loop.should_stop()
        if loop.pause and not whole and loop.started and self._failed is None:
            loop.pause(loop.done, loop.stream_state)
        loop.hooks.flush()
        if self._out is None:
            return EpochResult(self._logs_before(), loop.done, whole)
        logs = {} if loop.kind == "predict" else host_logs(self._out.logs)
        if self._failed is None:
            return EpochResult(logs, loop.done, whole)
        return EpochResult(loop.not_finite(logs, self._failed), self._failed.number)

    def _logs_before(self) -> dict[str, Any]:
        """Return logs of an epoch that was resumed after its last batch."""
        results = self._loop.engine.step.results
        return host_logs(results()) if results and self._loop.done > 0 else {}

    def _run_segments(self, segments: Generator[Segment]) -> None:
        """Run segments up to the last one or to a stop."""
        loop = self._loop
        while not loop.should_stop():
            began = time.perf_counter()
            segment = next(segments, None)
            if segment is None:
                return
            _note_wait(loop, self._pending, time.perf_counter() - began)
            loop.stream_state = segment.before
            self._segment(segment)
            if loop.done == segment.last:
                loop.stream_state = segment.after

    def _segment(self, segment: Segment) -> None:
        loop = self._loop
        runner = loop.runner(segment)
        loop.sizer.begin(runner.chunk)
        loop.done = max(segment.first, self._first)
        while loop.done < segment.last and not self._should_stop(runner):
            first = loop.done
            if loop.pause and first > self._first:
                loop.pause(first, loop.stream_state)
            last = _end(loop, segment, first)
            if loop.needs == "model":
                loop.hooks.begin(first)
            if self._pending is None:
                # Else the first chunks would be as small as if steps took that long.
                runner.compile(segment.data, self._args(first, last))
                loop.sizer.start()
            sent = self._dispatch(runner, segment, last)
            loop.done = last
            if loop.needs != "epochs":
                sent = sent.finished()
                self._report_batches(sent.out, first, last)
            self._settle(sent)
            if self._pending is not None:
                self._pending = self._pending._replace(vote=loop.vote())
            if loop.agreement.is_shared and loop.needs != "epochs":
                self._settle()  # callbacks may have stopped this process
        runner.chunk = loop.sizer.chunk

    def _should_stop(self, runner: Runner) -> bool:
        if self._loop.pause or not runner.overlaps:
            self._settle()
        return self._loop.should_stop()

    def _dispatch(self, runner: Runner, segment: Segment, last: int) -> Dispatched:
        loop, first = self._loop, self._loop.done
        if loop.needs == "model":
            runner = loop.runner(segment)
        running = runner.start(segment.data, self._args(first, last))
        loop.started = True
        return Dispatched(*running, segment, last - first, last)

    def _args(self, first: int, last: int = 0) -> DispatchArgs:
        loop, steps = self._loop, ENDLESS if self._steps is None else self._steps
        return DispatchArgs(loop.seed, self._step, self._number, steps, first, last)

    def _settle(self, latest: Dispatched | None = None) -> None:
        """Wait for the dispatch whose result is not read yet, before `latest`."""
        loop = self._loop
        sent, self._pending = self._pending, latest
        if sent is None:
            return
        out, _, segment, steps, done, vote = sent.finished()
        jax.block_until_ready(out.logs)
        loop.settle(steps, vote)
        self._out, bad = out, int(out.bad)
        if bad >= 0:
            loop.interrupted = True
            self._pending = None  # it began with steps that are undone
            args = self._args(bad)
            self._failed = _failed_step.load()(loop.engine, segment, args, bad)
        if loop.kind == "predict":
            loop.outputs.append(loop.host_outputs(out.logs))
        logs = {} if loop.kind == "predict" else out.logs
        self._callbacks.on_progress(loop.kind, done, logs)

    def _report_batches(self, out: DispatchResult, first: int, last: int) -> None:
        loop, bad = self._loop, int(out.bad)
        recorded = jax.device_get(out.recorded)
        for i in range(first, last):
            if loop.needs == "batches":
                loop.hooks.begin(i)
                logs = plain_logs({k: v[i - first] for k, v in recorded.items()})
            elif loop.kind == "predict":
                logs = {"outputs": loop.host_outputs(out.logs)}
            else:
                logs = host_logs(out.logs)
            if i == bad:
                loop.interrupted = True
                loop.hooks.end(i, unknown_logs(logs))
                return
            loop.hooks.end(i, logs)


def _end(loop: EpochLoop, segment: Segment, first: int) -> int:
    """Return one past the last batch that the next dispatch may run."""
    most = {"model": 1, "batches": LOG_BATCHES.limit}.get(loop.needs, loop.sizer.chunk)
    most = min(most, loop.sizer.chunk, loop.agreement.batches_to_pause())
    return min(segment.last, segment.batches.end(segment.data, first), first + most)


def _note_wait(loop: EpochLoop, pending: Dispatched | None, seconds: float) -> None:
    """Report that the next segment came late, if the device had nothing to do."""
    if seconds < _MIN_WAIT_SECONDS:
        return
    running = jax.tree.leaves(pending.out.logs) if pending else []
    # In eager steps of users, logs may be NumPy arrays.
    if not any(hasattr(log, "is_ready") and not log.is_ready() for log in running):
        loop.callbacks.on_data_wait(loop.kind, seconds)
