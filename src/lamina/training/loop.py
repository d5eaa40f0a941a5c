"""The one Python loop: dispatch a stretch of batches, draw progress, call callbacks."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from lamina.data.feeds import Feed, Segment
from lamina.runtime.interrupts import Interrupted
from lamina.training.batch_hooks import BatchHooks
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.engine import Engine, Runner, dispatch_args
from lamina.training.program import BATCHES, EPOCHS, NOTHING, LogMode

__all__ = ["EpochLoop", "EpochResult", "NonFiniteWarning", "host_logs"]

# A dispatch takes all its memory anew, which for a large network costs as much as a
# fourth of a step: there should be several steps in one.
_WAKE_SECONDS = 0.4


T = TypeVar("T")


class NonFiniteWarning(RuntimeWarning):
    """A loss or gradient was infinite or not a number; training stopped before it.

    The history's last epoch then has the metrics of its steps before that one, or NaN
    if it had none, and NaN as loss.
    """


class ChunkSizer:
    """How many steps to dispatch at once, so that Python wakes a few times a second."""

    def __init__(self) -> None:
        self.chunk = 1
        self._last = 0.0

    def begin(self, runner: Runner) -> None:
        """Begin with as many as its steps were found to allow, if they were timed."""
        self.chunk = max(self.chunk, runner.chunk)

    def start(self) -> None:
        """A dispatch was made after a pause."""
        self._last = time.perf_counter()

    def note(self, steps: int) -> None:
        """`steps` more steps are done."""
        now = time.perf_counter()
        per_step = max((now - self._last) / steps, 1e-7)
        self._last = now
        # Growing in bounds, since a first step may be far from typical.
        self.chunk = max(1, min(int(_WAKE_SECONDS / per_step), 16 * self.chunk))


def host_logs(logs: Any) -> dict[str, Any]:
    """Logs as Python floats, or NumPy arrays where a metric is one."""
    # For a few scalars this is several times quicker than `jax.device_get`.
    return _plain({k: np.asarray(v) for k, v in logs.items()})


def _plain(logs: dict[str, Any]) -> dict[str, Any]:
    return {k: float(v) if np.ndim(v) == 0 else v for k, v in logs.items()}


def _unknown(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs of no batch: what was gathered before one is not a value of a metric."""
    return {k: math.nan if np.ndim(v) == 0 else v * math.nan for k, v in logs.items()}


class EpochResult(NamedTuple):
    """What an epoch came to."""

    logs: dict[str, Any]
    steps: int
    whole: bool = True  # whether all its batches were run


