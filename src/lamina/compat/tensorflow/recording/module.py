"""`tf.Module`: base of classes with variables."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax

from lamina.core.module import Module as _Module
from lamina.core.variable import Variable

F = TypeVar("F", bound=Callable[..., Any])


class Module(_Module):
    """Base of classes whose attributes hold variables and other modules.

    Args:
        name: its name; that of the class in lower case, `my_net` for `MyNet`, by
            default.
    """

    def __init__(self, name: str | None = None) -> None:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__)
        self.name = name or words.lower()

    @property
    def name_scope(self) -> Any:
        """A context manager without effect: variables are found by attributes."""
        return contextlib.nullcontext()

    @classmethod
    def with_name_scope(cls, method: F) -> F:
        """Return a method as it is: names have no scopes."""
        return method

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables that gradients may change."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables, those of modules below included."""
        return tuple(v for v in _contents(self, set()) if isinstance(v, Variable))

    @property
    def submodules(self) -> tuple[_Module, ...]:
        """All modules below this one."""
        return tuple(m for m in _contents(self, {id(self)}) if isinstance(m, _Module))


def _contents(module: _Module, seen: set[int]) -> Iterator[Variable | _Module]:
    """Yield what a module holds, then what the modules in it hold, each once.

    The attributes of a `tf.Module` are in the order of their names, as in TensorFlow.
    """
    if isinstance(module, Module):
        attributes = vars(module)
        held = [attributes[name] for name in sorted(attributes)]
    else:
        held = [*module.own_variables(), *module.children()]
    below: list[_Module] = []
    for value in jax.tree.leaves(held, is_leaf=_is_part):
        if _is_part(value) and id(value) not in seen:
            seen.add(id(value))
            yield value
            below += [value] if isinstance(value, _Module) else []
    for part in below:
        yield from _contents(part, seen)


def _is_part(value: object) -> bool:
    return isinstance(value, (Variable, _Module))
