"""`Callback`: what `fit`, `evaluate` and `predict` call, and what it needs of them."""

from __future__ import annotations

import dis
import types
from typing import Any, ClassVar, Self

from lamina.core.check import Check
from lamina.core.module import Module, checked_arguments, short, signature
from lamina.core.tracebacks import filter_traceback
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError

__all__ = ["Callback"]

_NEVER = 2**31 - 1

_TRAIN_BATCH = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_batch_begin",
    "on_batch_end",
)
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")
_PREDICT_BATCH = ("on_predict_batch_begin", "on_predict_batch_end")


class Callback:
    """Something that `fit`, `evaluate` and `predict` call as they go.

    Override any of the methods. `self.model` is the model, `self.params` holds
    `epochs`, `steps` and `verbose`.

    Epoch methods cost nothing. Batch methods get every batch in order, with that
    batch's logs; how training is cut for them is what `needs` says:

    - `"epochs"`: no batch methods.
    - `"batches"`: batch methods that only look at `batch` and `logs`. They are called
      for many batches at once, after those have run.
    - `"model"`: batch methods that look at the model or change it. Training then
      pauses at every batch, which is slow for small models.

    `None`, the default, lets lamina find out: a batch method whose code mentions a
    model, or reaches outside in a way that can't be seen through, needs the model.

    Example:
        >>> class Losses(Callback):
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         print(batch, logs["loss"])
        >>> Losses().batch_needs("train")
        'batches'
    """

    needs: str | None = None
    # A class whose epoch methods only look at `epoch` and `logs` sets this to true;
    # they are then called for many short epochs at once, after those have run.
    epochs_may_wait = False
    # Attributes that change while training goes on, and that a run which is taken up
    # again must have as they were.
    state_names: ClassVar[tuple[str, ...]] = ()
    arguments: ClassVar[dict[str, Check]] = {}
    # Keywords of older versions of Keras, and what to write instead.
    former: ClassVar[dict[str, str]] = {}

    _arguments: dict[str, Any]

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
        given = [
            f"{name}={short(value)}"
            for name, value in self._arguments.items()
            if name not in parameters or _differs(value, parameters[name].default)
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    @property
    def model(self) -> Any:
        """The model that is trained, evaluated or used."""
        return getattr(self, "_model", None)

    def set_model(self, model: Any) -> None:
        """Called with the model before anything else."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called with epochs, steps and verbosity before anything else."""
        self.params = params

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called after an epoch, with its metrics and those of validation."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after a training batch, with the metrics so far in the epoch."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called before a batch of `evaluate` or validation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after a batch of `evaluate` or validation."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after a batch of `predict`, with its outputs."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Called once, before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """Called once, after training, with the last epoch's logs."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Called before `evaluate` or validation."""

    def on_test_end(self, logs: Any = None) -> None:
        """Called after `evaluate` or validation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Called before `predict`."""

    def on_predict_end(self, logs: Any = None) -> None:
        """Called after `predict`."""

    def on_progress(self, kind: str, done: int, logs: Any) -> None:
        """Called a few times a second with the number of batches done.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
            done: batches done in this epoch.
            logs: metrics so far, as device arrays that are ready to be read.
        """

    def on_compile(self, kind: str, seconds: float, done: bool) -> None:
        """Called about ten times a second while a program compiles, and at its end.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
            seconds: time spent so far.
            done: whether the program is compiled.
        """

    def close(self) -> None:
        """Called last, also after an error: let go of what is open."""

    def state_dict(self) -> dict[str, Any]:
        """What `fit(resume=...)` keeps of this callback: plain data and arrays.

        By default the attributes listed in `state_names`.
        """
        return {name: getattr(self, name) for name in self.state_names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as `state_dict` was; called after `on_train_begin`."""
        for name, value in state.items():
            setattr(self, name, value)

    def batches_to_pause(self) -> int:
        """How many batches of training may run before `on_train_batch_end` must see.

        A callback that uses the model now and then, but not after every batch, sets
        `needs = "batches"` and tells here when the next time is. The method is then
        called for that batch with the model as that batch left it.
        """
        return _NEVER

    def batch_needs(self, kind: str) -> str:
        """What the batch methods of a kind need: one of the values of `needs`."""
        names = {"train": _TRAIN_BATCH, "test": _TEST_BATCH, "predict": _PREDICT_BATCH}
        hooks = [n for n in names[kind] if _overridden(self, n)]
        if not hooks:
            return "epochs"
        if self.needs is not None:
            return self.needs
        sees = any(_sees_model(self, name) for name in hooks)
        return "model" if sees else "batches"


def _differs(value: Any, default: Any) -> bool:
    # Values such as arrays have no single truth value of their comparison.
    return value is not default and (type(value), repr(value)) != (
        type(default), repr(default),
    )  # fmt: skip


def _overridden(callback: Any, name: str) -> bool:
    own = getattr(callback, name, None)
    base = getattr(Callback, name)
    return own is not None and getattr(own, "__func__", own) is not base


def _sees_model(callback: Any, name: str) -> bool:
    """Whether a method, or one it calls on itself, may reach a model."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        function = getattr(callback, current, None)
        function = getattr(function, "__func__", function)
        if not isinstance(function, types.FunctionType):
            if current == name or callable(function):
                return True
            continue
        seen.add(current)
        names = _names(function.__code__)
        if _reaches_model(function) or _gets_model(callback, names):
            return True
        own = {n: getattr(callback, n) for n in names - seen if hasattr(callback, n)}
        methods = [n for n, value in own.items() if callable(value)]
        if any(_holds_state(own[n]) for n in own.keys() - methods):
            return True
        waiting += methods
    return False


def _gets_model(callback: Any, names: set[str]) -> bool:
    """Whether an attribute is set only later, by a method that mentions the model."""
    missing = {n for n in names if not hasattr(callback, n)}
    for cls in type(callback).__mro__:
        functions = vars(cls).values() if cls is not Callback else ()
        for function in functions:
            if isinstance(function, types.FunctionType) and _reaches_model(function):
                code = dis.get_instructions(function)
                if missing & {i.argval for i in code if i.opname == "STORE_ATTR"}:
                    return True
    return False


def _names(code: types.CodeType) -> set[str]:
    """Attributes and globals a piece of code mentions, inner functions included."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*(_names(c) for c in inner))


def _reaches_model(function: types.FunctionType) -> bool:
    names = _names(function.__code__)
    if names & {"model", "_model", "set_model"}:
        return True
    held = [c.cell_contents for c in function.__closure__ or ()]
    held += [function.__globals__[n] for n in names if n in function.__globals__]
    return any(_holds_state(v) for v in held)


def _holds_state(value: Any) -> bool:
    """Whether a value from outside is, or may hold, something that training changes."""
    plain = (types.ModuleType, type, types.BuiltinFunctionType, str, int, float, bool)
    if isinstance(value, (Module, Variable)):
        return True
    if value is None or isinstance(value, plain):
        return False
    if isinstance(value, types.FunctionType):
        return bool(_names(value.__code__) & {"model", "_model"})
    if isinstance(value, (list, tuple, set)):
        return any(_holds_state(v) for v in value)
    if isinstance(value, dict):
        return any(_holds_state(v) for v in value.values())
    return type(value).__module__.split(".")[0] not in ("numpy", "io", "_io", "jax")