class EpochLoop:
    """Runs epochs of one kind of step for one feed.

    Args:
        kind: `"train"` or `"test"`, which names the callbacks' methods.
        engine: compiles and dispatches.
        feed: the data.
        callbacks: what to call.
        seed: what random numbers derive from.
        stopped: whether somebody asked to stop.
        pause: called between two dispatches of an epoch, with the number of the next
            batch, the one that was not finite, and the stream's own state.
    """

    def __init__(
        self,
        kind: str,
        engine: Engine,
        feed: Feed,
        callbacks: CallbackList,
        seed: int,
        stopped: Callable[[], bool],
        pause: Callable[[int, Any, Any], None] | None = None,
    ) -> None:
        self.kind, self.engine, self.feed = kind, engine, feed
        self.callbacks, self.seed, self.stopped = callbacks, seed, stopped
        self._pause = pause or (lambda *_: None)
        self.needs = callbacks.batch_needs(kind)
        if engine.eager and self.needs == "batches":
            # Only a compiled program keeps the logs of batches gone by.
            self.needs = "model"
        # A program for batches of two shapes needs logs that are alike in both.
        alike = engine.results is not None and not engine.eager
        self._resident = feed.is_resident
        self._join = alike and self._resident
        self.pacer = ChunkSizer()
        self.interrupted = False
        self.done = 0  # batches of the epoch whose results the variables hold
        self._started = False
        self.stream_state: Any = None  # where the stream stands, or stood a bit before
        self._hooks = BatchHooks(callbacks, kind)

    def epochs(
        self, number: int, most: int, step: int, first: int = 0
    ) -> list[EpochResult]:
        """Run the next epoch, or as many short ones as fit one dispatch.

        Args:
            number: the epoch, which the order of rows derives from.
            most: how many epochs may run before their callbacks are called.
            step: steps of training before it.
            first: the batch to begin with.
        """
        self._number, self._step, self._first = number, step, first
        self._steps = self.feed.steps
        self._bad: Any = -1
        self._out: dict[str, Any] | None = None
        self._pending: tuple[dict[str, Any], int, int] | None = None
        self.done = first
        if self.stream_state is not None:  # after the last batch of another epoch
            self.stream_state = 0, self.stream_state[1]
        joined = most > 1 and first == 0 and self._join and self.needs == "epochs"
        finished = _unless_interrupted(self._together, most) if joined else []
        return finished or [self._epoch()]

    def _epoch(self) -> EpochResult:
        segments = self._segments(self._number)
        try:
            whole = self._run(segments)
        finally:
            segments.close()
        if not whole and self._started:
            self._pause(self.done, self._bad, self.stream_state)
        self._settle()
        self._hooks.flush()
        if self._out is None:
            return EpochResult(self._logs_before(), self.done, whole)
        logs = host_logs(self._out["logs"])
        bad = int(np.asarray(self._bad))
        if bad < 0:
            return EpochResult(logs, self.done, whole)
        return EpochResult(self._not_finite(logs, bad), bad)

    def _logs_before(self) -> dict[str, Any]:
        """Logs of an epoch that was resumed after what proves to be its last batch."""
        results = self.engine.results
        return host_logs(results()) if results and self.done > 0 else {}

    def _run(self, segments: Generator[Segment]) -> bool:
        """Run segments up to the last one or to a stop; True if none is left."""
        while not self._should_stop():
            segment = _unless_interrupted(_next, segments)
            if segment is None:
                break
            self.stream_state = segment.before
            self._segment(segment)
            if self.done == segment.last:
                self.stream_state = segment.after
        return self.done == self._steps or not self._should_stop()

    def _together(self, most: int) -> list[EpochResult]:
        """Run several short epochs of arrays in one dispatch, if more than one fits."""
        segment = next(self._segments(self._number))
        if self._record(segment) != EPOCHS:
            return []
        steps, runner = segment.last, self._runner(segment)
        self.pacer.begin(runner)
        count = min(most, EPOCHS.rows, self.pacer.chunk // steps)
        if count <= 1:
            return []
        self.pacer.start()
        clock = dispatch_args(
            self.seed, self._step, 0, count * steps, self._number, steps, fresh=True
        )
        out = runner.run(segment.data, clock)
        self._started = True
        rows = jax.device_get(out["rows"])
        self.pacer.note(count * steps)
        runner.chunk = self.pacer.chunk
        bad = int(out["bad"])
        complete = count if bad < 0 else bad // steps
        finished = [
            EpochResult(_plain({k: v[i] for k, v in rows.items()}), steps)
            for i in range(complete)
        ]
        if bad >= 0:
            logs, place = host_logs(out["logs"]), bad % steps
            finished.append(EpochResult(self._not_finite(logs, place), place))
        return finished

    def prepare(self, everything: bool = False) -> None:
        """Trace and compile, in the background, all but the first kind of batch.

        Args:
            everything: whether to trace the first kind too, for mistakes to show.
        """
        if self.engine.eager:
            return
        if not self.feed.is_resident:
            if everything:
                self.engine.trace(self.feed.example())
            return
        first, *rest = self._segments(0)
        if everything:
            self._runner(first)
        for segment in rest:
            self._runner(segment).prepare(segment.data)

    def _segments(self, number: int) -> Generator[Segment]:
        return self.feed.segments(number, self._join)

    def _record(self, segment: Segment) -> LogMode:
        if self.needs == "batches":
            return BATCHES
        together = segment.short and self._join and self.kind == "train"
        return EPOCHS if together else NOTHING

    def _runner(self, segment: Segment) -> Runner:
        return self.engine.runner(segment, self._record(segment))

    def _segment(self, segment: Segment) -> None:
        runner = _unless_interrupted(self._runner, segment)
        if runner is None:
            return
        self.pacer.begin(runner)
        self.done = max(segment.first, self._first)
        while self.done < segment.last and not self._should_stop():
            first = self.done
            if first > self._first:
                self._pause(first, self._bad, self.stream_state)
            last = min(segment.last, first + self._limit())
            if self.needs == "model":
                self._hooks.begin(first)
            if self._pending is None:
                self.pacer.start()
            out = _unless_interrupted(self._dispatch, runner, segment, first, last)
            if out is None:
                return
            self.done = last
            if self.needs != "epochs":
                self._report_batches(out, first, last)
            self._settle()
            self._pending = out, last - first, last
        runner.chunk = self.pacer.chunk

    def _limit(self) -> int:
        if self.needs == "model":
            return 1
        most = BATCHES.rows if self.needs == "batches" else self.pacer.chunk
        return min(most, self.pacer.chunk, self.callbacks.batches_to_pause())

    def _dispatch(
        self, runner: Runner, segment: Segment, first: int, last: int
    ) -> dict[str, Any]:
        if self.needs == "model":
            runner = self._runner(segment)
        clock = dispatch_args(
            self.seed, self._step, first, last, self._number, self._steps, True,
            self._bad,
        )  # fmt: skip
        self._out = runner.run(segment.data, clock)
        self._started = True
        self._bad = self._out["bad"]
        return self._out

    def _settle(self) -> None:
        """Wait for the dispatch before the one that is under way."""
        if self._pending is None:
            return
        (out, steps, done), self._pending = self._pending, None
        jax.block_until_ready(out["logs"])
        self.pacer.note(steps)
        if int(out["bad"]) >= 0:
            self.interrupted = True
        self.callbacks.on_progress(self.kind, done, out["logs"])

    def _report_batches(self, out: dict[str, Any], first: int, last: int) -> None:
        bad = int(out["bad"])
        rows = jax.device_get(out["rows"])
        for i in range(first, last):
            if self.needs == "batches":
                self._hooks.begin(i)
                logs = _plain({k: v[i - first] for k, v in rows.items()})
            else:
                logs = host_logs(out["logs"])
            if i == bad:
                self.interrupted = True
                self._hooks.end(i, _unknown(logs))
                return
            self._hooks.end(i, logs)

    def _should_stop(self) -> bool:
        return self.interrupted or self.stopped()

    def _not_finite(self, logs: dict[str, Any], bad: int) -> dict[str, Any]:
        """Stop, say where, and show it in the logs."""
        self.interrupted = True
        warnings.warn(
            f"The loss or a gradient was not finite in batch {bad} of this epoch. "
            "Training stopped before that batch's update, so the weights are the last "
            "finite ones. Usual causes: a learning rate that is too high, a division "
            "by zero or logarithm of zero in a custom loss, values in the data that "
            "are not normalised.",
            NonFiniteWarning,
            stacklevel=4,
        )
        known = logs if bad > 0 else _unknown(logs)
        return {**known, "loss": float("nan")}


def _next(segments: Generator[Segment]) -> Segment | None:
    return next(segments, None)


def _unless_interrupted(function: Callable[..., T], *args: Any) -> T | None:
    """The result, or `None` if an interrupt was requested before there was one."""
    try:
        return function(*args)
    except Interrupted:
        return None
