"""`Module`: an object with variables, the base of Layer, Metric and Optimizer.

Variables and child modules are found in attributes and in nested lists, tuples and
dictionaries, so that a module tracks all that is assigned to `self`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar, cast

import numpy as np
from jax.core import Tracer

from lamina.core.check import Check, check_arguments, check_name
from lamina.core.creation import record_creation
from lamina.core.registry import deserialize, serialize, snake_case
from lamina.core.scope import local
from lamina.core.tracing.trace_state import trace_state
from lamina.core.tracing.tracers import tracers_in, without_tracers
from lamina.core.untrusted import untrusted_config
from lamina.core.variable import Variable, bump_structure_version
from lamina.errors import ArgumentTypeError, did_you_mean
from lamina.tracebacks import filter_traceback, shorten

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")
M = TypeVar("M")

_PLAIN = frozenset({str, int, float, bool, type(None)})  # types of most attributes
_name_counts: dict[str, Iterator[int]] = {}


def next_id(prefix: str) -> int:
    """Return 1 on the first call for a prefix, then 2, 3, ..."""
    # Threads may name layers together: `setdefault` and `next` are atomic.
    return next(_name_counts.setdefault(prefix, itertools.count(1)))


def unique_name(base: str) -> str:
    """Return `base` on the first call, then `base_1`, `base_2`, ..."""
    return base if (number := next_id(base)) == 1 else f"{base}_{number - 1}"


def resolve_name(cls: type, name: object) -> str:
    """Return the name passed to an object after a check, or else a new unique name."""
    if not name:
        return unique_name(snake_case(cls.__name__))
    check_name(cls.__name__, name)
    return str(name)


def reset_names() -> None:
    """Restart the counters of automatic names."""
    _name_counts.clear()


def is_user_defined(cls: type, method: str | None = None) -> bool:
    """Return whether a class, or its implementation of a method, is not lamina's."""
    owners = (c for c in cls.__mro__ if method is None or method in vars(c))
    package = next(owners, object).__module__.partition(".")[0]
    return package not in ("builtins", "lamina")


class Hyperparameter:
    """Descriptor of a hyperparameter that is an input of compiled programs.

    In a program its value is a traced scalar, elsewhere a Python float, so changing it
    does not recompile. `hyperparameter_names(cls)` lists them.

    Args:
        check: the constraint on the constructor's argument of the same name.
    """

    def __init__(self, check: Check | None = None) -> None:
        self.check = check

    def __set_name__(self, owner: type[Module], name: str) -> None:
        self.name = name
        if self.check is not None:
            owner.arguments = {**owner.arguments, name: self.check}

    def __get__(self, instance: Module | None, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name]
        scope = local.state
        if scope is None:
            return value
        return scope.hyperparameters.get((id(instance), self.name), value)

    def __set__(self, instance: Module, value: object) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        before = instance.__dict__.get(self.name)
        instance.__dict__[self.name] = value
        # Programs are traced again if a value becomes or was zero or `None`.
        if _program_kind(before) != _program_kind(value):
            bump_structure_version()


def _program_kind(value: object) -> bool | None:
    return value == 0 if isinstance(value, (int, float)) else None


@functools.cache
def hyperparameter_names(cls: type) -> tuple[str, ...]:
    """Return the names of a class's `Hyperparameter` attributes."""
    attributes = {n: v for base in reversed(cls.__mro__) for n, v in vars(base).items()}
    return tuple(
        sorted(n for n, v in attributes.items() if isinstance(v, Hyperparameter))
    )


@functools.cache
def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature; cached."""
    return inspect.signature(function)


def accepted_names(cls: type) -> list[str]:
    """Return all keywords of a class's constructor, those of its bases included."""
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
    """Return the arguments that the library's `get_config` describes.

    As in Keras, a class that overrides `get_config` describes its additional
    arguments, and `super().get_config()` those of the nearest class of lamina.
    """
    overridden = is_user_defined(cls, "get_config")
    library = (c for c in cls.__mro__ if not overridden or not is_user_defined(c))
    return accepted_names(next(library))


def unknown_keyword_error(cls: type, names: Iterable[str]) -> ArgumentTypeError:
    """Return the error for keywords that a constructor does not take."""
    return _unknown_keyword(cls.__name__, names, accepted_names(cls))


def _unknown_keyword(
    owner: str, names: Iterable[str], known: Sequence[str]
) -> ArgumentTypeError:
    first = min(names)
    return ArgumentTypeError(
        f"{owner} has no argument {first!r}.{did_you_mean(first, known)} "
        f"It takes: {', '.join(known)}."
    )


def with_parameters(function: F, parameters: Sequence[inspect.Parameter]) -> F:
    """Return a function that takes `parameters` and passes them on by name."""
    taken = inspect.Signature(parameters)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        try:
            bound = taken.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentTypeError(f"{function.__qualname__}: {error}.") from None
        bound.apply_defaults()
        unknown = bound.arguments.pop("kwargs", {})
        return function(**bound.arguments, **unknown)

    vars(call)["__signature__"] = taken
    return cast(F, call)


def with_default_name(init: F, name: str) -> F:
    """Return a constructor whose argument `name` has another default."""
    known = signature(init).parameters.values()
    parameters = [p.replace(default=name) if p.name == "name" else p for p in known]
    return with_parameters(init, parameters)


