"""Slots, learning rate and config of an optimizer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from lamina import config
from lamina.core.check import check_arguments
from lamina.core.module import described_names, snake_case, unique_name
from lamina.core.registry import serialize
from lamina.core.scope import local, no_state
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError, StateError
from lamina.optimizers.arguments import CHECKS, LearningRate
from lamina.optimizers.schedules import LearningRateSchedule
from lamina.optimizers.variables import OptimizerVariables

Slots = dict[str, Any]


def zeros(variable: Variable) -> np.ndarray:
    """Return zeros for a slot, created by NumPy so that nothing is compiled.

    They take no memory until the slot's variable copies them.
    """
    return np.broadcast_to(np.zeros((), variable.dtype), variable.shape)


# For variables that an optimizer does not know.
_MEND = "Create a new optimizer for them, or `compile` again if `trainable` changed."


class OptimizerState(OptimizerVariables):
    """Base class of optimizers without the update: slots, learning rate and config."""

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
            mend = _MEND
            if local.state is not None:  # a step is traced
                mend += " If a layer creates them in `call`, create them in `build`."
            raise StateError(
                f"{type(self).__name__} {self.name!r} was built for other variables, "
                f"without {', '.join(unknown)}. {mend}"
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
        return rate if isinstance(rate, Variable) else _rate_at(rate, self._iterations)

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


def schedule_of(optimizer: object) -> Callable[..., Any] | None:
    """Return the schedule or function that an optimizer's learning rate follows."""
    rate = getattr(optimizer, "_learning_rate", None)
    return rate if callable(rate) else None


def _rate_at(rate: Callable[..., Any], step: Variable) -> Any:
    """Return the value of a schedule, or of a function of nothing or of the step."""
    takes_step = isinstance(rate, LearningRateSchedule)
    takes_step = takes_step or bool(inspect.signature(rate).parameters)
    value = rate(step.value) if takes_step else rate()
    if value is None:
        raise ArgumentTypeError(
            f"The learning rate {rate!r} returned None. End the function with `return`."
        )
    return value
