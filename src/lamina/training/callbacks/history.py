"""`History`: the logs of all epochs, which `fit` returns."""

from __future__ import annotations

import html
import math
import numbers
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax

from lamina.core.module import short
from lamina.display import Side, html_table, sparkline
from lamina.errors import did_you_mean
from lamina.tracebacks import filter_traceback
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.history_views.curves import plot_curves
from lamina.training.checks.findings import Findings
from lamina.typing import Logs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["History"]

_ROWS = 10


class MetricLogs(dict[str, Any]):
    """Values by the name of a metric; the error for another name lists the metrics."""

    @filter_traceback
    def __missing__(self, name: object) -> Any:
        hint = did_you_mean(name, self)
        raise KeyError(f"No metric {name!r}.{hint} Available: {', '.join(self)}.")

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # so that a pickled history needs no lamina


# `jax.tree` takes only a `dict` itself as a dictionary.
jax.tree_util.register_pytree_node(
    MetricLogs,
    lambda logs: (list(logs.values()), tuple(logs)),
    lambda names, values: MetricLogs(zip(names, values, strict=True)),
)


class History(Callback):
    """Callback that records the logs of each epoch; `fit` returns one.

    `history` maps each metric to the list of its values, `epoch` lists the epochs, and
    `findings` what the curves show, such as overfitting; it is empty for most runs.

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
        self.history: dict[str, list[Any]] = MetricLogs()
        self.findings = Findings()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the list of epochs."""
        self.epoch, self.findings = [], Findings()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the logs of a resumed run."""
        super().load_state_dict(state)
        self.history = MetricLogs(self.history)

    def plot(
        self,
        metrics: Sequence[str] | None = None,
        skip: int = 0,
        path: str | os.PathLike[str] | None = None,
    ) -> Figure:
        """Plot metrics by epoch, each with its validation in one panel.

        A dashed line marks the best validation epoch of each metric whose direction is
        known from its name. By default metrics with equal values share a panel, such as
        the loss "mse" and the metric `mse`.

        Args:
            metrics: names of the metrics to plot, without `val_`; all by default.
            skip: number of first epochs to omit, whose values are often much larger.
            path: path of an image file to write, with an extension of Matplotlib.

        Returns:
            A figure of Matplotlib, which notebooks show.

        Raises:
            ArgumentError: a metric is unknown, or there are no epochs to plot.

        Example:
            >>> history = History()
            >>> history.on_train_begin()
            >>> history.on_epoch_end(0, {"loss": 0.5, "mae": 0.6})
            >>> len(history.plot(["loss"]).axes)
            1
        """
        figure = plot_curves(self.history, metrics, skip)
        if path is not None:
            figure.savefig(path, dpi=100)
        return figure

    def __dir__(self) -> list[str]:
        # Attributes of a result; the other methods are for `fit` only.
        return ["epoch", "findings", "history", "model", "params", "plot"]

    def __repr__(self) -> str:
        count = len(self.epoch)
        values = [f"{n}={_text(v[-1])}" for n, v in self.history.items() if v]
        text = f"{count} epoch{'' if count == 1 else 's'}"
        return f"<History: {', '.join([text, *values])}>"

    def _repr_html_(self) -> str:
        """Return the last epochs as an HTML table, with a curve of each metric."""
        first = max(0, len(self.epoch) - _ROWS)
        headers = [
            f"{html.escape(name)}<br>{sparkline(_numbers(values))}"
            for name, values in self.history.items()
        ]
        rows = [
            [str(self.epoch[i] + 1)]
            + ["".join(map(_text, v[i : i + 1])) for v in self.history.values()]
            for i in range(first, len(self.epoch))
        ]
        caption = f"The last {_ROWS} of {len(self.epoch)} epochs" if first else ""
        sides: list[Side] = ["right"] * (len(headers) + 1)
        return caption + html_table(["epoch", *headers], rows, sides)


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, numbers.Real) else short(value)


def _numbers(values: Sequence[object]) -> list[float]:
    """Return values as numbers; NaN for others, such as arrays."""
    return [float(v) if isinstance(v, numbers.Real) else math.nan for v in values]
