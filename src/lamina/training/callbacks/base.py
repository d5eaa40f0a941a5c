"""`Callback`: the base of objects that `fit`, `evaluate` and `predict` call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from lamina.core.check import Check, is_int
from lamina.core.module import (
    checked_arguments,
    is_user_defined,
    short,
    signature,
)
from lamina.core.process import is_first_process
from lamina.errors import ArgumentTypeError, invalid
from lamina.tracebacks import filter_traceback
from lamina.typing import Logs, OptionalLogs

NEVER = 2**31 - 1
# From the strongest to the weakest.
_NEEDS = ("model", "batches", "epochs")

path_like = Check(
    "a path", lambda v: isinstance(v, (str, os.PathLike)) and v != "", (None, 3, "")
)


def frequency(*words: str) -> Check:
    """Return a check that a value is one of several words or a number of batches."""
    return Check(
        f"{', '.join(map(repr, words))} or a positive number of batches",
        lambda v: v in words or (is_int(v) and v > 0),
        ("epochs", 0, 2.5),
    )


def period_of(save_freq: str | int) -> int:
    """Return the number of batches of a frequency: `"epoch"`, `"batch"` or a number."""
    words = {"epoch": NEVER, "batch": 1}
    return words[save_freq] if isinstance(save_freq, str) else save_freq


def show(text: str) -> None:
    """Print a line in the first process."""
    if is_first_process():
        print(text, flush=True)


class Callback:
    """Object whose methods `fit`, `evaluate` and `predict` call.

    Override any of the methods. `self.model` is the model, `self.params` holds
    `epochs`, `steps` and `verbose`.

    Epoch methods do not slow training down. A class that overrides a batch method is
    called batch by batch, with the model as it is at that batch, and may change it.
    Training then pauses at every batch, which is slow for small models. A class whose
    batch methods read only `batch` and `logs` declares `needs = "batches"`: it still
    gets every batch in order with that batch's logs, but for many batches at once,
    after the device has run them. The values of `needs` are:

    - `"model"`: pause at every batch. The default of a class that overrides a batch
      method, also if its base declares less.
    - `"batches"`: call the batch methods for many batches at once.
    - `"epochs"`: do not call the batch methods.

    Example:
        >>> class Losses(Callback):
        ...     needs = "batches"
        ...
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         print(batch, logs["loss"])
        >>> Losses().batch_needs("train")
        'batches'
    """

    needs: str | None = None
    # A class whose epoch methods read only `epoch` and `logs` sets this to true; they
    # are then called for many short epochs at once, after the device has run them.
    epochs_may_wait = False
    # Attributes that change during training and that a resumed run restores.
    state_names: ClassVar[tuple[str, ...]] = ()
    arguments: ClassVar[dict[str, Check]] = {}
    # Keywords of older versions of Keras, and what to write instead.
    former: ClassVar[dict[str, str]] = {}

    _arguments: dict[str, Any]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls) and not is_user_defined(cls):
            cls.__init__ = filter_traceback(cls.__init__)

    @filter_traceback
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        for name in cls.former.keys() & kwargs.keys():
            raise ArgumentTypeError(
                f"{cls.__name__} has no argument {name!r} any more. {cls.former[name]}"
            )
        self = super().__new__(cls)
        self._arguments = checked_arguments(cls, args, kwargs) or {}
        return self

    def __init__(self) -> None:
        self._model: Any = None
        self.params: dict[str, Any] = {}
        self.validation_data = None

    def __repr__(self) -> str:
        parameters = signature(type(self).__init__).parameters
        defaults = {name: short(p.default) for name, p in parameters.items()}
        given = {name: short(value) for name, value in self._arguments.items()}
        texts = [f"{n}={text}" for n, text in given.items() if text != defaults.get(n)]
        return f"{type(self).__name__}({', '.join(texts)})"

    @property
    def model(self) -> Any:
        """The model that is trained, evaluated or used for prediction."""
        return getattr(self, "_model", None)

    def set_model(self, model: Any) -> None:
        """Set the model; called before the other methods."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Set epochs, steps and verbosity; called before the other methods."""
        self.params = params

    def set_fit_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Receive the arguments of `fit` by name, before `on_train_begin`.

        They are as the user passed them, except that `seed` is the seed that is used.
        `findings` is what the checks before training found.
        """

    def on_epoch_begin(self, epoch: int, logs: OptionalLogs = None) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, epoch: int, logs: OptionalLogs = None) -> None:
        """Called after an epoch, with its metrics and those of validation."""

    def on_train_batch_begin(self, batch: int, logs: OptionalLogs = None) -> None:
        """Called before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: OptionalLogs = None) -> None:
        """Called after a training batch, with the metrics so far in the epoch."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: OptionalLogs = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: OptionalLogs = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_test_batch_begin(self, batch: int, logs: OptionalLogs = None) -> None:
        """Called before a batch of `evaluate` or validation."""

    def on_test_batch_end(self, batch: int, logs: OptionalLogs = None) -> None:
        """Called after a batch of `evaluate` or validation."""

    def on_predict_batch_begin(self, batch: int, logs: OptionalLogs = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: OptionalLogs = None) -> None:
        """Called after a batch of `predict`, with its outputs."""

    def on_train_begin(self, logs: OptionalLogs = None) -> None:
        """Called once, before training."""

    def on_train_end(self, logs: OptionalLogs = None) -> None:
        """Called once, after training, with the last epoch's logs."""

    def on_test_begin(self, logs: OptionalLogs = None) -> None:
        """Called before `evaluate` or validation."""

    def on_test_end(self, logs: OptionalLogs = None) -> None:
        """Called after `evaluate` or validation."""

    def on_predict_begin(self, logs: OptionalLogs = None) -> None:
        """Called before `predict`."""

    def on_predict_end(self, logs: OptionalLogs = None) -> None:
        """Called after `predict`."""

    def on_progress(self, kind: str, done: int, logs: Logs) -> None:
        """Called a few times a second while batches run.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
            done: number of batches done in this epoch.
            logs: metrics so far, as device arrays whose values are available.
        """

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Called about ten times a second while a program compiles, and at its end.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
            seconds: time spent so far.
            done: whether the program is compiled.
        """

    def on_data_wait(self, kind: str, seconds: float) -> None:
        """Called after the device waited for the next batches.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
            seconds: time spent waiting.
        """

    def close(self) -> None:
        """Release open resources; called last, also after an error."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `fit(resume=...)` saves: plain data and arrays.

        By default the attributes listed in `state_names`.
        """
        return {name: getattr(self, name) for name in self.state_names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned.

        Called after `on_train_begin`.
        """
        for name, value in state.items():
            setattr(self, name, value)

    def batches_to_pause(self) -> int:
        """Return the number of batches until training pauses for `on_train_batch_end`.

        A callback that uses the model after some batches only declares
        `needs = "batches"` and overrides this method. `on_train_batch_end` is then
        called for that batch with the model as that batch left it.
        """
        return NEVER

    def batch_needs(self, kind: str) -> str:
        """Return what the batch methods need: one of the values of `needs`.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.

        Raises:
            ArgumentError: the class declares another value.
        """
        prefixes = [f"on_{kind}_batch", *(["on_batch"] if kind == "train" else [])]
        hooks = [f"{start}_{end}" for start in prefixes for end in ("begin", "end")]
        overridden = [name for name in hooks if _is_overridden(self, name)]
        return strongest_need(_declared_needs(self, name) for name in overridden)


def strongest_need(needs: Iterable[str]) -> str:
    """Return the strongest of several values of `Callback.needs`."""
    return min(needs, key=_NEEDS.index, default="epochs")


def _is_overridden(callback: Callback, name: str) -> bool:
    method = getattr(callback, name, None)
    base = getattr(Callback, name)
    return method is not None and getattr(method, "__func__", method) is not base


def _declared_needs(callback: Callback, hook: str) -> str:
    """Return the value of `needs` that applies to an overridden batch method.

    A declaration covers the methods of its class and of that class's bases. It says
    nothing about a method that a subclass overrides.
    """
    if "needs" not in vars(callback):
        for cls in type(callback).__mro__:
            if "needs" in vars(cls):
                break
            if hook in vars(cls):
                return "model"
    needs = callback.needs or "model"
    if needs not in _NEEDS:
        expected = "'epochs', 'batches' or 'model'"
        raise invalid(type(callback).__name__, "needs", needs, expected)
    return needs
