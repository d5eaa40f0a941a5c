"""`TerminateOnNaN`: no more training once the loss is not a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina.core.check import boolean
from lamina.training.callbacks.base import Callback

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends training when the loss is infinite or not a number.

    `fit` stops by itself before a step whose loss or gradients are not finite, and
    keeps the weights from before it. This callback says so, raises if it should, and
    also watches losses that a `train_step` of your own returns.

    Args:
        raise_error: whether to raise instead of ending `fit` in good order.
        rollback: whether the model then goes back to the last checkpoint of
            `fit(resume=...)`, since a run often goes wrong some time before it shows.

    Raises:
        RuntimeError: the loss is not finite, and `raise_error` is set.
        StateError: `rollback` is set, and `fit` keeps no checkpoints.

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

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, for the message."""
        self._epoch = epoch

    def on_progress(self, kind: str, done: int, logs: Any) -> None:
        """Look at the loss so far."""
        if kind == "train" and not self.model.stop_training:
            self._look(f"Batch {done}", logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the epoch's loss."""
        self._look(f"Epoch {epoch + 1}", logs)

    def _look(self, when: str, logs: dict[str, Any] | None) -> None:
        loss = float(np.asarray((logs or {}).get("loss", 0.0)))
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"{when}: the loss is {loss}. Training ends here.")
        print(f"{when}: invalid loss, terminating training")
        self.model.stop_training = True
