"""`ProgbarLogger` and `Progbar`: progress bars and summary lines."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import config
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.progress.bars import (
    NotebookBar,
    TerminalBar,
    duration,
    in_lines,
    metric_texts,
    open_bar,
    per_step,
    terminal_width,
)

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
        self._bar: TerminalBar | NotebookBar | None = None
        self._flushed = 0.0
        self._start("")

    def _start(self, title: str) -> None:
        self._title = title
        self._began = self._drawn = time.perf_counter()
        self._first = self._last = 0, self._began
        self._compiling = self._compiling_all = 0.0  # without validation's and with it

    # Events

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Name the callbacks for which training pauses at every batch."""
        self._in_fit = True
        slow = [c for c in self.others if c.batch_needs("train") == "model"]
        if slow and self.params.get("verbose", 1):
            names = ", ".join(dict.fromkeys(type(c).__name__ for c in slow))
            _write_line(
                f"Training pauses at every batch for {names}. If its batch methods "
                "read only `batch` and `logs`, speed training up with "
                "`needs = 'batches'` in the class."
            )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Flush the output."""
        self._in_fit = False
        self._title = ""
        sys.stdout.flush()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start an epoch's line."""
        first = not self._title
        self._start(f"Epoch {epoch + 1}/{self.params.get('epochs', 1)}")
        if first:
            self._draw(0, [_COMPILING])

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start a line for `evaluate`, or show that validation runs."""
        if not self._in_fit:
            self._start("Evaluate")
        elif self._bar is not None:
            self._draw(self._last[0], ["validating"])

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start a line for `predict`."""
        self._start("Predict")

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Show the compile time so far."""
        validating = kind == "test" and self._in_fit
        if done:
            self._compiling_all += seconds
            if not validating:
                self._compiling += seconds
            return
        now = time.perf_counter()
        if now - self._drawn >= _INTERVAL:
            self._drawn = now
            text = f"{_COMPILING} {duration(seconds)}"
            if validating:
                text = f"validating: {text}"
            self._draw(self._last[0], [text])

    def on_progress(self, kind: str, done: int, logs: Any) -> None:
        """Redraw the bar if the interval has passed."""
        now = time.perf_counter()
        validating = kind == "test" and self._in_fit
        if not validating:
            self._last = done, now
            if self._first[0] == 0:
                self._first = self._last
        if now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        if validating:
            self._draw(self._last[0], [f"validating: step {done}"])
        else:
            self._draw(done, self._position(done), logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Finish an epoch's line."""
        self._finish(logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Finish the line of `evaluate`."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Finish the line of `predict`."""
        # Steps are counted at dispatch; their outputs are complete only now.
        self._last = self._last[0], time.perf_counter()
        self._finish({})

    def close(self) -> None:
        """Remove the bar after an error."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    # Output

    def _seconds_per_step(self) -> float:
        done, at = self._last
        # The first dispatch is slow; exclude it if it is a single step.
        if self._first[0] == 1 and done > 1:
            return (at - self._first[1]) / (done - 1)
        return max(at - self._began - self._compiling, 0) / max(done, 1)

    def _position(self, done: int) -> list[str]:
        steps, each = self.params.get("steps"), self._seconds_per_step()
        if steps is None:
            return [f"{done}/?", per_step(each)]
        left = duration(each * max(steps - done, 0))
        return [f"{done}/{steps}", f"{left} left", per_step(each)]

    def _draw(self, done: int, texts: Sequence[str], logs: Any = None) -> None:
        if self.params.get("verbose") != 1:
            return
        if self._bar is None:
            self._bar = open_bar(self._title, self.params.get("steps"))
        if self._bar is not None:
            self._bar.draw(done, [*texts, *metric_texts(logs or {})])

    def _finish(self, logs: dict[str, Any] | None) -> None:
        now = time.perf_counter()
        bar, self._bar = self._bar, None
        if not self.params.get("verbose", 1):
            return
        spent = duration(now - self._began)
        if self._compiling_all >= _MIN_COMPILE_SECONDS:
            spent += f" ({duration(self._compiling_all)} compiling)"
        texts = [self._title, spent]
        if self._last[0]:
            texts.append(per_step(self._seconds_per_step()))
        texts += metric_texts(logs or {})
        if bar is not None and bar.finish(texts):
            return
        _write(texts)
        if now - self._flushed >= _INTERVAL or not self._in_fit:
            sys.stdout.flush()
            self._flushed = now


def _write_line(text: str) -> None:
    """Print a line, or log it if interactive logging is off."""
    if config.is_interactive_logging_enabled():
        sys.stdout.write(f"{text}\n")
    else:
        logging.getLogger("lamina").info(text)


def _write(texts: Sequence[str]) -> None:
    """Print texts on one line, or on several in a narrow terminal."""
    width = terminal_width() if config.is_interactive_logging_enabled() else None
    _write_line("\n".join(in_lines(texts, width)))


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
        self._seen, self._began, self._drawn = 0, time.perf_counter(), 0.0
        self._bar: TerminalBar | NotebookBar | None = None
        self._began_bar = False

    def update(
        self,
        current: int,
        values: Sequence[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
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

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Add steps done.

        Args:
            n: number of steps.
            values: as for `update`.
        """
        self.update(self._seen + n, values)

    def _show(self, finalize: bool) -> None:
        now = time.perf_counter()
        due = self.verbose == 1 and now - self._drawn >= self.interval
        if not self.verbose or not (due or finalize):
            return
        texts = [f"{self._seen}/{'?' if self.target is None else self.target}"]
        if finalize:
            texts.append(duration(now - self._began))
        texts.append(per_step((now - self._began) / max(self._seen, 1), self.unit_name))
        means = {name: total / count for name, (total, count) in self._sums.items()}
        texts += metric_texts(means)
        if self.verbose == 1 and not self._began_bar:
            self._bar, self._began_bar = open_bar("", self.target), True
        self._drawn = now
        if not finalize:
            if self._bar is not None:
                self._bar.draw(self._seen, texts)
        elif self._bar is None or not self._bar.finish(texts):
            _write(texts)
