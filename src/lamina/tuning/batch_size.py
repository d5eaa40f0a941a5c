"""Search for a batch size by throughput."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import jax

from lamina.core.check import Check, check_arguments, positive_int
from lamina.data.adapt import is_array_data
from lamina.data.arrays import num_rows
from lamina.data.feeds import Feed
from lamina.display import Side, html_table
from lamina.errors import ArgumentTypeError, invalid
from lamina.io.load_report import format_table
from lamina.tracebacks import filter_traceback
from lamina.training.checks.steps.trial import Trial
from lamina.training.dispatch import DispatchArgs
from lamina.training.trainer import Trainer
from lamina.tuning.trial import trial
from lamina.typing import Data

# A size is better if it trains this many times the rows a second.
_BETTER = 1.1
# The suggestion is the smallest size with this part of the best throughput.
_ENOUGH = 0.9
_REPEATS = 3
_HEADERS = "batch size", "ms / step", "rows / s"
_SIDES: Sequence[Side] = "right", "right", "right"

_COUNTS = "init_val", "max_trials", "steps_per_trial"
_CHECKS: dict[str, Check] = dict.fromkeys(_COUNTS, positive_int)


class BatchSizeTrial(NamedTuple):
    """Speed of training with one batch size; NaN if the memory was not sufficient.

    Example:
        >>> BatchSizeTrial(batch_size=64, step_ms=2.5, rows_per_second=25_600.0).cells()
        ('64', '2.50', '25,600')
    """

    batch_size: int
    step_ms: float
    rows_per_second: float

    def cells(self) -> tuple[str, str, str]:
        """Return the texts of a row of a table."""
        if math.isnan(self.step_ms):
            return f"{self.batch_size:,}", "-", "out of memory"
        speed = f"{self.rows_per_second:,.0f}"
        return f"{self.batch_size:,}", f"{self.step_ms:.2f}", speed


class BatchSizes(NamedTuple):
    """Result of `find_batch_size`.

    Attributes:
        trials: the sizes that were tried, in order.
        suggestion: the smallest size with 90 % of the best throughput; `None` if none
            could be trained.

    Example:
        >>> trials = [BatchSizeTrial(32, 2.0, 16e3), BatchSizeTrial(64, 2.5, 25.6e3)]
        >>> BatchSizes(trials, suggestion=64)
        batch size  ms / step  rows / s
                32       2.00    16,000
                64       2.50    25,600
        suggestion: 64
    """

    trials: list[BatchSizeTrial]
    suggestion: int | None

    def __repr__(self) -> str:
        lines = format_table([_HEADERS, *(t.cells() for t in self.trials)], _SIDES)
        return "\n".join([*lines, f"suggestion: {self.suggestion}"])

    def _repr_html_(self) -> str:
        table = html_table(_HEADERS, [t.cells() for t in self.trials], _SIDES)
        return f"{table}suggestion: {self.suggestion}"


@filter_traceback
def find_batch_size(
    model: Trainer,
    x: Data,
    y: Data | None = None,
    sample_weight: Data | None = None,
    *,
    init_val: int = 2,
    max_trials: int = 25,
    steps_per_trial: int = 3,
) -> BatchSizes:
    """Double the batch size until the memory or the gain in speed ends.

    For each size, the training loop is compiled and timed three times; the fastest
    time counts. The search ends when two doublings in a row make training less than
    10 % faster, when a batch does not fit into memory, or at the number of rows.
    Afterwards the model and the optimizer are what they were, bit for bit. A larger
    batch makes fewer and less noisy updates: expect to raise the learning rate with it.

    Args:
        model: a compiled model.
        x: inputs, as arrays.
        y: targets, as for `fit`.
        sample_weight: weight of each row.
        init_val: the first size.
        max_trials: maximum number of sizes.
        steps_per_trial: steps in each measurement, if the data has as many batches.

    Raises:
        StateError: the model is not compiled.
        ArgumentError: a number is not a positive integer, or the first size is larger
            than the number of rows.
        ArgumentTypeError: the data is not arrays.

    Example:
        >>> import numpy as np
        >>> import lamina
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((64, 2), "float32")
        >>> found = lamina.tuning.find_batch_size(model, x, x.sum(1), init_val=32)
        >>> [t.batch_size for t in found.trials]
        [32, 64]

    Reference:
        Names and defaults are those of `scale_batch_size` of PyTorch Lightning.
    """
    values = {
        "init_val": init_val,
        "max_trials": max_trials,
        "steps_per_trial": steps_per_trial,
    }
    check_arguments("find_batch_size", _CHECKS, values)
    if not is_array_data(x):
        raise ArgumentTypeError(
            f"find_batch_size: `x` must be arrays, not a {type(x).__name__}, whose "
            "batches have their sizes. Load a part of the data into arrays x and y."
        )
    trials: list[BatchSizeTrial] = []
    size = rows = init_val
    while len(trials) < max_trials and size <= rows and not _is_finished(trials):
        try:
            with trial(model, "find_batch_size", (x, y, sample_weight), size) as steps:
                rows = _num_rows(steps.feed, init_val)
                seconds = _seconds(steps, steps_per_trial)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            seconds = float("nan")
        trials.append(BatchSizeTrial(size, seconds * 1e3, size / seconds))
        size *= 2
    return BatchSizes(trials, _suggestion(trials))


def _num_rows(feed: Feed, size: int) -> int:
    rows = num_rows(feed.sample(), "the data")
    if size > rows:
        expected = f"at most {rows}, the number of rows"
        raise invalid("find_batch_size", "init_val", size, expected)
    return rows


def _seconds(steps: Trial, count: int) -> float:
    """Return the seconds of a step, the shortest of a few measurements."""
    segment = next(steps.feed.segments(0))
    count = min(count, segment.last)
    args = DispatchArgs(steps=segment.last, last=count)
    jax.block_until_ready(steps.run(segment, args).logs)  # compiles
    times: list[float] = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(steps.run(segment, args).logs)
        times.append((time.perf_counter() - start) / count)
    return min(times)


def _is_finished(trials: list[BatchSizeTrial]) -> bool:
    """Return whether the last size did not fit, or the last two gained little."""
    speeds = [t.rows_per_second for t in trials]
    if speeds and math.isnan(speeds[-1]):
        return True
    return len(speeds) > 2 and max(speeds[-2:]) < _BETTER * max(speeds[:-2])


def _suggestion(trials: list[BatchSizeTrial]) -> int | None:
    fitting = [t for t in trials if not math.isnan(t.step_ms)]
    best = max((t.rows_per_second for t in fitting), default=0.0)
    good = (t.batch_size for t in fitting if t.rows_per_second >= _ENOUGH * best)
    return next(good, None)
