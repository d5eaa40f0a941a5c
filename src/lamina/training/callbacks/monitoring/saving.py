"""`SavingCallback`: base of callbacks that save the model during training."""

from __future__ import annotations

from lamina.training.callbacks.base import NEVER, frequency, period_of, show
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.typing import Logs


class SavingCallback(MonitorCallback):
    """Base of callbacks that save after epochs or batches: override `write`.

    Args:
        monitor: the metric's name in the logs, for `save_best_only`.
        verbose: 1 to print a line at each save.
        save_best_only: whether to save only when the metric improves on the best value.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the metric.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: initial best value of the metric.
    """

    arguments = {**MonitorCallback.arguments, "save_freq": frequency("epoch")}
    state_names = ("best", "_epoch", "_batches")

    def __init__(
        self,
        monitor: str,
        verbose: int,
        save_best_only: bool,
        mode: str,
        save_freq: str | int,
        initial_value_threshold: float | None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq, self._period = save_freq, period_of(save_freq)
        self._epoch = self._batches = 0

    @property
    def needs(self) -> str:  # type: ignore[override]
        """Need of the batch methods: none with `save_freq="epoch"`."""
        return "epochs" if self._period == NEVER else "batches"

    def is_watching(self) -> bool:
        """Return whether only the best model is saved."""
        return self.save_best_only

    def batches_to_pause(self) -> int:
        """Return the number of batches until the next save."""
        return self._period - self._batches

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Store the epoch for the file's name."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after every `save_freq` batches."""
        self._batches += 1
        if self._batches >= self._period:
            self._batches = 0
            self._save({**(logs or {}), "batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save if `save_freq` is `"epoch"`."""
        if self._period == NEVER:
            self._save(logs or {})

    def _save(self, logs: Logs) -> None:
        reason = self._reason(logs) if self.save_best_only else ""
        if reason is not None:
            place = self.write(logs)
            if self.verbose:
                show(f"Epoch {self._epoch + 1}: {reason}saved to {place}")

    def write(self, logs: Logs) -> str:
        """Save the model and return the path."""
        raise NotImplementedError

    def _reason(self, logs: Logs) -> str | None:
        """Return the reason to save as a text, or `None` not to save."""
        current = self.value_of(logs)
        if current is None:
            # Without the metric, an extra file is better than none.
            return ""
        before = "" if self.best is None else f" from {self.best:.5f}"
        # Save after the first epoch even if the value is NaN, as no file exists.
        if self.best is None or self.is_better(current, self.best):
            self.best = current
            return f"{self.monitor} improved{before} to {current:.5f}, "
        if self.verbose:
            show(f"Epoch {self._epoch + 1}: {self.monitor} did not improve{before}")
        return None
