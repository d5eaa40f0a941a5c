"""`TerminateOnNaN`: stop training at a loss that is not finite."""

from __future__ import annotations

import math

import numpy as np

from lamina.core.check import boolean
from lamina.training.callbacks.base import Callback, show
from lamina.typing import Logs


class TerminateOnNaN(Callback):
    """Callback that stops training when the loss is infinite or NaN.

    `fit` by itself stops before a step whose loss or gradients are not finite, and
    leaves the model with the weights before that step. This callback prints a message
    or raises, and also checks losses that a custom `train_step` returns. With it,
    `fit` does not refuse data that has values that are not finite.

    Args:
        raise_error: whether to raise an error instead of returning from `fit`.
        rollback: whether to restore the last checkpoint of `fit(resume=...)`, since
            training often diverges before the loss shows it.

    Raises:
        RuntimeError: the loss is not finite, and `raise_error` is set.
        StateError: `rollback` is set, and `fit` writes no checkpoints.

    Example:
        >>> strict = TerminateOnNaN(raise_error=True)
        >>> strict.on_epoch_end(4, {"loss": float("nan")})
        Traceback (most recent call last):
        ...
        RuntimeError: Epoch 5: the loss is nan. Training ends here.
    """

    arguments = {"raise_error": boolean, "rollback": boolean}
    state_names = ("_epoch",)

    def __init__(self, raise_error: bool = False, rollback: bool = False) -> None:
        super().__init__()
        self.raise_error, self.rollback = raise_error, rollback
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Store the epoch."""
        self._epoch = epoch

    def on_progress(self, kind: str, done: int, logs: Logs) -> None:
        """Check the loss so far."""
        if kind == "train" and not self.model.stop_training:
            self._check_loss(f"Batch {done}", logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Check the epoch's loss."""
        self._check_loss(f"Epoch {epoch + 1}", logs)

    def _check_loss(self, when: str, logs: Logs | None) -> None:
        loss = float(np.asarray((logs or {}).get("loss", 0.0)))
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"{when}: the loss is {loss}. Training ends here.")
        show(f"{when}: invalid loss, terminating training")
        self.model.stop_training = True
