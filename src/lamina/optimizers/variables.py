"""The variables that an optimizer makes for itself, and changing variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina import config, initializers
from lamina.core.module import Module
from lamina.core.variable import Variable
from lamina.errors import ArgumentError

__all__ = ["VariableMaker"]


class VariableMaker(Module):
    """A module with variables of its own beside those of a model."""

    # What a subclass adds, in the order that files have it in.
    _added: list[Variable]

    def _own(self, value: Any, name: str) -> Variable:
        variable = Variable(
            value, dtype=value.dtype, trainable=False, autocast=False, name=name
        )
        variable.path = f"{self.name}/{name}"
        return variable

    def _own_for(self, variable: Variable, value: Any, name: str) -> Variable:
        return self._own(value, f"{variable.path.replace('/', '_')}_{name}")

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the optimizer's own.

        Args:
            shape: its shape.
            initializer: a name, an object or a function of `(shape, dtype)`.
            dtype: its type; `config.floatx()` by default.
            aggregation: accepted for Keras's signature.
            layout: accepted for Keras's signature.
            name: the last part of its path.
        """
        make = initializers.get(initializer)
        value = np.asarray(make(tuple(shape), dtype=dtype or config.floatx()))
        variable = self._own(value, name or "variable")
        self._added.append(variable)
        return variable

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: Any = "zeros",
    ) -> Variable:
        """Make a variable with the shape and type of another one.

        Args:
            reference_variable: the other one.
            name: what is added to the other one's path.
            initializer: as for `add_variable`.
        """
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{path}_{name or 'var'}",
        )

    def add_optimizer_variables(
        self,
        trainable_variables: Iterable[Variable],
        name: str | Sequence[str],
        initializer: Any = "zeros",
    ) -> Any:
        """Make a variable for each of a model's, or several for each.

        Args:
            trainable_variables: the model's.
            name: what is added to their paths, or a list of such names.
            initializer: as for `add_variable`, or a list with one for each name.

        Returns:
            A list of variables; for a list of names, a tuple of such lists.

        Raises:
            ArgumentError: there are more or fewer initializers than names.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        makers = list(initializer) if several else [initializer] * len(names)
        if len(makers) != len(names):
            raise ArgumentError(
                f"add_optimizer_variables: there are {len(names)} names but "
                f"{len(makers)} initializers. Give one for each name, or one for all."
            )
        made = [
            [
                self.add_variable_from_reference(v, *pair)
                for pair in zip(names, makers, strict=True)
            ]
            for v in trainable_variables
        ]
        lists = tuple([row[i] for row in made] for i in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def assign(self, variable: Variable, value: Any) -> None:
        """Replace a variable's value; for rules written as `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable's value; for rules written as `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable's value; for rules written as `update_step`."""
        variable.assign_sub(value)
