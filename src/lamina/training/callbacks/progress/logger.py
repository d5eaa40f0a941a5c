"""`ProgbarLogger` and `Progbar`: progress bars and summary lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.progress.bars import (
    ProgressLine,
    duration,
    metric_texts,
    per_step,
    write_line,
)
from lamina.typing import ArrayLike, Logs

# Names and values of metrics.
Values: TypeAlias = Sequence[tuple[str, ArrayLike]]

_INTERVAL = 0.1
_COMPILING = "compiling"
# Shortest compilation, in seconds, that a summary line mentions.
_MIN_COMPILE_SECONDS = 0.1


class ProgbarLogger(Callback):
    """Callback that shows the progress of training, evaluation and prediction.

    In a terminal or a notebook, a bar moves during an epoch. At its end, a line shows
    the time, the time per step without compilation, and the metrics. Files get only
    these lines, as does `verbose=2`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: Sequence[Callback] = ()
        self._in_fit = False
        self._flushed = 0.0
        self._start("")

    def _start(self, title: str) -> None:
        steps, verbose = self.params.get("steps"), self.params.get("verbose", 2)
        self._line = ProgressLine(title, steps, verbose, _INTERVAL)
        self._first = self._last = 0, self._line.began
        self._compiling = self._compiling_all = 0.0  # without validation's and with it

    # Events

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Name the callbacks for which training pauses at every batch."""
        self._in_fit = True
        slow = [c for c in self.others if c.batch_needs("train") == "model"]
        if slow and self.params.get("verbose", 1):
            names = ", ".join(dict.fromkeys(type(c).__name__ for c in slow))
            write_line(
                f"Training pauses at every batch for {names}. If its batch methods "
                "read only `batch` and `logs`, speed training up with "
                "`needs = 'batches'` in the class."
            )

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Flush the output."""
        self._in_fit = False
        self._start("")
        sys.stdout.flush()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start an epoch's line."""
        is_first = not self._line.title
        self._start(f"Epoch {epoch + 1}/{self.params.get('epochs', 1)}")
        if is_first:
            self._line.draw(0, [_COMPILING])

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Start a line for `evaluate`, or show that validation runs."""
        if not self._in_fit:
            self._start("Evaluate")
        elif self._line.is_open:
            self._line.draw(self._last[0], ["validating"])

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Start a line for `predict`."""
        self._start("Predict")

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Show the compile time so far."""
        validating = kind == "test" and self._in_fit
        if done:
            self._compiling_all += seconds
            self._compiling += 0 if validating else seconds
        elif self._line.is_due():
            text = f"{_COMPILING} {duration(seconds)}"
            text = f"validating: {text}" if validating else text
            self._line.draw(self._last[0], [text])

    def on_progress(self, kind: str, done: int, logs: Logs) -> None:
        """Redraw the bar if the interval has passed."""
        validating = kind == "test" and self._in_fit
        if not validating:
            self._last = done, time.perf_counter()
            if self._first[0] == 0:
                self._first = self._last
        if not self._line.is_due():
            return
        if validating:
            self._line.draw(self._last[0], [f"validating: step {done}"])
        else:
            self._line.draw(done, [*self._position(done), *metric_texts(logs)])

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Finish an epoch's line."""
        self._finish(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Finish the line of `evaluate`."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Finish the line of `predict`."""
        # Steps are counted at dispatch; their outputs are complete only now.
        self._last = self._last[0], time.perf_counter()
        self._finish({})

    def close(self) -> None:
        """Remove the bar after an error."""
        self._line.close()

    # Output

    def _seconds_per_step(self) -> float:
        done, at = self._last
        # The first dispatch is slow; exclude it if it is a single step.
        if self._first[0] == 1 and done > 1:
            return (at - self._first[1]) / (done - 1)
        return max(at - self._line.began - self._compiling, 0) / max(done, 1)

    def _position(self, done: int) -> list[str]:
        steps, each = self._line.steps, self._seconds_per_step()
        if steps is None:
            return [f"{done}/?", per_step(each)]
        left = duration(each * max(steps - done, 0))
        return [f"{done}/{steps}", f"{left} left", per_step(each)]

    def _finish(self, logs: Logs | None) -> None:
        now = time.perf_counter()
        spent = duration(now - self._line.began)
        if self._compiling_all >= _MIN_COMPILE_SECONDS:
            spent += f" ({duration(self._compiling_all)} compiling)"
        texts = [self._line.title, spent]
        if self._last[0]:
            texts.append(per_step(self._seconds_per_step()))
        self._line.finish([*texts, *metric_texts(logs or {})])
        if now - self._flushed >= _INTERVAL or not self._in_fit:
            sys.stdout.flush()
            self._flushed = now


class Progbar:
    """Progress bar for custom loops, with the means of metrics.

    Args:
        target: total number of steps; `None` if it is unknown.
        width: accepted for Keras's signature.
        verbose: 0 for no output, 1 for a moving bar, 2 for a line at the end.
        interval: seconds between updates of the bar.
        stateful_metrics: names of metrics that are shown without averaging.
        stateless_metrics: names of metrics that are averaged; pass only one of both.
        unit_name: name of a step.

    Example:
        >>> bar = Progbar(2, verbose=2)
        >>> for loss in (3.0, 1.0):
        ...     bar.add(1, values=[("loss", loss)])  # doctest: +ELLIPSIS
        2/2 - ... - loss: 2.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
        stateless_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self._as_is = set(stateful_metrics or ())
        self._means = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, float]] = {}
        self._seen = 0
        self._line = ProgressLine("", target, verbose, interval)
        self._line.drawn = 0.0  # draw the first update

    def update(
        self, current: int, values: Values | None = None, finalize: bool | None = None
    ) -> None:
        """Set the number of steps done.

        Args:
            current: number of steps done.
            values: pairs of a metric's name and its value in the steps since.
            finalize: whether the loop has ended; by default when `target` is reached.
        """
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            number = float(np.mean(np.asarray(value)))
            other = self._means is not None and name not in self._means
            if other or name in self._as_is:
                self._sums[name] = number, 1
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = total + number * steps, count + steps
        self._seen = current
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._show(finalize)

    def add(self, n: int, values: Values | None = None) -> None:
        """Add steps done.

        Args:
            n: number of steps.
            values: as for `update`.
        """
        self.update(self._seen + n, values)

    def _show(self, finalize: bool) -> None:
        if not finalize and not self._line.is_due():
            return
        spent = time.perf_counter() - self._line.began
        texts = [f"{self._seen}/{'?' if self.target is None else self.target}"]
        if finalize:
            texts.append(duration(spent))
        texts.append(per_step(spent / max(self._seen, 1), self.unit_name))
        means = {name: total / count for name, (total, count) in self._sums.items()}
        texts += metric_texts(means)
        if finalize:
            self._line.finish(texts)
        else:
            self._line.draw(self._seen, texts)
