"""Old names of metrics in histories, monitors and names of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from lamina.compat.defaults import LOG_NAMES
from lamina.compat.notices import tell
from lamina.training.callbacks import Callback
from lamina.training.callbacks.history import History

# Other names in logs of one value: Keras 2.2 and today have different ones.
OTHER_NAMES = {
    **{old: new for new, old in LOG_NAMES.items()},
    **LOG_NAMES,
    "lr": "learning_rate",
}


def _today(name: str, known: Container[str]) -> str:
    """Return the name of `known` for a metric, or the name itself if there is none."""
    metric = name.removeprefix("val_")
    new = OTHER_NAMES.get(metric, metric)
    if name in known or metric in known or new not in known:
        return name
    return name.removesuffix(metric) + new


class _OldKeys(dict[str, Any]):
    """Logs by name, which old names find too, such as `acc`."""

    def __missing__(self, name: str) -> Any:
        prefix = "val_" if name.startswith("val_") else ""
        metric = name.removeprefix(prefix)
        new = prefix + OTHER_NAMES.get(metric, "")
        if new not in self and metric in ("acc", "accuracy"):
            # The name of the only accuracy, such as `binary_accuracy`.
            found = [n for n in self if n.endswith("_accuracy")]
            known = [n for n in found if n.startswith("val_") == bool(prefix)]
            new = known[0] if len(known) == 1 else new
        if new not in self:
            raise KeyError(name)
        tell(f"history[{name!r}]", f"history[{new!r}]")
        return self[new]


_init = vars(History)["__init__"]


def init_history(history: History) -> None:
    """Initialize a history that old names find values in."""
    _init(history)
    history.history = _OldKeys()


def _metrics(callback: Callback) -> Container[str]:
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
