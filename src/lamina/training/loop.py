"""The one Python loop: dispatch batches, draw progress, call callbacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from lamina.core.tracebacks import warn
from lamina.data.batches import Batches, Segment
from lamina.data.feeds import Feed
from lamina.lazy import LazyImport
from lamina.runtime.interrupts import Interrupted
from lamina.training.callbacks.batch_hooks import BatchHooks
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.dispatch import (
    ENDLESS,
    LOG_BATCHES,
    LOG_EPOCHS,
    LOG_LAST,
    DispatchArgs,
    DispatchResult,
    LogMode,
)
from lamina.training.engine import Engine, Runner
from lamina.typing import Logs

if TYPE_CHECKING:
    from lamina.training.checks.steps.replay import FailedStep

_explain = LazyImport("lamina.training.checks.steps.not_finite:explain")
_failed_step = LazyImport("lamina.training.checks.steps.replay:FailedStep")
# Seconds between two dispatches. Each allocates all its memory, which costs up to a
# fourth of a step of a convolutional network, so it should run several steps.
_WAKE_SECONDS = 0.4
# Shortest time between two segments that is reported as waiting for data.
_MIN_WAIT_SECONDS = 1e-3


class NonFiniteWarning(RuntimeWarning):
    """A loss or gradient was infinite or not a number; training stopped before it.

    The history's last epoch then has the metrics of its steps before that one, or NaN
    if it had none, and NaN as loss.
    """


class ChunkSizer:
    """Number of steps in a dispatch, such that Python wakes a few times a second."""

    def __init__(self) -> None:
        self.chunk = 1
        self._last = 0.0

    def begin(self, runner: Runner) -> None:
        """Begin with the number that a loop's last dispatches had, if it is larger."""
        self.chunk = max(self.chunk, runner.chunk)

    def start(self) -> None:
        """Start the clock: a dispatch was made after a pause."""
        self._last = time.perf_counter()

    def note(self, steps: int) -> None:
        """Adapt the number to the time that steps took since the last call."""
        now = time.perf_counter()
        per_step = max((now - self._last) / steps, 1e-7)
        self._last = now
        # Growth is bounded, since a first step may be far from typical.
        self.chunk = max(1, min(int(_WAKE_SECONDS / per_step), 16 * self.chunk))


def host_logs(logs: Logs) -> dict[str, Any]:
    """Return logs as Python floats, or NumPy arrays for metrics of several values."""
    # For a few scalars this is several times faster than `jax.device_get`.
    return _plain({k: np.asarray(v) for k, v in logs.items()})


def _plain(logs: dict[str, np.ndarray]) -> dict[str, Any]:
    return {k: float(v) if np.ndim(v) == 0 else v for k, v in logs.items()}


