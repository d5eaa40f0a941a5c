"""`Report`: a callback that writes the training report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from lamina.core.process import is_first_process
from lamina.data.adapt import is_array_data
from lamina.diagrams.svg import model_svg
from lamina.errors import StateError
from lamina.report.collect.layers import layers_of
from lamina.report.collect.predictions import evaluate
from lamina.report.collect.record import record_of
from lamina.report.collect.snapshots import Snapshots
from lamina.report.html import plain
from lamina.report.page.page import page
from lamina.report.run import Run
from lamina.report.write import (
    finding_rows,
    memory,
    page_path,
    write_page,
)
from lamina.tracebacks import warn
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.learning_rate import rates_of
from lamina.typing import Logs

T = TypeVar("T")
# Parts of the time of an epoch.
_TIMES = ("compile", "validation", "wait")


class Report(Callback):
    """Callback that writes a page about the run, after each epoch.

    The page is one HTML file that needs no network. It is replaced as a whole, so that
    it can be opened at any time.

    Args:
        path: path of the page, which ends in `.html`.
        class_names: names of the classes, for a classifier.

    Raises:
        ArgumentError: the path does not end in `.html`.
        SaveError: the page cannot be written.

    Example:
        >>> Report("run.html")
        Report(path='run.html')
    """

    arguments = {"path": page_path}

    def __init__(
        self,
        path: str | os.PathLike[str],
        class_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self.class_names = class_names
        self._run = Run("")
        self._given: Mapping[str, Any] = {}
        self._clock: dict[str, float] = {}
        self._snapshots: Snapshots | None = None
        self._drawing = ""

    def set_fit_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Store the arguments of `fit`."""
        self._given = arguments

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start a new page, and write it, so that a wrong path shows at once."""
        record = record_of(self.model, self._given)
        record["steps"] = self.params.get("steps")
        record["batch_size"] = _batch_size(self._given)
        self._run = Run(self.model.name, record, layers=layers_of(self.model))
        self._run.findings = finding_rows(self._given.get("findings", ()))
        drawing = self._attempt("drawing", lambda: model_svg(self.model))
        self._drawing = drawing or ""
        self._snapshots = self._attempt(
            "distributions", lambda: Snapshots(self.model, self._given.get("x"))
        )
        self._write()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock of the epoch."""
        self._clock = {"start": time.perf_counter(), **dict.fromkeys(_TIMES, 0.0)}

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Start the clock of the validation."""
        self._clock["test"] = time.perf_counter()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Add the time of the validation."""
        began = self._clock.pop("test", time.perf_counter())
        self._clock["validation"] += time.perf_counter() - began

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Add the time of a compilation."""
        if done and "compile" in self._clock and "test" not in self._clock:
            self._clock["compile"] += seconds

    def on_data_wait(self, kind: str, seconds: float) -> None:
        """Add the time that training waited for data."""
        if kind == "train" and "wait" in self._clock:
            self._clock["wait"] += seconds

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the epoch and rewrite the page."""
        run, now = self._run, time.perf_counter()
        before = len(run.epochs)
        run.epochs.append(epoch + 1)
        for name, value in (logs or {}).items():
            _append(run.logs, name, value, before)
        with suppress(StateError):  # an optimizer without a learning rate
            for name, value in rates_of(self.model).items():
                _append(run.rates, name, value, before)
        _append(run.seconds, "total", now - self._clock["start"], before)
        for name in _TIMES:
            _append(run.seconds, name, self._clock[name], before)
        self._take_snapshot(epoch + 1)
        self._attempt(f"epoch {epoch + 1}", self._write)
        _append(run.seconds, "report", time.perf_counter() - now, before)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Evaluate predictions and write the page a last time."""
        self._run.evaluation = self._evaluation()
        self._run.findings += finding_rows(self.model.history.findings)
        self._attempt("end of the run", self._write)

    def _evaluation(self) -> list[dict[str, Any]]:
        given = self._given
        data, source, share = given.get("validation_data"), "validation", 1.0
        if data is None:
            x, y = given.get("x"), given.get("y")
            data = x if y is None else (x, y)
            share = given.get("validation_split") or 1.0
            source = "validation" if share < 1 else "training"
        marked = "is_marked" if source == "training" else "validation_is_marked"
        if given.get(marked):  # each process has other rows
            return []
        found = self._attempt(
            "predictions",
            lambda: evaluate(self.model, data, source, self.class_names, share),
        )
        return found or []

    def _take_snapshot(self, epoch: int) -> None:
        snapshots = self._snapshots
        if snapshots is None:
            return
        taken = self._attempt("more distributions", lambda: snapshots.take(epoch) or 1)
        self._snapshots = snapshots if taken else None
        self._run.snapshots = snapshots.data

    def _attempt(self, what: str, function: Callable[[], T]) -> T | None:
        """Call a function, and warn if it fails.

        User-defined models and data may raise anything, a disk may be full, and
        training must not fail because of its report.
        """
        try:
            return function()
        except Exception as error:
            warn(f"The report has no {what}: {error}", RuntimeWarning)
            return None

    def _write(self) -> None:
        self._run.memory = memory()
        if is_first_process():
            write_page(self.path, page(self._run, self._drawing))

    def state_dict(self) -> dict[str, Any]:
        """Return the data of the page, for a run that is resumed."""
        return {"run": json.dumps(plain(vars(self._run)))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the data of the page, except the record of this process."""
        record = self._run.record
        self._run = Run.from_data(json.loads(state["run"]))
        self._run.record = record
        if self._snapshots is not None:
            self._snapshots.resume(self._run.snapshots or self._snapshots.data)


def _batch_size(given: Mapping[str, Any]) -> int | None:
    """Return the rows of a step, if data is arrays."""
    size = given.get("batch_size")
    return size or (32 if is_array_data(given.get("x")) else None)


def _append(table: dict[str, list[Any]], name: str, value: object, before: int) -> None:
    """Append a value to a column, which may be new and shorter than the others."""
    column = table.setdefault(name, [])
    column.extend([None] * (before - len(column)))
    column.append(value)
