"""`LambdaCallback`: a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import ArgumentTypeError, did_you_mean
from lamina.training.callbacks.base import Callback


class LambdaCallback(Callback):
    """Callback made of functions.

    Training pauses at every batch for batch functions, so that they can use the model;
    with `needs="batches"` it does not, for functions that read only `batch` and `logs`.

    Args:
        on_epoch_begin: called with `(epoch, logs)`.
        on_epoch_end: called with `(epoch, logs)`.
        on_train_begin: called with `(logs)`.
        on_train_end: called with `(logs)`.
        on_train_batch_begin: called with `(batch, logs)`.
        on_train_batch_end: called with `(batch, logs)`.
        **kwargs: functions for other methods, by the method's name. Other names become
            attributes.

    Raises:
        ArgumentTypeError: a name resembles that of a method, but is not one.

    Example:
        >>> shout = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
        >>> shout.on_epoch_end(0, {"loss": 0.5})
        0 {'loss': 0.5}
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any] | None,
    ) -> None:
        super().__init__()
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, function in functions.items():
            hint = did_you_mean(name, known)
            if name not in known and (hint or name.startswith("on_")):
                raise ArgumentTypeError(
                    f"LambdaCallback: callbacks have no method {name!r}.{hint} "
                    f"Available: {', '.join(known)}."
                )
            if function is not None:
                setattr(self, name, function)
