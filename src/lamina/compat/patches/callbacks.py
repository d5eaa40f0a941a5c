"""Changes of callbacks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lamina.compat import logs
from lamina.compat.arguments import FUNCTIONS, library_class, renamed
from lamina.compat.defaults import Release, release
from lamina.compat.files import wrap_checkpoint, wrap_epoch_end
from lamina.compat.notices import tell
from lamina.compat.patches.apply import Changes
from lamina.compat.patches.functions import with_old_names
from lamina.core.module import is_user_defined
from lamina.data.rows import leaves
from lamina.tracebacks import warn
from lamina.training import callbacks
from lamina.training.callbacks.history import History
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.typing import OptionalLogs

if TYPE_CHECKING:
    from lamina.data.batches import Segment
    from lamina.training.callbacks.batch_hooks import BatchHooks


def _new(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `__new__` of callbacks that also takes old names of arguments."""

    @functools.wraps(function)
    def new(cls: type, *args: object, **kwargs: object) -> Any:
        if cls is callbacks.TensorBoard and find_spec("tensorboardX") is None:
            warn(
                "TensorBoard writes nothing, because tensorboardX is not installed. "
                "Install it: `pip install 'lamina[tensorboard]'`."
            )
            return callbacks.Callback()
        if not is_user_defined(cls, "__init__"):
            name = library_class(cls).__name__
            kwargs = renamed(name, FUNCTIONS.get(f"{name}.__init__", {}), kwargs)
            kwargs.pop("period", None)
        return function(cls, *args, **kwargs)

    return new


# Old parameters of callbacks, and what they are today.
_PARAMS = {
    "batch_size": "the batch_size of fit",
    "do_validation": "whether fit has validation_data",
    "metrics": "self.model.metrics_names",
    "nb_epoch": "self.params['epochs']",
    "nb_sample": "len(x)",
    "samples": "len(x)",
}


class _OldParams(dict[str, Any]):
    """The arguments of `fit`, with those that callbacks had in Keras 1 and 2 too."""

    def __init__(self, params: dict[str, Any], callback: Any) -> None:
        super().__init__(params)
        self._callback = callback

    def __missing__(self, name: str) -> Any:
        if name not in _PARAMS:
            raise KeyError(name)
        tell(f"self.params[{name!r}]", _PARAMS[name])
        fit: dict[str, Any] = vars(self._callback).get("_fit", {})
        if name == "metrics":
            names = list(self._callback.model.metrics_names)
            is_validated = fit.get("do_validation")
            return names + [f"val_{n}" for n in names if is_validated]
        same = {"nb_epoch": self.get("epochs"), "nb_sample": fit.get("samples")}
        return {**fit, **same}.get(name)

    def __contains__(self, name: object) -> bool:
        return name in _PARAMS or super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument, or a default for one that `fit` never had."""
        try:
            return self[name]
        except KeyError:
            return default


def _set_params(callback: Any, params: dict[str, Any]) -> None:
    callback.params = _OldParams(params, callback)


def _get_file_path(
    callback: Any, epoch: int, batch: Any = None, logs: OptionalLogs = None
) -> str:
    """Return the path of a checkpoint, as `ModelCheckpoint` of tf.keras did."""
    if isinstance(batch, dict):  # the second argument until TensorFlow 2.3
        batch, logs = None, batch
    values = {**(logs or {}), "epoch": epoch + 1, "batch": (batch or 0) + 1}
    return callback.filepath.format(**values)


def _rows_of(segment: Segment, batch: int) -> int:
    """Return the number of rows in a batch of a segment."""
    data, batches = segment.data, segment.batches
    if batches.kind == "rows":
        is_rest = batches.rest and batch >= batches.full(data)
        return batches.rest if is_rest else batches.size
    return leaves(data)[0].shape[1 if batches.kind == "stack" else 0]


def _wrap_segment(run: Callable[..., None]) -> Callable[..., None]:
    """Return a method that runs a segment, which the calls for its batches know."""

    @functools.wraps(run)
    def call(epoch: Any, segment: Segment) -> None:
        vars(epoch._loop.hooks)["_segment"] = segment
        run(epoch, segment)

    return call


def _wrap_hooks(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor of hooks whose logs have `batch` and `size` if programs do.

    Keras had them until 2.3.
    """

    @functools.wraps(init)
    def call(hooks: BatchHooks, *args: Any) -> None:
        init(hooks, *args)
        if release() <= Release.KERAS_2_3:
            own = vars(hooks)
            for name in ("_begin", "_end"):
                own[name] = _with_sizes(own[name], hooks)

    return call


def _with_sizes(method: Callable[..., None], hooks: BatchHooks) -> Callable[..., None]:
    def call(batch: int, logs: OptionalLogs = None) -> None:
        size = _rows_of(vars(hooks)["_segment"], batch)
        method(batch, {"batch": batch, "size": size, **(logs or {})})

    return call


def loop(module: Any) -> Changes:
    """Return the changes of the loop over batches."""
    yield module._Epoch, "_segment", _wrap_segment(module._Epoch._segment)
    hooks = module.BatchHooks
    yield hooks, "__init__", _wrap_hooks(vars(hooks)["__init__"])


def changes(module: object) -> Changes:
    """Return the changes of callbacks."""
    yield callbacks.Callback, "set_params", _set_params
    new = vars(callbacks.Callback)["__new__"].__func__
    yield callbacks.Callback, "__new__", staticmethod(_new(new))
    checkpoint = callbacks.ModelCheckpoint
    yield checkpoint, "__init__", wrap_checkpoint(vars(checkpoint)["__init__"])
    yield checkpoint, "on_epoch_end", wrap_epoch_end(checkpoint.on_epoch_end)
    yield checkpoint, "filepath", logs.FILEPATH
    yield checkpoint, "_get_file_path", _get_file_path
    for cls in (callbacks.ReduceLROnPlateau, callbacks.TensorBoard):
        yield cls, "__init__", with_old_names(vars(cls)["__init__"])
    yield History, "__init__", logs.init_history
    yield MonitorCallback, "monitor", logs.MONITOR
