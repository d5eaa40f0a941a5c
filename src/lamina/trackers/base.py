"""`Tracker`: what callbacks for experiment trackers share."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from lamina.core.process import is_first_process
from lamina.errors import missing_package
from lamina.report.collect.record import flattened, record_of
from lamina.report.run import direction
from lamina.tracebacks import warn
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.learning_rate import rates_of
from lamina.typing import Logs


class Tracker(Callback):
    """Base of callbacks that send a run to an experiment tracker.

    At the start it sends the record of the run: arguments of `fit` and `compile`,
    versions, device and shapes of the data, but no data. After each epoch it sends the
    metrics and learning rates, and at the end the best value of each metric. A run that
    `fit(resume=...)` resumes continues the tracker's run.

    A subclass names its package and defines `_open`, `_log` and `_finish`.

    Args:
        config: further entries of the record, such as hyperparameters.

    Raises:
        MissingPackageError: the tracker's package is not installed.
    """

    package: ClassVar[str]
    state_names = ("run_id", "best")

    def __init__(self, config: Mapping[str, object] | None = None) -> None:
        super().__init__()
        found = importlib.util.find_spec(self.package)
        # A folder of logs with the name of the package has no origin.
        if found is None or found.origin is None:
            raise missing_package(self.package, type(self).__name__, self.package)
        self.config = dict(config or {})
        self.run_id: str | None = None
        self.best: dict[str, float] = {}
        self._given: Mapping[str, Any] = {}
        self._is_open = False

    @property
    def _module(self) -> Any:
        """The tracker's package, which is imported when training starts."""
        return importlib.import_module(self.package)

    def _open(self, config: dict[str, object]) -> str:
        """Start a run, or continue that of `run_id`, and return its identifier."""
        raise NotImplementedError

    def _log(self, metrics: dict[str, float], epoch: int) -> None:
        """Send the metrics of an epoch, counted from 0."""
        raise NotImplementedError

    def _finish(self, summary: dict[str, float], completed: bool) -> None:
        """Send the best values and end the run."""
        raise NotImplementedError

    def set_fit_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Store the arguments of `fit`."""
        self._given = arguments

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the last run."""
        self.run_id, self.best = None, {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the tracker's run before the first epoch.

        The state of a resumed run is restored after `on_train_begin`.
        """
        if not self._is_open and is_first_process():
            record = flat(record_of(self.model, self._given))
            parameters = {"parameters": self.model.count_params()}
            self.run_id = self._open({**record, **parameters, **self.config})
            self._is_open = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Send the epoch's metrics and learning rates."""
        values = {**(logs or {}), **rates_of(self.model)}
        metrics = {k: float(v) for k, v in values.items() if np.ndim(v) == 0}
        for name, value in metrics.items():
            better = {"max": max, "min": min}.get(direction(name))
            if better is not None and np.isfinite(value):
                key = f"best_{name}"
                self.best[key] = better(self.best.get(key, value), value)
        self._send(self._log, metrics, epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Send the best values and end the run."""
        self._end(completed=True)

    def close(self) -> None:
        """End the run as failed, if training did not get to its end."""
        self._end(completed=False)

    def _end(self, completed: bool) -> None:
        if self._is_open:
            self._is_open = False
            self._send(self._finish, self.best, completed)

    def _send(self, method: Callable[..., object], *args: object) -> None:
        """Call a method; an error is a warning, as training is worth more than logs."""
        if not is_first_process():
            return
        try:
            method(*args)
        # Trackers raise errors of their own kinds and of those of HTTP libraries.
        except Exception as error:
            warn(
                f"{type(self).__name__} could not send the logs: "
                f"{type(error).__name__}: {error}. Training continues without them."
            )


def flat(record: Mapping[str, Any]) -> dict[str, object]:
    """Return the record of a run as one dictionary of plain values.

    Nested names are joined with dots. The arguments of `fit` and `compile` have no
    prefix. An object has its class as value, and its config below.

    Example:
        >>> optimizer = {"class_name": "SGD", "config": {"momentum": 0.9}}
        >>> flat({"arguments": {"epochs": 3, "compile": {"optimizer": optimizer}}})
        {'epochs': 3, 'optimizer': 'SGD', 'optimizer.momentum': 0.9}
    """
    entries = flattened(record).items()
    return {name: _plain(value) for name, value in entries if value is not None}


def _plain(value: object) -> object:
    """Return a list as text, and a float32 as a user wrote it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _text(value: Any) -> str:
    is_object = isinstance(value, Mapping) and "class_name" in value
    return str(value["class_name"] if is_object else value)