def unknown_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Return NaN for each of the logs: metrics of no batch have no value."""
    return {k: math.nan if np.ndim(v) == 0 else v * math.nan for k, v in logs.items()}


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
            batch, that of the batch that was not finite, and the stream's state.
    """

    def __init__(
        self,
        engine: Engine,
        feed: Feed,
        callbacks: CallbackList,
        stopped: Callable[[], bool],
        seed: int = 0,
        pause: Callable[[int, Any, Any], None] = lambda *_: None,
    ) -> None:
        self.engine, self.feed, self.callbacks = engine, feed, callbacks
        self._stopped, self._seed, self._pause = stopped, seed, pause
        self.kind = engine.step.kind
        self.needs = callbacks.batch_needs(self.kind)
        if not engine.is_compiled and self.needs == "batches":
            # Only a compiled loop records the logs of each batch.
            self.needs = "model"
        # A program for batches of two shapes needs logs of the same shapes in both.
        same_logs = engine.step.results is not None and engine.is_compiled
        self._join = same_logs and feed.is_resident
        self.sizer = ChunkSizer()
        self.interrupted = False
        self.done = 0  # batches of the epoch whose results the variables hold
        self.outputs: list[Any] = []  # of each batch, if steps predict
        self._started = False
        self.stream_state: Any = None  # position of the stream, or an earlier one
        self._hooks = BatchHooks(callbacks, self.kind)
        # Logs are of the batches so far; outputs must be of all.
        self._ends_at = () if self.kind == "predict" else (Interrupted,)

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
        self._number, self._step, self._first = number, step, first
        self._steps = self.feed.steps
        self._bad: Any = -1
        self._out: DispatchResult | None = None
        self._pending: tuple[DispatchResult, Segment, int, int] | None = None
        self._failed: FailedStep | None = None
        self.done = first
        if self.stream_state is not None:  # after the last batch of another epoch
            self.stream_state = 0, self.stream_state[1]
        may_fuse = most > 1 and first == 0 and self._join and self.needs == "epochs"
        finished: list[EpochResult] = []
        with suppress(Interrupted):  # then the next epoch ends before its first batch
            finished = self._fused_epochs(most) if may_fuse else []
        return finished or [self._epoch()]

    def _epoch(self) -> EpochResult:
        with (
            closing(self._segments(self._number)) as segments,
            suppress(*self._ends_at),
        ):
            self._run(segments)
        whole = self.done == self._steps or not self._should_stop()
        if not whole and self._started:
            self._pause(self.done, self._bad, self.stream_state)
        self._settle()
        self._hooks.flush()
        if self._out is None:
            return EpochResult(self._logs_before(), self.done, whole)
        logs = {} if self.kind == "predict" else host_logs(self._out.logs)
        bad = int(np.asarray(self._bad))
        if bad < 0:
            return EpochResult(logs, self.done, whole)
        assert self._failed is not None
        return EpochResult(self._not_finite(logs, self._failed), bad)

    def _logs_before(self) -> dict[str, Any]:
        """Return logs of an epoch that was resumed after its last batch."""
        results = self.engine.step.results
        return host_logs(results()) if results and self.done > 0 else {}

    def _run(self, segments: Generator[Segment]) -> None:
        """Run segments up to the last one or to a stop."""
        while not self._should_stop():
            began = time.perf_counter()
            segment = next(segments, None)
            if segment is None:
                return
            self._note_wait(time.perf_counter() - began)
            self.stream_state = segment.before
            self._segment(segment)
            if self.done == segment.last:
                self.stream_state = segment.after

    def _note_wait(self, seconds: float) -> None:
        """Report that the next segment came late, if the device had nothing to do."""
        if seconds < _MIN_WAIT_SECONDS:
            return
        running = jax.tree.leaves(self._pending[0].logs) if self._pending else []
        # In eager steps of users, logs may be NumPy arrays.
        if not any(hasattr(log, "is_ready") and not log.is_ready() for log in running):
            self.callbacks.on_data_wait(self.kind, seconds)

    def _fused_epochs(self, most: int) -> list[EpochResult]:
        """Run several short epochs of arrays in one dispatch, if more than one fits."""
        segment = next(self._segments(self._number))
        if self._log_mode(segment) != LOG_EPOCHS:
            return []
        steps, runner = segment.last, self._runner(segment)
        self.sizer.begin(runner)
        count = min(most, LOG_EPOCHS.limit, self.sizer.chunk // steps)
        if count <= 1:
            return []
        self.sizer.start()
        number = self._number
        args = DispatchArgs(self._seed, self._step, number, steps, 0, count * steps)
        out = runner.run(segment.data, args)
        self._started = True
        recorded = jax.device_get(out.recorded)
        self.sizer.note(count * steps)
        runner.chunk = self.sizer.chunk
        bad = int(out.bad)
        complete = count if bad < 0 else bad // steps
        finished = [
            EpochResult(_plain({k: v[i] for k, v in recorded.items()}), steps)
            for i in range(complete)
        ]
        if bad >= 0:
            failed = _failed_step.load()(self.engine, segment, args, bad)
            logs = self._not_finite(host_logs(out.logs), failed)
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
        first, *rest = self._segments(0)
        if everything:
            self._runner(first)
        for segment in rest:
            self._runner(segment).prepare(segment.data)

    def trace(self) -> None:
        """Trace one step, so that it raises what it would raise."""
        if self.engine.is_compiled:
            self.engine.trace(self.feed.example())

    def _segments(self, number: int) -> Generator[Segment]:
        if self.kind == "predict":
            return _single_batches(self.feed)
        return self.feed.segments(number, self._join)

    def _log_mode(self, segment: Segment) -> LogMode:
        if self.needs == "batches":
            return LOG_BATCHES
        may_fuse = segment.short and self._join and self.kind == "train"
        return LOG_EPOCHS if may_fuse else LOG_LAST

    def _runner(self, segment: Segment) -> Runner:
        return self.engine.runner(segment, self._log_mode(segment))

    def _segment(self, segment: Segment) -> None:
        runner = self._runner(segment)
        self.sizer.begin(runner)
        self.done = max(segment.first, self._first)
        while self.done < segment.last and not self._should_stop():
            first = self.done
            if first > self._first:
                self._pause(first, self._bad, self.stream_state)
            last = min(segment.last, first + self._limit())
            if self.needs == "model":
                self._hooks.begin(first)
            if self._pending is None:
                self.sizer.start()
            out = self._dispatch(runner, segment, first, last)
            self.done = last
            if self.needs != "epochs":
                self._report_batches(out, first, last)
            self._settle()
            self._pending = out, segment, last - first, last
        runner.chunk = self.sizer.chunk

    def _limit(self) -> int:
        if self.needs == "model":
            return 1
        most = LOG_BATCHES.limit if self.needs == "batches" else self.sizer.chunk
        return min(most, self.sizer.chunk, self.callbacks.batches_to_pause())

    def _dispatch(
        self, runner: Runner, segment: Segment, first: int, last: int
    ) -> DispatchResult:
        if self.needs == "model":
            runner = self._runner(segment)
        self._out = runner.run(segment.data, self._args(first, last))
        self._started = True
        self._bad = self._out.bad
        return self._out

    def _args(self, first: int, last: int = 0) -> DispatchArgs:
        steps = ENDLESS if self._steps is None else self._steps
        return DispatchArgs(
            self._seed, self._step, self._number, steps, first, last, self._bad
        )

    def _settle(self) -> None:
        """Wait for the dispatch before the running one."""
        if self._pending is None:
            return
        (out, segment, steps, done), self._pending = self._pending, None
        jax.block_until_ready(out.logs)
        self.sizer.note(steps)
        bad = int(out.bad)
        if bad >= 0:
            self.interrupted = True
            step = _failed_step.load()(self.engine, segment, self._args(bad), bad)
            self._failed = self._failed or step
        logs = out.logs
        if self.kind == "predict":
            self.outputs.append(jax.tree.map(np.asarray, logs))
            logs = {}
        self.callbacks.on_progress(self.kind, done, logs)

    def _report_batches(self, out: DispatchResult, first: int, last: int) -> None:
        bad = int(out.bad)
        recorded = jax.device_get(out.recorded)
        for i in range(first, last):
            if self.needs == "batches":
                self._hooks.begin(i)
                logs = _plain({k: v[i - first] for k, v in recorded.items()})
            elif self.kind == "predict":
                logs = {"outputs": jax.tree.map(np.asarray, out.logs)}
            else:
                logs = host_logs(out.logs)
            if i == bad:
                self.interrupted = True
                self._hooks.end(i, unknown_logs(logs))
                return
            self._hooks.end(i, logs)

    def _should_stop(self) -> bool:
        return self.interrupted or self._stopped()

    def _not_finite(self, logs: dict[str, Any], step: FailedStep) -> dict[str, Any]:
        """Stop, warn, and return the logs with NaN as loss."""
        self.interrupted = True
        warn(_explain.load()(step), NonFiniteWarning)
        known = logs if step.batch_number > 0 else unknown_logs(logs)
        return {**known, "loss": float("nan")}


def _single_batches(feed: Feed) -> Generator[Segment]:
    """Yield each batch as a segment: a step alone is compiled for it."""
    for i, batch in enumerate(feed.batches()):
        yield Segment(batch, Batches("batch"), i, i + 1)
