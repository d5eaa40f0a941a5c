"""`tf.Module`: base of classes with variables."""

from __future__ import annotations

import contextlib
from typing import Any

from lamina.core.module import Module as _Module
from lamina.core.variable import Variable


class Module(_Module):
    """Base of classes whose attributes hold variables and other modules.

    Args:
        name: its name; that of the class by default.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()

    @property
    def name_scope(self) -> Any:
        """A context manager without effect: variables are found by attributes."""
        return contextlib.nullcontext()

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables that gradients may change."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables, those of modules below included."""
        return tuple(self.all_variables())

    @property
    def submodules(self) -> tuple[_Module, ...]:
        """All modules below this one."""
        return tuple(m for m in self.modules() if m is not self)
