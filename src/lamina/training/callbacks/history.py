"""`History`: the logs of all epochs, which `fit` returns."""

from __future__ import annotations

import html
import numbers
from typing import Any

from lamina.core.module import short
from lamina.training.callbacks.base import Callback
from lamina.typing import Logs

__all__ = ["History"]

_ROWS = 10


class History(Callback):
    """Callback that records the logs of each epoch; `fit` returns one.

    `history` maps each metric to the list of its values, `epoch` lists the epochs.

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

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the list of epochs."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __dir__(self) -> list[str]:
        # Attributes of a result; the methods are for `fit` only.
        return ["epoch", "history", "model", "params"]

    def __repr__(self) -> str:
        count = len(self.epoch)
        values = [f"{n}={_text(v[-1])}" for n, v in self.history.items() if v]
        text = f"{count} epoch{'' if count == 1 else 's'}"
        return f"<History: {', '.join([text, *values])}>"

    def _repr_html_(self) -> str:
        """Return the last epochs as an HTML table."""
        first = max(0, len(self.epoch) - _ROWS)
        rows = [["epoch", *self.history]]
        for i in range(first, len(self.epoch)):
            texts = ["".join(map(_text, v[i : i + 1])) for v in self.history.values()]
            rows.append([str(self.epoch[i] + 1), *texts])
        lines = [
            "".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows
        ]
        caption = f"The last {_ROWS} of {len(self.epoch)} epochs" if first else ""
        return f"{caption}<table><tr>{'</tr><tr>'.join(lines)}</tr></table>"


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, numbers.Real) else short(value)
