"""`ProgbarLogger`: the progress of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.progress.output import Output, open_output, write_line
from lamina.progress.snapshot import Metric, Snapshot
from lamina.progress.text import duration
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.progress.metric_history import MetricHistory
from lamina.training.callbacks.progress.timer import StepTimer
from lamina.typing import Logs

# Shortest time, in seconds, that a finished epoch mentions, and the smallest part of an
# epoch that waiting for data must take to be mentioned.
_MIN_SECONDS, _MIN_WAITING = 0.1, 0.1


class ProgbarLogger(Callback):
    """Callback that shows the progress of training, evaluation and prediction.

    A terminal shows the running epoch in two or three lines, with the change of each
    metric since the last epoch, and a table of the finished ones; a notebook shows the
    same in the cell's output. Files get two lines for each epoch in the form of Keras,
    as does `verbose=2`.

    Example:
        >>> lamina.callbacks.CallbackList(add_progbar=True).callbacks
        [ProgbarLogger()]
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: Sequence[Callback] = ()
        self._in_fit = False
        self._output = Output()
        self._metrics = MetricHistory()
        self._shown: Sequence[Metric] = ()
        self._epoch = 0
        self._epoch_seconds = 0.0  # of the last epoch
        self._last_steps: int | None = None
        self._start("")

    def _start(self, title: str) -> None:
        self._title, self._timer = title, StepTimer()
        self._steps = self.params.get("steps") or self._last_steps

    def _open(self) -> None:
        name = getattr(self.model, "name", "")
        self._output = open_output(self.params.get("verbose", 2), name)

    # Events

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Name the callbacks for which training pauses at every batch."""
        self._in_fit = True
        self._metrics = MetricHistory()
        self._last_steps, self._epoch_seconds = None, 0.0
        self._title = ""
        self._open()
        slow = [c for c in self.others if c.batch_needs("train") == "model"]
        if slow and self.params.get("verbose", 1):
            names = ", ".join(dict.fromkeys(type(c).__name__ for c in slow))
            write_line(
                f"Training pauses at every batch for {names}. If its batch methods "
                "read only `batch` and `logs`, speed training up with "
                "`needs = 'batches'` in the class."
            )

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the display of the running epoch."""
        self._in_fit = False
        self._output.close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the display of an epoch."""
        is_first = not self._title
        self._epoch = epoch
        self._start(f"Epoch {epoch + 1}/{self.params.get('epochs', 1)}")
        self._output.begin(self._title)
        if is_first:
            self._draw(state="starting")

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Start the display of `evaluate`, or show that validation runs."""
        if not self._in_fit:
            self._open()
            self._start("Evaluate")
        elif self._output.is_due():
            self._draw(state="validating")

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Start the display of `predict`."""
        self._open()
        self._start("Predict")

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Show the compile time so far."""
        validating = kind == "test" and self._in_fit
        if done:
            self._timer.add_compilation(seconds, validating)
        elif self._output.is_due():
            text = f"compiling {duration(seconds)}"
            self._draw(state=f"validating: {text}" if validating else text)

    def on_data_wait(self, kind: str, seconds: float) -> None:
        """Add to the time of waiting for data."""
        self._timer.waiting += seconds

    def on_progress(self, kind: str, done: int, logs: Logs) -> None:
        """Draw the progress, unless it was drawn a moment ago."""
        validating = kind == "test" and self._in_fit
        if not validating:
            self._timer.note(done)
        if not self._output.is_due():
            return
        if validating:
            self._draw(state=f"validating, step {done}")
        else:
            self._draw(metrics=self._metrics.moving(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Show the epoch as finished."""
        self._finish(logs)
        self._epoch_seconds = self._timer.seconds - self._timer.compiling
        self._last_steps = self._timer.done or None

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Show the result of `evaluate`."""
        if not self._in_fit:
            self._finish(logs)
            self._output.close()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Show the end of `predict`."""
        # Steps are counted at dispatch; their outputs are complete only now.
        self._timer.note(self._timer.done)
        self._finish({})
        self._output.close()

    def close(self) -> None:
        """Remove the display of the running epoch, also after an error."""
        self._output.close()

    # Output

    def _draw(self, state: str = "", metrics: Sequence[Metric] | None = None) -> None:
        self._shown = self._shown if metrics is None else metrics
        self._output.draw(self._snapshot(self._shown, state))

    def _finish(self, logs: Logs | None) -> None:
        self._shown = self._metrics.finished(logs or {})
        total = self._timer.done or None
        self._output.finish(self._snapshot(self._shown)._replace(total=total))

    def _snapshot(self, metrics: Sequence[Metric], state: str = "") -> Snapshot:
        timer, each = self._timer, self._timer.per_step()
        return Snapshot(
            self._title,
            timer.done,
            self._steps,
            timer.seconds,
            each,
            left=self._seconds_left(each),
            state=state,
            metrics=metrics,
            notes=_notes(timer),
            is_epoch=self._in_fit,
        )

    def _seconds_left(self, each: float) -> float | None:
        """Return the seconds up to the end of the last epoch, if there are several."""
        epochs = self.params.get("epochs", 1)
        if not self._in_fit or epochs == 1 or self._steps is None:
            return None
        epoch = self._epoch_seconds or each * self._steps
        steps_left = max(self._steps - self._timer.done, 0)
        return each * steps_left + epoch * (epochs - self._epoch - 1)


def _notes(timer: StepTimer) -> list[str]:
    """Return what an epoch spent much time on besides its steps."""
    notes = list[str]()
    if timer.compiling >= _MIN_SECONDS:
        notes.append(f"{duration(timer.compiling)} compiling")
    if timer.waiting >= max(_MIN_SECONDS, _MIN_WAITING * timer.seconds):
        notes.append(f"{duration(timer.waiting)} waiting for data")
    return notes