def overridable(method: Callable[..., R]) -> Callable[..., R]:
    """Let type checkers accept overrides of a method with other parameters."""
    return method


def known_keywords(function: F) -> F:
    """Let a method refuse unknown keywords and suggest the nearest names.

    Raises:
        ArgumentTypeError: the call has a keyword that the method does not take.
    """
    known = dict.fromkeys(list(inspect.signature(function).parameters)[1:])

    @filter_traceback
    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        if not known.keys() >= kwargs.keys():
            unknown = [name for name in kwargs if name not in known]
            raise _unknown_keyword(f"`{function.__name__}`", unknown, list(known))
        return function(*args, **kwargs)

    return cast(F, call)


def checked_arguments(
    cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Check a constructor's arguments against the class's `arguments`.

    Returns:
        The arguments by name. `None` if they do not fit the constructor: Python
        reports that when it calls it, and copying does not call it.

    Raises:
        ArgumentTypeError: a keyword is unknown; the message has the nearest one.
        ArgumentError: a value is not valid.
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
        is_kwargs = kind is inspect.Parameter.VAR_KEYWORD
        values.update(value if is_kwargs else {name: value})
    check_arguments(cls.__name__, cls.arguments, values)
    return values


class Module:
    """An object that contains variables and other modules.

    The constructor's arguments are checked against `arguments`, a table of `Check` by
    argument name, and recorded for `get_config`.
    """

    arguments: ClassVar[dict[str, Check]] = {}
    # Arguments that Keras leaves out of configs.
    unwritten: ClassVar[tuple[str, ...]] = ()
    # Attributes whose variables and modules files do not hold.
    unsaved: ClassVar[tuple[str, ...]] = ()
    name: str

    def __init_subclass__(cls, **kwargs: object) -> None:
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
            object.__setattr__(self, "_arguments", Untracked(values))
        record_creation(self)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, (Variable, Module, list, tuple, dict)):
            bump_structure_version()
        if local.stores is not None and next(tracers_in(value), None) is not None:
            local.stores[id(self), name] = trace_state()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        bump_structure_version()
        object.__delattr__(self, name)

    def _members(self, kind: type[M]) -> list[M]:
        values = vars(self).values()
        return unique(m for m in _members_in(values) if isinstance(m, kind))

    def own_variables(self) -> list[Variable]:
        """Return the variables of this module, without those of its children."""
        return self._members(Variable)

    def children(self) -> list[Module]:
        """Return the direct child modules, each once."""
        return self._members(Module)

    def modules(self) -> list[Module]:
        """Return this module and all below it, each once, parents first."""
        return all_modules([self])

    def all_variables(self) -> list[Variable]:
        """Return all variables of this module and the modules below it, each once."""
        return unique(v for m in self.modules() for v in m.own_variables())

    def saved_attributes(self) -> dict[str, Any]:
        """Return the attributes that files may hold, in Keras's order."""
        names = sorted(vars(self), key=lambda n: (n[:1] == "_", n))
        return {n: vars(self)[n] for n in names if n not in self.unsaved}

    def constructor_arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments, with current hyperparameters."""
        values = dict(self.__dict__.get("_arguments", {}))
        for name in hyperparameter_names(type(self)):
            if name in values:
                values[name] = self.__dict__[name]
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments and defaults as JSON-able values."""
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
        """Return an object made with the arguments that `get_config` returned."""
        with untrusted_config(config, f"The config of {cls.__name__}"):
            values = {name: deserialize(value) for name, value in config.items()}
            if values.get("quantization_config", False) is None:
                # Keras writes this into the configs of layers that it can quantize.
                del values["quantization_config"]
            return cls(**values)

    def __getstate__(self) -> dict[str, Any]:
        # Tracers that a user's traced function has stored cannot be copied.
        return {
            name: without_tracers(value)
            for name, value in vars(self).items()
            if not isinstance(value, Tracer)
        }

    def __repr__(self) -> str:
        values = self.constructor_arguments()
        text = ", ".join(f"{k}={short(v)}" for k, v in values.items())
        return f"{type(self).__name__}({text})"


def unique(items: Iterable[M]) -> list[M]:
    """Return the items that are different objects, in order."""
    return list({id(item): item for item in items}.values())


def all_modules(roots: Iterable[Module]) -> list[Module]:
    """Return modules and those below them, each once, parents first."""
    found: dict[int, Module] = {}
    stack = list(roots)[::-1]
    while stack:
        module = stack.pop()
        if id(module) not in found:
            found[id(module)] = module
            stack.extend(reversed(module.children()))
    return list(found.values())


class Untracked(dict[Any, Any]):
    """Dictionary that is not searched for variables and modules."""


def _members_in(values: Iterable[object], *outer: int) -> Iterator[Variable | Module]:
    for value in values:
        if type(value) in _PLAIN or isinstance(value, Untracked):
            continue
        if isinstance(value, (Variable, Module)):
            yield value
        elif isinstance(value, (list, tuple, dict)) and id(value) not in outer:
            items = value.values() if isinstance(value, dict) else value
            # A container may hold itself.
            yield from _members_in(items, *outer, id(value))


def short(value: object) -> str:
    """Return the `repr` of a value, or only its class's name if that is long."""
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    text = repr(value)
    return text if len(text) <= 60 else f"<{type(value).__name__}>"
