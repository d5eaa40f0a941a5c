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

__all__ = ["Progbar", "ProgbarLogger"]

_INTERVAL = 0.1
_BAR_WIDTH = 12


class ProgbarLogger(Callback):
    """Shows how far training, evaluation or prediction has come, with the metrics.

    In a terminal or a notebook a bar moves while an epoch runs. The finished epoch
    leaves one line, which is all that is written where nothing can move, and with
    `verbose=2`.
    """

    needs = "epochs"

    def __init__(self) -> None:
        super().__init__()
        self.others: Sequence[Callback] = ()
        self._in_fit = False
        self._bar: _TerminalBar | _NotebookBar | None = None
        self._flushed = 0.0
        self._start("")

    def _start(self, title: str) -> None:
        self._title = title
        self._began = self._drawn = time.perf_counter()
        self._first = self._last = 0, self._began

    # What is shown when

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Say who slows training down, if somebody does."""
        self._in_fit = True
        slow = [c for c in self.others if c.batch_needs("train") == "model"]
        if slow and self.params.get("verbose", 1):
            names = ", ".join(dict.fromkeys(type(c).__name__ for c in slow))
            _write(
                f"Training pauses at every batch, where {names} may look at the model; "
                "`needs = 'batches'` in that class promises it does not."
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
            # The first batch may have to wait for a compilation.
            self._draw(0, {})

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start a line for `evaluate`."""
        if not self._in_fit:
            self._start("Evaluate")

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start a line for `predict`."""
        self._start("Predict")

    def on_progress(self, kind: str, done: int, logs: Any) -> None:
        """Move the bar, if one is due."""
        now = time.perf_counter()
        validating = kind == "test" and self._in_fit
        if not validating:
            self._last = done, now
            if self._first[0] == 0:
                self._first = self._last
        if now - self._drawn >= _INTERVAL:
            self._drawn = now
            self._draw(done, logs, validating)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Finish an epoch's line."""
        self._finish(logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Finish the line of `evaluate`."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Finish the line of `predict`."""
        # Batches are counted when they set out; by now their outputs are there.
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
        # A stretch that begins with a single step began with a compilation.
        if self._first[0] == 1 and done > 1:
            return (at - self._first[1]) / (done - 1)
        return (at - self._began) / max(done, 1)

    def _draw(self, done: int, logs: Any, validating: bool = False) -> None:
        if self.params.get("verbose") != 1:
            return
        steps = self.params.get("steps")
        if self._bar is None:
            self._bar = _bar(self._title, steps)
        if self._bar is None:
            return
        if validating:
            self._bar.draw(steps or self._last[0], f"validating: batch {done}")
            return
        text = f"{done}/{'?' if steps is None else steps}"
        if done:
            each = self._seconds_per_step()
            if steps is not None:
                text += f", {_duration(each * max(steps - done, 0))} left"
            text += f" - {_duration(each)}/step"
        self._bar.draw(done, text + _metrics(logs))

    def _finish(self, logs: dict[str, Any] | None) -> None:
        now = time.perf_counter()
        bar, self._bar = self._bar, None
        if not self.params.get("verbose", 1):
            return
        text = f"{self._title} - {_duration(now - self._began)}"
        if self._last[0]:
            text += f" - {_duration(self._seconds_per_step())}/step"
        text += _metrics(logs or {})
        if bar is not None and bar.finish(text):
            return
        _write(text)
        if now - self._flushed >= _INTERVAL or not self._in_fit:
            sys.stdout.flush()
            self._flushed = now


def _write(text: str) -> None:
    """A line for people: shown, or logged where nobody looks."""
    if config.is_interactive_logging_enabled():
        sys.stdout.write(text + "\n")
    else:
        logging.getLogger("lamina").info(text)


def _duration(seconds: float) -> str:
    """A time with the digits that matter: 107us, 1.37ms, 2.4s, 3m05s."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
    if seconds >= 0.1:
        return f"{seconds:.1f}s"
    value, unit = (seconds * 1e3, "ms") if seconds >= 1e-3 else (seconds * 1e6, "us")
    return f"{value:.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"


def _metrics(logs: dict[str, Any]) -> str:
    return "".join([f" - {name}: {_number(value)}" for name, value in logs.items()])


def _number(value: Any) -> str:
    if not isinstance(value, float):
        value = float(np.mean(np.asarray(value)))
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def _bar(title: str, steps: int | None) -> _TerminalBar | _NotebookBar | None:
    """Something that moves, if the output is a place where things can."""
    if not config.is_interactive_logging_enabled():
        return None
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return _NotebookBar(title, steps)
    return _TerminalBar(title, steps) if sys.stdout.isatty() else None


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
        self._bar: _TerminalBar | _NotebookBar | None = None
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
        each = _duration((now - self._began) / max(self._seen, 1))
        text = f"{self._seen}/{'?' if self.target is None else self.target} - "
        if finalize:
            text += f"{_duration(now - self._began)} - "
        means = {name: total / count for name, (total, count) in self._sums.items()}
        text += f"{each}/{self.unit_name}{_metrics(means)}"
        if self.verbose == 1 and not self._began_bar:
            self._bar, self._began_bar = _bar("", self.target), True
        self._drawn = now
        if not finalize:
            if self._bar is not None:
                self._bar.draw(self._seen, text)
        elif self._bar is None or not self._bar.finish(text):
            _write(text)


class _TerminalBar:
    """A bar below everything that is printed meanwhile; it leaves nothing behind."""

    def __init__(self, title: str, steps: int | None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        # Where it is narrow, the text is cut, not the bar.
        width = Column(min_width=_BAR_WIDTH)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(_BAR_WIDTH, table_column=width),
            TextColumn("{task.fields[text]}", markup=False),
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task(title, total=steps, text="")
        self._show()

    def _show(self) -> None:
        self._progress.start()

    def draw(self, done: int, text: str) -> None:
        """Show a number of batches and a text."""
        self._progress.update(self._task, completed=done, text=text)
        self._refresh()

    def _refresh(self) -> None:
        self._progress.refresh()

    def finish(self, text: str) -> bool:
        """Make way for a last line; whether that line is shown already."""
        self.close()
        return False

    def close(self) -> None:
        """Vanish."""
        self._progress.stop()


class _NotebookBar(_TerminalBar):
    """A bar in an output of its own, which ends as the last line."""

    def _show(self) -> None:
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        self._handle: Any = display(self._table(), display_id=True)

    def _refresh(self) -> None:
        self._handle.update(self._table())

    def _table(self) -> Any:
        return self._progress.make_tasks_table(self._progress.tasks)

    def finish(self, text: str) -> bool:
        """Turn into a last line; whether that line is shown already."""
        self._handle.update({"text/plain": text}, raw=True)
        return True
