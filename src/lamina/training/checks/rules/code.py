"""Rules for user-defined code, and for attributes that users set."""

from __future__ import annotations

import dis
import random
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from lamina.core.creation import created_at
from lamina.core.module import is_user_defined
from lamina.layers import Lambda
from lamina.training.callbacks.base import Callback
from lamina.training.checks.case import Case
from lamina.training.checks.rules.base import Advice, rule

_METHODS = ("call", "train_step", "compute_loss")
# Functions of global generators that draw nothing.
_STATE = ("seed", "get_state", "set_state", "getstate", "setstate")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
# Names that other libraries have for `trainable`.
_TRAINABLE = ("requires_grad", "is_trainable", "frozen")
# Lowest ratio of `difflib` at which a name is a misspelt one.
_SIMILAR = 0.85


class _UserFunction(NamedTuple):
    """A function of a user that is traced."""

    function: FunctionType
    name: str  # for messages
    owner: object  # the object whose method or function it is


@rule("random-in-call", "warning")
def numbers_drawn_while_tracing(case: Case) -> Advice:
    if case.model.run_eagerly:
        return None
    for function, name, _ in _traced_functions(case):
        drawn = _draws(function)
        if drawn is None:
            continue
        code = function.__code__
        return (
            f"{name} calls {drawn}, but it is traced once: each step uses the numbers "
            "that were drawn then.",
            "Use lamina.random, as in lamina.random.normal(ops.shape(x)), which draws "
            "anew at each step.",
            f"{code.co_filename}:{code.co_firstlineno}",
        )
    return None


@rule("counter-in-call", "warning")
def numbers_counted_while_tracing(case: Case) -> Advice:
    if case.model.run_eagerly:
        return None
    for function, name, owner in _traced_functions(case):
        for attribute in _changed_in_place(function):
            value = vars(owner).get(attribute)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            code = function.__code__
            return (
                f"{name} changes the number `self.{attribute}`, but it is traced once: "
                "each step uses the value that it had then.",
                f"Create self.{attribute} = self.add_weight(shape=(), "
                "initializer='zeros', trainable=False) in `__init__`, and call "
                f"self.{attribute}.assign_add(1).",
                f"{code.co_filename}:{code.co_firstlineno}",
            )
    return None


def _changed_in_place(function: FunctionType) -> Iterator[str]:
    """Yield the attributes of `self` that statements such as `self.n += 1` change."""
    steps = [s for s in dis.get_instructions(function) if s.opname != "CACHE"]
    for i, step in enumerate(steps):
        if step.opname == "BINARY_OP" and step.argrepr.endswith("="):
            # It swaps the result with the object before it stores.
            for after in steps[i + 1 : i + 3]:
                if after.opname == "STORE_ATTR":
                    yield after.argval


def _traced_functions(case: Case) -> Iterator[_UserFunction]:
    """Yield the functions of users that run while a training step is traced."""
    modules = {id(m): m for m in (*case.model.all_layers(), case.model)}
    for module in modules.values():
        for name in _METHODS:
            method = getattr(type(module), name, None)
            if isinstance(method, FunctionType) and is_user_defined(type(module), name):
                yield _UserFunction(method, f"{type(module).__name__}.{name}", module)
        if isinstance(module, Lambda) and isinstance(module.function, FunctionType):
            name = f"The function of {module.name!r}"
            yield _UserFunction(module.function, name, module)
    for out in case.outputs:
        loss = getattr(out.loss, "fn", None)
        if isinstance(loss, FunctionType) and not out.is_known_loss:
            yield _UserFunction(loss, f"The loss {out.loss.name!r}", out.loss)


def _draws(function: Callable[..., Any]) -> str | None:
    """Return the function of a global generator that a function calls, if any.

    A function that sets the seed draws the same numbers on purpose.
    """
    found: list[str] = []
    value: Any = None
    path = ""
    for step in dis.get_instructions(function):
        name = str(step.argval)
        if name in _STATE:
            return None
        if step.opname == "LOAD_GLOBAL":
            value, path = function.__globals__.get(name), name
        elif isinstance(value, ModuleType) and step.opname in _ATTRIBUTE:
            value, path = getattr(value, name, None), f"{path}.{name}"
        elif step.opname not in ("PUSH_NULL", "PRECALL", "CACHE"):
            value = None
        owner = getattr(value, "__self__", None)
        if isinstance(owner, (np.random.RandomState, random.Random)):
            found.append(path)
    return found[0] if found else None


@rule("misspelt-attribute", "warning")
def attribute_that_means_another(case: Case) -> Advice:
    for layer in dict.fromkeys((*case.model.all_layers(), case.model)):
        for name, value in _set_attributes(layer):
            intended = not value if name == "frozen" else bool(value)
            if not (name in _TRAINABLE or _is_misspelt(name, "trainable")):
                continue
            if intended != layer.trainable:
                return (
                    f"{type(layer).__name__} {layer.name!r} has no attribute {name!r}, "
                    f"so {name} = {value!r} changes nothing.",
                    f"Write layer.trainable = {intended}, before `compile`.",
                    created_at(layer),
                )
    optimizer = case.model.optimizer
    for name, value in _set_attributes(optimizer):
        if _is_misspelt(name, "learning_rate"):
            return (
                f"{type(optimizer).__name__} has no attribute {name!r}, so {name} = "
                f"{value!r} changes nothing.",
                f"Write optimizer.learning_rate = {value!r}.",
                created_at(optimizer),
            )
    return None


def _set_attributes(module: Any) -> list[tuple[str, Any]]:
    """Return the public attributes of an object, if its class is not a user's."""
    if is_user_defined(type(module)):
        return []
    public = [n for n in vars(module) if not n.startswith("_")]
    return [(n, vars(module)[n]) for n in public if not hasattr(type(module), n)]


def _is_misspelt(name: str, right: str) -> bool:
    return name != right and SequenceMatcher(None, name, right).ratio() > _SIMILAR


@rule("stop-training", "warning", each="callbacks")
def misspelt_stop_training(callback: Callback) -> Advice:
    for cls in type(callback).__mro__:
        methods = vars(cls).items() if is_user_defined(cls) else ()
        for name, method in methods:
            if not isinstance(method, FunctionType):
                continue
            for attribute in _set_on_model(method):
                if _is_misspelt(attribute, "stop_training"):
                    return (
                        f"{cls.__name__}.{name} sets `model.{attribute}`, which is not "
                        "an attribute of models, so training does not stop.",
                        "Write self.model.stop_training = True.",
                    )
    return None


def _set_on_model(function: FunctionType) -> Iterator[str]:
    """Yield the attributes of a `model` that a function sets."""
    before = ""
    for step in dis.get_instructions(function):
        if step.opname == "CACHE":
            continue
        if step.opname == "STORE_ATTR" and before == "model":
            yield step.argval
        before = str(step.argval)
