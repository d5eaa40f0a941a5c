"""`EarlyStopping`: stop training when a metric stops improving."""

from __future__ import annotations

import numpy as np

from lamina.core.check import at_least
from lamina.errors import StateError
from lamina.training.callbacks.base import show
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.typing import Logs


class EarlyStopping(MonitorCallback):
    """Callback that stops training when a metric stops improving.

    `best_weights` holds the weights of the best epoch. `restore()` gives them to the
    model; `restore_best_weights=True` does so at the end of training.

    Args:
        monitor: the metric's name in the logs.
        min_delta: smallest change that counts as an improvement.
        patience: number of epochs without improvement before training stops.
        verbose: 1 to print a line when training stops or weights are restored.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the metric.
        baseline: value that the metric must improve on within `patience` epochs.
        restore_best_weights: whether to restore the best weights at the end.
        start_from_epoch: first epoch that counts.

    Example:
        >>> stopper = EarlyStopping("loss", patience=2)
        >>> stopper.wait, stopper.best_weights
        (0, None)
    """

    state_names = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")
    arguments = {**MonitorCallback.arguments, "start_from_epoch": at_least(0)}

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose = patience, verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.best_weights: list[np.ndarray] | None = None
        self._reset()

    def _reset(self) -> None:
        """Reset the state before training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """Return the monitored value; override it to compute another from the logs."""
        return self.value_of(logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop training if the metric has not improved for too long."""
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        better = self.is_better(current, self.best)
        if better or self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if better:
            self.best = current
            if self.baseline is None or self.is_better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restore the best weights if `restore_best_weights` is set."""
        if self.stopped_epoch > 0 and self.verbose:
            show(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                show(f"Restoring the weights of the best epoch: {self.best_epoch + 1}")
            self.restore()

    def restore(self) -> None:
        """Give the model the weights of the best epoch.

        Raises:
            StateError: no epoch had the metric.
        """
        if self.best_weights is None:
            raise StateError(
                "EarlyStopping has no weights to restore: no epoch of `fit` had the "
                f"metric {self.monitor!r}."
            )
        self.model.set_weights(self.best_weights)
