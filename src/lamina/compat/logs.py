"""Old names of metrics in histories, monitors and names of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from lamina.compat.defaults import LOG_NAMES
from lamina.compat.notices import tell
from lamina.core.custom_objects import snake_case
from lamina.training.callbacks import Callback
from lamina.training.callbacks.history import History

# Other names in logs of one value: Keras 2.2 and today have different ones.
OTHER_NAMES = {
    **{old: new for new, old in LOG_NAMES.items()},
    **LOG_NAMES,
    "lr": "learning_rate",
}


def other_name(metric: str, known: Collection[str]) -> str:
    """Return the name of a metric among those that are known, "" if there is none."""
    new = OTHER_NAMES.get(metric, "")
    if new in known:
        return new
    # `metrics=["MeanIoU"]` was logged as `mean_io_u`, or as `y_mean_io_u` of an output.
    return next((n for n in known if _snake_case(n) == metric), "")


def _snake_case(name: str) -> str:
    return snake_case(name).replace("__", "_")


def _today(name: str, known: Collection[str]) -> str:
    """Return the name of `known` for a metric, or the name itself if there is none."""
    metric = name.removeprefix("val_")
    if name in known or metric in known:
        return name
    return name.removesuffix(metric) + (other_name(metric, known) or metric)


class _OldKeys(dict[str, Any]):
    """Logs by name, which old names find too, such as `acc`."""

    def __missing__(self, name: str) -> Any:
        prefix = "val_" if name.startswith("val_") else ""
        metric = name.removeprefix(prefix)
        known = [
            n.removeprefix(prefix) for n in self if n.startswith("val_") == bool(prefix)
        ]
        new = other_name(metric, known)
        if not new and metric in ("acc", "accuracy"):
            # The name of the only accuracy, such as `binary_accuracy`.
            found = [n for n in known if n.endswith("_accuracy")]
            new = found[0] if len(found) == 1 else ""
        if not new:
            raise KeyError(name)
        new = prefix + new
        tell(f"history[{name!r}]", f"history[{new!r}]")
        return self[new]


_init = vars(History)["__init__"]


def init_history(history: History) -> None:
    """Initialize a history that old names find values in."""
    _init(history)
    history.history = _OldKeys()


def _metrics(callback: Callback) -> Collection[str]:
    """Return the names of the metrics of a callback's model, once it is known."""
    return getattr(callback.model, "metrics_names", ())


def _monitor(callback: Callback) -> str:
    old = vars(callback)["monitor"]
    new = _today(old, _metrics(callback))
    if new != old:
        tell(f"monitor={old!r}", f"monitor={new!r}")
    return new


def _filepath(callback: Callback) -> str:
    known, path = _metrics(callback), vars(callback)["filepath"]

    def replace(match: re.Match[str]) -> str:
        new = _today(match[0], known)
        if new != match[0]:
            tell(f"{{{match[0]}}} in a file name", f"{{{new}}}")
        return new

    # The name before a format, as in `{val_acc:.2f}`.
    return re.sub(r"(?<={)\w+", replace, path)


def _attribute(name: str, get: Callable[[Any], Any]) -> property:
    """Return a property that reads the attribute of the same name by `get`."""
    return property(get, lambda callback, value: vars(callback).update({name: value}))


MONITOR, FILEPATH = _attribute("monitor", _monitor), _attribute("filepath", _filepath)
