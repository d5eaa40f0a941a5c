"""`History`: the logs of every epoch, which `fit` returns."""

from __future__ import annotations

from typing import Any

from lamina.training.callbacks.base import Callback

__all__ = ["History"]


class History(Callback):
    """Keeps every epoch's logs; each `fit` makes one and returns it.

    `history` holds a list for each metric, `epoch` the numbers of the epochs.

    Example:
        >>> history = History()
        >>> history.on_train_begin()
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.epoch, history.history
        ([0], {'loss': [0.5]})
    """

    epochs_may_wait = True
    state_names = ("epoch", "history")

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the list of epochs."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        names = ", ".join(self.history) or "nothing"
        return f"<History of {len(self.epoch)} epochs: {names}>"
