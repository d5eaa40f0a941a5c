"""`ProgbarLogger`: a moving bar where one can move, a line an epoch everywhere."""

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

__all__ = ["Progbar", "ProgbarLogger"]

_INTERVAL = 0.1
_COMPILING = "compiling"
# Seconds of compilation that a finished line mentions.
_WORTH_TELLING = 0.1


class ProgbarLogger(Callback):
    """Shows how far training, evaluation or prediction has come, with the metrics.

    In a terminal or a notebook a bar moves while an epoch runs. The finished epoch
    leaves its time, the time of a step without compilation, and the metrics; that is
    all that is written to files, and with `verbose=2`.
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

    # When something is shown

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
        """Write out what is still buffered."""
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
        """Start a line for `evaluate`, or show that validation has begun."""
        if not self._in_fit:
            self._start("Evaluate")
        elif self._bar is not None:
            self._draw(self._last[0], ["validating"])

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start a line for `predict`."""
        self._start("Predict")

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Show that a program compiles, and for how long."""
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
        """Move the bar, if one is due."""
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
        # Steps are counted when they are dispatched; now their outputs are there.
        self._last = self._last[0], time.perf_counter()
        self._finish({})

    def close(self) -> None:
        """Take away a bar that an error has left."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    # How it is shown

    def _seconds_per_step(self) -> float:
        done, at = self._last
        # A first dispatch of a single step is slower than those that follow.
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
        if self._compiling_all >= _WORTH_TELLING:
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
    """Print a text on a line; log it if asked to."""
    if config.is_interactive_logging_enabled():
        sys.stdout.write(f"{text}\n")
    else:
        logging.getLogger("lamina").info(text)


def _write(texts: Sequence[str]) -> None:
    """Print texts on a line, or on several where the terminal is narrow."""
    width = terminal_width() if config.is_interactive_logging_enabled() else None
    _write_line("\n".join(in_lines(texts, width)))


class Progbar:
    """A bar for loops of your own, and the means of what they measure.

    Args:
        target: how many steps there will be; `None` if that is not known.
        width: accepted for Keras's signature.
        verbose: 0 silent, 1 a bar that moves, 2 a line at the end.
        interval: seconds between two drawings.
        stateful_metrics: names whose values are shown as they are, not their means.
        stateless_metrics: the other names; only one of both is given.
        unit_name: what a step is called.

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
        """Say how far the loop has come.

        Args:
            current: steps done.
            values: pairs of a name and what was measured in the steps since.
            finalize: whether this is the end; when `target` is reached, by default.
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
        """Say that the loop has come further.

        Args:
            n: by so many steps.
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
