"""`CallbackList`: several callbacks as one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lamina.errors import ArgumentError, ArgumentTypeError
from lamina.layers.base import Layer
from lamina.runtime.compile_clock import CompileClock
from lamina.training.callbacks.base import Callback, strongest_need
from lamina.training.callbacks.history import History, MetricLogs
from lamina.training.callbacks.hooks import check_parameters
from lamina.training.callbacks.lambda_callback import LambdaCallback
from lamina.training.callbacks.progress.logger import ProgbarLogger

C = TypeVar("C", bound=Callback)
# One process may have them alone: those of users do not derive from others.
_ALONE = (Callback, LambdaCallback, ProgbarLogger)


class CallbackList(Callback):
    """Callback that calls several callbacks in order.

    As a context manager, it closes them at the end.

    Args:
        callbacks: one callback, or several in nested lists.
        add_history: whether to append a `History` if there is none.
        add_progbar: whether to append a `ProgbarLogger` if there is none.
        model: the model that is passed to `set_model`.
        **params: values of `params`: epochs, steps, verbose.

    Raises:
        ArgumentTypeError: an object in `callbacks` is not a callback, or a method of a
            callback has other parameters.

    Example:
        >>> callbacks = CallbackList([lamina.callbacks.History()], epochs=2)
        >>> callbacks.on_train_begin()
        >>> callbacks.on_epoch_end(0, {"loss": 0.5})
        >>> callbacks.callbacks[0].history
        {'loss': [0.5]}
    """

    def __init__(
        self,
        callbacks: object = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Layer | None = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks = list(_flat(callbacks))
        for callback in self.callbacks:
            check_parameters(callback)
        if add_history and self.find(History) is None:
            self.callbacks.append(History())
        if add_progbar and self.find(ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger())
        bar = self.find(ProgbarLogger)
        if bar is not None:
            bar.others = self.callbacks
        self.set_model(model)
        self.set_params(params)

    def set_model(self, model: Layer | None) -> None:
        """Pass the model to all callbacks, and the `History` to the model."""
        self._model = model
        if model is None:
            return
        history = self.find(History)
        if history is not None:
            model.history = history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Pass epochs, steps and verbosity to all callbacks."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_fit_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Pass the arguments of `fit` to all callbacks."""
        for callback in self.callbacks:
            callback.set_fit_arguments(arguments)

    def find(self, kind: type[C]) -> C | None:
        """Return the first callback of a class, or `None`."""
        return next((c for c in self.callbacks if isinstance(c, kind)), None)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)

    def compile_clock(self, kind: str) -> CompileClock:
        """Return a context in which compilations are reported to callbacks."""
        return CompileClock(lambda seconds, done: self.on_compile(kind, seconds, done))

    def batch_needs(self, kind: str) -> str:
        """Return the strongest need among the callbacks."""
        return strongest_need(c.batch_needs(kind) for c in self.callbacks)

    def allows_epoch_fusion(self) -> bool:
        """Return whether all callbacks may be called for several epochs at once."""
        # Declared by the class itself: a subclass may read more.
        return all(vars(type(c)).get("epochs_may_wait") for c in self.callbacks)

    def shared(self) -> list[tuple[str, int]]:
        """Return the values that must be equal in all processes.

        Those are the callbacks of lamina that change training or wait for other
        processes, and the batches until each pauses.
        """
        found = ((_class_of_lamina(c), c.batches_to_pause()) for c in self.callbacks)
        return [(kind.__name__, n) for kind, n in found if kind not in _ALONE]

    def batches_to_pause(self) -> int:
        """Return the smallest number that a callback allows."""
        counts = [c.batches_to_pause() for c in self.callbacks]
        return min(counts, default=super().batches_to_pause())

    def state_dict(self) -> list[tuple[str, dict[str, Any]]]:  # type: ignore[override]
        """Return the state of each callback that has one, with the class's name."""
        states = [(type(c).__name__, c.state_dict()) for c in self.callbacks]
        return [(name, state) for name, state in states if state]

    def load_state_dict(self, state: list[tuple[str, dict[str, Any]]]) -> None:  # type: ignore[override]
        """Restore the state of each callback.

        Raises:
            ArgumentError: a callback that has a state is missing.
        """
        remaining = list(self.callbacks)
        for name, callback_state in state:
            found = next((c for c in remaining if type(c).__name__ == name), None)
            if found is None:
                raise ArgumentError(
                    f"The run was started with a callback {name}, which is missing "
                    "now. Pass the same callbacks, or give `resume` another folder."
                )
            remaining.remove(found)
            found.load_state_dict(callback_state)

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _class_of_lamina(callback: Callback) -> type[object]:
    classes = type(callback).__mro__
    return next(c for c in classes if c.__module__.startswith("lamina."))


def _flat(callbacks: object) -> list[Callback]:
    if callbacks is None:
        return []
    if isinstance(callbacks, (list, tuple)):
        return [one for item in callbacks for one in _flat(item)]
    if isinstance(callbacks, CallbackList):
        return callbacks.callbacks
    if isinstance(callbacks, Callback):
        return [callbacks]
    hint = "Create one, as in callbacks.EarlyStopping()."
    if inspect.isclass(callbacks):
        hint = "Call the class to make an object."
    elif callable(callbacks):
        hint = "For a function, use LambdaCallback(on_epoch_end=function)."
    raise ArgumentTypeError(
        "`callbacks` must be objects of classes that derive from "
        f"`lamina.callbacks.Callback`. Received: {callbacks!r}. {hint}"
    )


def _forward(name: str) -> Callable[..., None]:
    method = getattr(Callback, name)
    *names, last = inspect.signature(method).parameters
    count = len(names) - 1  # without `self`

    @functools.wraps(method)
    def call(self: CallbackList, *args: Any) -> None:
        if last == "logs":
            # Callbacks share one dictionary, so that later ones see added entries.
            logs = MetricLogs(args[count] or {} if len(args) > count else {})
            args = (*args[:count], logs)
        for callback in self.callbacks:
            getattr(callback, name)(*args)

    return call


for _name in vars(Callback):
    if _name.startswith("on_") or _name == "close":
        setattr(CallbackList, _name, _forward(_name))
