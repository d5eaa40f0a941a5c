"""Variables of an optimizer: how it creates them, and how files hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamina import config, initializers
from lamina.core.module import Module
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.runtime.placement import place
from lamina.typing import Array, ArrayLike, DTypeLike, InitializerLike

_Value: TypeAlias = np.ndarray | np.generic | Array


class OptimizerVariables(Module):
    """Module whose variables belong to an optimizer."""

    name: str
    built: bool
    _added_variables: list[Variable]

    @property
    def variables(self) -> list[Variable]:
        """State variables of the optimizer, in the order of Keras's files."""
        return self.all_variables()

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike = None,
        aggregation: str = "none",
        layout: object = None,
        name: str | None = None,
    ) -> Variable:
        """Create a state variable.

        Args:
            shape: its shape.
            initializer: a name, an object or a function of `(shape, dtype)`.
            dtype: its dtype; `config.floatx()` by default.
            aggregation: accepted for Keras's signature.
            layout: a `TensorLayout`; by default that of the distribution in use.
            name: the last part of its path.
        """
        initialize = initializers.get(initializer)
        value = np.asarray(initialize(tuple(shape), dtype=dtype or config.floatx()))
        variable = self._make_variable(value, name or "variable")
        variable.layout = layout
        self._added_variables.append(variable)
        return variable

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: InitializerLike = "zeros",
    ) -> Variable:
        """Create a state variable with the shape and dtype of another variable.

        Args:
            reference_variable: the other variable.
            name: suffix appended to the other variable's path.
            initializer: as for `add_variable`.
        """
        path = reference_variable.path.replace("/", "_")
        variable = self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{path}_{name or 'var'}",
        )
        return _as_slot(variable, reference_variable)

    def add_optimizer_variables(
        self,
        trainable_variables: Iterable[Variable],
        name: str | Sequence[str],
        initializer: InitializerLike = "zeros",
    ) -> Any:
        """Create one or more state variables for each variable of a model.

        Args:
            trainable_variables: the model's variables.
            name: suffix appended to their paths, or a list of suffixes.
            initializer: as for `add_variable`, or a list with one for each name.

        Returns:
            A list of variables; for a list of names, a tuple of such lists.

        Raises:
            ArgumentError: the numbers of initializers and names differ.
        """
        names = [name] if isinstance(name, str) else list(name)
        inits = _one_for_each(names, initializer)
        created = [
            [
                self.add_variable_from_reference(v, *pair)
                for pair in zip(names, inits, strict=True)
            ]
            for v in trainable_variables
        ]
        lists = tuple([slots[i] for slots in created] for i in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def assign(self, variable: Variable, value: ArrayLike) -> None:
        """Replace a variable's value; for rules written as `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: ArrayLike) -> None:
        """Add to a variable's value; for rules written as `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: ArrayLike) -> None:
        """Subtract from a variable's value; for rules written as `update_step`."""
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set the values of `variables`.

        Args:
            weights: one array for each variable, of its shape.

        Raises:
            StateError: the optimizer is not built.
            ArgumentError: the number of arrays is wrong.
        """
        owner, variables = type(self).__name__, self.variables
        if not self.built:
            raise StateError(
                f"{owner} is not built, so it has no weights to set: call "
                "`optimizer.build(trainable_variables)`."
            )
        if len(weights) != len(variables):
            raise ArgumentError(
                f"{owner} has {len(variables)} variables, but `set_weights` got "
                f"{len(weights)} arrays. Pass one for each of `optimizer.variables`."
            )
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the state into a mapping, under "0", "1", ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Restore the state from a mapping that `save_own_variables` filled.

        Raises:
            FileFormatError: the mapping has another number of variables.
        """
        if len(store) != len(self.variables):
            raise FileFormatError(
                f"The state of {type(self).__name__} has {len(self.variables)} "
                f"variables, but the file has {len(store)}. Load it into the model "
                "and the optimizer that were saved, with the same options, after "
                "`optimizer.build(trainable_variables)`."
            )
        for i, variable in enumerate(self.variables):
            variable.assign(np.asarray(store[str(i)]))

    def _make_variable(self, value: _Value, name: str) -> Variable:
        variable = Variable(
            value, dtype=value.dtype, trainable=False, autocast=False, name=name
        )
        variable.path = f"{self.name}/{name}"
        return variable

    def _make_variable_for(
        self, variable: Variable, value: _Value, name: str
    ) -> Variable:
        path = f"{variable.path.replace('/', '_')}_{name}"
        return _as_slot(self._make_variable(value, path), variable)


def _as_slot(slot: Variable, variable: Variable) -> Variable:
    """Put the state of a variable where the variable is."""
    slot.slot_of = variable
    place([slot])
    return slot


def _one_for_each(
    names: Sequence[str], initializer: InitializerLike | Sequence[InitializerLike]
) -> list[Any]:
    """Return an initializer for each name, from one for all or from a list."""
    if not isinstance(initializer, (list, tuple)):
        return [initializer] * len(names)
    if len(initializer) != len(names):
        raise ArgumentError(
            f"add_optimizer_variables: there are {len(names)} names but "
            f"{len(initializer)} initializers. Pass one for each name, or one for all."
        )
    return list(initializer)
