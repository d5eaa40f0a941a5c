"""`Module`: an object that owns variables; base of Layer, Metric and Optimizer.

Variables and child modules are found by walking attributes, lists, tuples and
dictionaries, so whatever is assigned to `self` in any style belongs to it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from lamina.core.budget import untrusted_config
from lamina.core.check import Check, check_arguments, check_name
from lamina.core.registry import deserialize, serialize, snake_case
from lamina.core.scope import local
from lamina.core.tracebacks import filter_traceback, shorten
from lamina.core.tracing.tracers import tracers_in, without_tracers
from lamina.core.variable import Variable, bump_structure_version
from lamina.errors import ArgumentTypeError, did_you_mean

__all__ = [
    "Module",
    "Hyperparameter",
    "all_modules",
    "is_user_defined",
    "known_keywords",
    "resolve_name",
    "overridable",
    "reset_names",
    "short",
    "snake_case",
    "unique_name",
]

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")

# Threads may name layers at the same time: `setdefault` and `next` are atomic.
_name_counts: dict[str, Iterator[int]] = {}


def unique_name(base: str) -> str:
    """`base`, then `base_1`, `base_2`, ..."""
    count = next(_name_counts.setdefault(base, itertools.count()))
    return base if count == 0 else f"{base}_{count}"


def resolve_name(cls: type, name: Any) -> str:
    """The name an object was given, found to be fit for paths, or one of its own."""
    if not name:
        return unique_name(snake_case(cls.__name__))
    check_name(cls.__name__, name)
    return str(name)


def reset_names() -> None:
    """Let automatic names start over."""
    _name_counts.clear()


def is_user_defined(cls: type, method: str | None = None) -> bool:
    """Whether a class, or the form that it has of a method, is not lamina's own."""
    of = (c for c in cls.__mro__ if method is None or method in vars(c))
    return next(of, object).__module__.partition(".")[0] not in ("builtins", "lamina")


class Hyperparameter:
    """A hyperparameter that compiled programs take as input instead of baking in.

    Read in a program it is a traced scalar, elsewhere a Python float, so changing it
    recompiles nothing. `numbers(module)` lists them.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name]
        scope = local.state
        if scope is None:
            return value
        return scope.numbers.get((id(instance), self.name), value)

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        before = instance.__dict__.get(self.name)
        instance.__dict__[self.name] = value
        # Programs are traced anew for a number that is or was zero, or `None`.
        if _program_kind(before) != _program_kind(value):
            bump_structure_version()


def _program_kind(value: Any) -> Any:
    return value == 0 if isinstance(value, (int, float)) else None


@functools.cache
def hyperparameter_names(cls: type) -> tuple[str, ...]:
    """The names of a class's `Hyperparameter` attributes."""
    found = {n for base in cls.__mro__ for n, v in vars(base).items()
             if isinstance(v, Hyperparameter)}  # fmt: skip
    return tuple(sorted(found))


@functools.cache
def signature(function: Callable[..., Any]) -> inspect.Signature:
    """A function's signature, looked up once."""
    return inspect.signature(function)


def accepted_names(cls: type) -> list[str]:
    """Every keyword a class's constructor takes, its bases' included."""
    names: list[str] = []
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if init is None or base is object:
            continue
        parameters = signature(init).parameters.values()
        named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        names += [p.name for p in parameters if p.kind in named]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return [n for n in dict.fromkeys(names) if n != "self"]


def described_names(cls: type) -> list[str]:
    """Arguments that the library's `get_config` describes.

    As in Keras, a class that overrides `get_config` describes its own arguments, and
    `super().get_config()` those of lamina's nearest class.
    """
    overridden = is_user_defined(cls, "get_config")
    library = (c for c in cls.__mro__ if not overridden or not is_user_defined(c))
    return accepted_names(next(library))


def unknown_keyword_error(cls: type, names: Any) -> ArgumentTypeError:
    """The error for keywords that a constructor does not take."""
    first = sorted(names)[0]
    known = accepted_names(cls)
    return ArgumentTypeError(
        f"{cls.__name__} has no argument {first!r}.{did_you_mean(first, known)} "
        f"It takes: {', '.join(known)}."
    )


def overridable(method: Callable[..., R]) -> Callable[..., R]:
    """Let type checkers accept overrides of a method that take other arguments."""
    return method


