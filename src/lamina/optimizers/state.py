"""Variables, learning rate, config and files of an optimizer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from lamina import config, initializers
from lamina.core.check import check_arguments
from lamina.core.module import Module, described_names, snake_case, unique_name
from lamina.core.registry import serialize
from lamina.core.scope import no_state
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError, StateError
from lamina.optimizers.arguments import CHECKS, LearningRate
from lamina.optimizers.schedules import LearningRateSchedule
from lamina.typing import Array, ArrayLike, DTypeLike, InitializerLike

Slots = dict[str, Any]
_Value: TypeAlias = np.ndarray | np.generic | Array


def zeros(variable: Variable) -> np.ndarray:
    """Return zeros for a slot, created by NumPy so that nothing is compiled."""
    return np.zeros(variable.shape, variable.dtype)


class OptimizerState(Module):
    """Base class of optimizers without the update."""

    use_ema: bool
    gradient_accumulation_steps: int | None

    # Keras's files store slots variable by variable, except the slots named here,
    # which follow at the end for all variables.
    slots_apart: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: LearningRate, name: str | None) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.built = False
        # Modules track the variables in attribute values, in order of assignment,
        # which is the order of Keras's files. The model's variables are only keys.
        self._positions: dict[Variable, int] = {}
        self._undecayed: set[Variable] = set()
        self._undecayed_names: tuple[str, ...] = ()
        self._iterations = self._make_variable(np.int32(0), "iteration")
        self._learning_rate = self._make_learning_rate(learning_rate)
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._slots: dict[tuple[str, int], Variable] = {}
        self._slot_names: tuple[str, ...] = ()
        self._added_variables = []

    def slots(self, variable: Variable) -> Slots:
        """Return the initial slots of a variable, by name."""
        return {}

    def build(self, variables: Iterable[Variable]) -> None:
        """Create the state for these variables, in this order.

        Raises:
            StateError: the optimizer was built for other variables.
        """
        variables = list(variables)
        if self.built:
            self._require_known(variables)
            return
        self._positions = {variable: i for i, variable in enumerate(variables)}
        for pattern in self._undecayed_names:
            self._undecayed |= {v for v in variables if re.search(pattern, v.name)}
        if self.use_ema:
            self._averages = self._make_zeros("average")
        if self.gradient_accumulation_steps is not None:
            self._accumulators = self._make_zeros("gradient_accumulator")
        with no_state():  # `slots` reads hyperparameters, which a step may trace
            self._slots = self._make_slots()
        self._slot_names = tuple(dict.fromkeys(name for name, _ in self._slots))
        self.built = True

    def _make_zeros(self, name: str) -> list[Variable]:
        return [self._make_variable_for(v, zeros(v), name) for v in self._positions]

    def _make_slots(self) -> dict[tuple[str, int], Variable]:
        initial = [(v, i, self.slots(v)) for v, i in self._positions.items()]
        names = {name for _, _, slots in initial for name in slots}
        groups = [names.difference(self.slots_apart), *({n} for n in self.slots_apart)]
        return {
            (name, i): self._make_variable_for(variable, value, name)
            for group in groups
            for variable, i, slots in initial
            for name, value in slots.items()
            if name in group
        }

    @property
    def changed_variables(self) -> list[Variable]:
        """Variables that the optimizer was built for, in order."""
        return list(self._positions)

    def _require_known(self, variables: Iterable[Variable]) -> None:
        unknown = [v.path for v in variables if v not in self._positions]
        if unknown:
            raise StateError(
                f"{type(self).__name__} {self.name!r} was built for other variables, "
                f"without {', '.join(unknown)}. Create a new optimizer for them."
            )

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Exclude variables from weight decay; call it before `build`.

        Args:
            var_list: the variables.
            var_names: regular expressions searched in the names, such as "bias".
        """
        if self.built:
            raise StateError(
                f"{type(self).__name__} is built already: call "
                "`exclude_from_weight_decay` before the optimizer is used."
            )
        self._undecayed = set(var_list or ())
        self._undecayed_names = tuple(var_names or ())

    @property
    def iterations(self) -> Any:
        """Number of updates made."""
        if self.gradient_accumulation_steps is None:
            return self._iterations
        return self._iterations.value // self.gradient_accumulation_steps

    @property
    def learning_rate(self) -> Any:
        """Learning rate: a `Variable`, or the value of a schedule at this step.

        Assign a number, a schedule or a function to change it.
        """
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        if isinstance(rate, LearningRateSchedule) or inspect.signature(rate).parameters:
            return rate(self._iterations.value)
        return rate()

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        check = {"learning_rate": CHECKS["learning_rate"]}
        check_arguments(type(self).__name__, check, {"learning_rate": value})
        if callable(value):
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            raise ArgumentTypeError(
                f"{type(self).__name__}: the learning rate follows "
                f"{self._learning_rate!r}, so it cannot be set to {value!r}. Create "
                "the optimizer with a number as `learning_rate`, or assign a schedule."
            )

    def _make_learning_rate(self, value: LearningRate) -> Any:
        if callable(value):
            return value
        dtype = "float64" if config.floatx() == "float64" else "float32"
        return self._make_variable(np.asarray(value, dtype), "learning_rate")

    def _make_variable(self, value: _Value, name: str) -> Variable:
        variable = Variable(
            value, dtype=value.dtype, trainable=False, autocast=False, name=name
        )
        variable.path = f"{self.name}/{name}"
        return variable

    def _make_variable_for(
        self, variable: Variable, value: _Value, name: str
    ) -> Variable:
        return self._make_variable(value, f"{variable.path.replace('/', '_')}_{name}")

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
            layout: accepted for Keras's signature.
            name: the last part of its path.
        """
        initialize = initializers.get(initializer)
        value = np.asarray(initialize(tuple(shape), dtype=dtype or config.floatx()))
        variable = self._make_variable(value, name or "variable")
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
        if isinstance(initializer, (list, tuple)):
            inits = list(initializer)
        else:
            inits = [initializer] * len(names)
        if len(inits) != len(names):
            raise ArgumentError(
                f"add_optimizer_variables: there are {len(names)} names but "
                f"{len(inits)} initializers. Pass one for each name, or one for all."
            )
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

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Create an optimizer from the arguments that `get_config` returned."""
        if isinstance(config, dict) and not config.get("use_ema"):
            # Older files hold a value here that has no effect.
            unused = "ema_overwrite_frequency"
            config = {k: v for k, v in config.items() if k != unused}
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with their current values."""
        known = described_names(type(self))
        values = {
            name: serialize(getattr(self, name))
            for name in known
            if name != "learning_rate" and hasattr(self, name)
        }
        if "learning_rate" in known:
            rate = self._learning_rate
            numeric = isinstance(rate, Variable)
            values["learning_rate"] = float(rate) if numeric else serialize(rate)
        return {**super().get_config(), **values}