def known_keywords(function: F) -> F:
    """Let a method refuse unknown keywords and offer the nearest names.

    Raises:
        ArgumentTypeError: the call has a keyword that the method doesn't take.
    """
    known = [n for n in inspect.signature(function).parameters if n != "self"]

    @functools.wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            refuse_unknown(kwargs)
            return function(self, *args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            shorten(error)
            raise

    def refuse_unknown(kwargs: dict[str, Any]) -> None:
        for name in kwargs:
            if name not in known:
                raise ArgumentTypeError(
                    f"`{function.__name__}` has no argument {name!r}."
                    f"{did_you_mean(name, known)} It takes: {', '.join(known)}."
                )

    return call  # type: ignore[return-value]


def checked_arguments(
    cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any] | None:
    """A constructor's arguments by name, checked against the class's `arguments`.

    Returns:
        `None` if they don't fit the constructor, which Python itself reports when it
        is called; copying makes an object without calling it.

    Raises:
        ArgumentTypeError: a keyword is unknown; the nearest one is offered.
        ArgumentError: a value can't be used.
    """
    if kwargs and cls.__init__ is object.__init__:
        raise unknown_keyword_error(cls, kwargs)
    try:
        bound = signature(cls.__init__).bind(None, *args, **kwargs)
    except TypeError:
        unknown = set(kwargs) - set(accepted_names(cls))
        if unknown:
            raise unknown_keyword_error(cls, unknown) from None
        return None
    values: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        more = kind is inspect.Parameter.VAR_KEYWORD
        values.update(value if more else {name: value})
    check_arguments(cls.__name__, cls.arguments, values)
    return values


class Module:
    """An object that owns variables and other modules.

    The constructor's arguments are recorded, so that `get_config` needs no code, and
    checked against `arguments`, a table of `Check` by argument name.
    """

    arguments: ClassVar[dict[str, Check]] = {}
    # Arguments that Keras leaves out of configs.
    unwritten: ClassVar[tuple[str, ...]] = ()
    name: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls) and not is_user_defined(cls):
            cls.__init__ = filter_traceback(cls.__init__)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = object.__new__(cls)
        try:
            values = checked_arguments(cls, args, kwargs)
        except Exception as error:
            shorten(error)
            raise
        if values is not None:
            object.__setattr__(self, "_arguments", _Untracked(values))
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Variable, Module, list, tuple, dict)):
            bump_structure_version()
        if local.stores is not None and next(tracers_in(value), None) is not None:
            local.stores[id(self), name] = get_opaque_trace_state()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        bump_structure_version()
        object.__delattr__(self, name)

    def _members(self) -> Iterator[tuple[str, Variable | Module]]:
        for name, value in vars(self).items():
            yield from _find(name, value)

    def own_variables(self) -> list[Variable]:
        """The variables of this module itself, without those of its children."""
        found = {id(v): v for _, v in self._members() if isinstance(v, Variable)}
        return list(found.values())

    def children(self) -> list[Module]:
        """The modules held directly by this one, each once."""
        found = {id(m): m for _, m in self._members() if isinstance(m, Module)}
        return list(found.values())

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once, parents first."""
        return iter(all_modules([self]))

    def all_variables(self) -> list[Variable]:
        """Every variable of this module and the modules below it, each once."""
        found = {id(v): v for m in self.modules() for v in m.own_variables()}
        return list(found.values())

    def constructor_arguments(self) -> dict[str, Any]:
        """The arguments this object was made with, numbers as they are now."""
        values = dict(self.__dict__.get("_arguments", {}))
        for name in hyperparameter_names(type(self)):
            if name in values:
                values[name] = self.__dict__[name]
        return values

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, defaults included, as JSON can hold them."""
        given = self.constructor_arguments()
        parameters = signature(type(self).__init__).parameters.values()
        known = [p for p in parameters if p.name in given or p.default is not p.empty]
        values = {p.name: p.default for p in known} | given
        if is_user_defined(type(self), "get_config"):
            described = described_names(type(self))
            values = {k: v for k, v in values.items() if k in described}
        return {name: serialize(value) for name, value in values.items()}

    def _without_defaults(self, config: dict[str, Any]) -> dict[str, Any]:
        """Omit arguments that Keras does not write, unless they were changed."""
        known = signature(type(self).__init__).parameters
        defaults = {n: known[n].default for n in self.unwritten if n in known}
        omitted = [n for n, v in defaults.items() if config.get(n, v) == v]
        return {n: v for n, v in config.items() if n not in omitted}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An object made with the arguments that `get_config` returned."""
        with untrusted_config(config, f"The config of {cls.__name__}"):
            values = {name: deserialize(value) for name, value in config.items()}
            if values.get("quantization_config", False) is None:
                # Keras writes this into the configs of layers that it can quantize.
                del values["quantization_config"]
            return cls(**values)

    def __getstate__(self) -> dict[str, Any]:
        # What a function that the user traced has left here is of no use.
        return {
            name: without_tracers(value)
            for name, value in vars(self).items()
            if not isinstance(value, Tracer)
        }

    def __repr__(self) -> str:
        values = self.constructor_arguments()
        text = ", ".join(f"{k}={short(v)}" for k, v in values.items())
        return f"{type(self).__name__}({text})"


def all_modules(roots: Iterable[Module]) -> list[Module]:
    """The modules and those below them, each once, parents first."""
    found: dict[int, Module] = {}
    stack = list(roots)[::-1]
    while stack:
        module = stack.pop()
        if id(module) not in found:
            found[id(module)] = module
            stack.extend(reversed(module.children()))
    return list(found.values())


class _Untracked(dict[str, Any]):
    """A dictionary whose contents don't count as a module's own."""


def _find(
    path: str, value: Any, containers: tuple[int, ...] = ()
) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Variable, Module)):
        yield path, value
    elif isinstance(value, (list, tuple, dict)) and not isinstance(value, _Untracked):
        if id(value) in containers:
            return  # a container inside itself
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _find(f"{path}/{key}", item, (*containers, id(value)))


def short(value: Any) -> str:
    """Return a value as code for a `repr`, or only its class's name if that is long."""
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    text = repr(value)
    return text if len(text) <= 60 else f"<{type(value).__name__}>"
