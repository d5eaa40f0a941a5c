"""Base class of optimizers.

An update rule consists of two pure functions, `slots` and `update`; the base class
implements clipping, weight decay, averaging, accumulation and files.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core import stateless
from lamina.core.check import Check, check_arguments
from lamina.core.module import Hyperparameter, described_names, snake_case, unique_name
from lamina.core.registry import Registry, serialize
from lamina.core.scope import no_state
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError, StateError
from lamina.optimizers.arguments import (
    CHECKS,
    LearningRate,
    check_combinations,
    unknown_arguments_error,
)
from lamina.optimizers.gradients import (
    clip_by_global_norm,
    clip_by_norm,
    match_gradients,
    upcast,
    update_if,
)
from lamina.optimizers.schedules import LearningRateSchedule
from lamina.optimizers.variables import VariableMaker

optimizer_registry = Registry("optimizer", "keras.optimizers")

Slots = dict[str, Any]


def zeros(variable: Variable) -> np.ndarray:
    """Return zeros for a slot, created by NumPy so that nothing is compiled."""
    return np.zeros(variable.shape, variable.dtype)


class Optimizer(VariableMaker):
    """Base class of optimizers: override `slots` and `update`.

    Rules written for Keras work too: they create variables in `build` with
    `add_optimizer_variables`, and change them in `update_step`.

    A step divides the gradients by `loss_scale_factor`, accumulates them, decays the
    weights, clips the gradients, calls `update`, updates the averages and applies the
    variables' constraints, in this order.

    Args:
        learning_rate: a number, a schedule, or a function of nothing or of the step.
        weight_decay: decay rate; each step subtracts
            learning_rate * weight_decay * weight from each weight.
        clipnorm: largest norm of each gradient.
        clipvalue: largest absolute value in a gradient.
        global_clipnorm: largest norm of all gradients together.
        use_ema: whether to track a moving average of the weights, which replaces
            them at the end: average = momentum * average + (1 - momentum) * weight.
        ema_momentum: the momentum of the averages.
        ema_overwrite_frequency: number of updates after which the averages replace
            the weights; `None` for the end of training only.
        loss_scale_factor: factor that scales the loss and divides the gradients.
        gradient_accumulation_steps: number of batches whose mean gradient makes one
            update.
        name: a unique name; derived from the class name when `None`.

    Example:
        >>> class SignDescent(Optimizer):
        ...     def update(self, gradient, value, slots, step, learning_rate):
        ...         return value - learning_rate * jnp.sign(gradient), slots
        >>> weight = Variable([1.0, 2.0])
        >>> SignDescent(0.5).apply([np.array([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0.5, 2.5], dtype=float32)
    """

    arguments: ClassVar[dict[str, Check]] = CHECKS
    weight_decay, clipnorm = Hyperparameter(), Hyperparameter()
    clipvalue, global_clipnorm = Hyperparameter(), Hyperparameter()
    ema_momentum, loss_scale_factor = Hyperparameter(), Hyperparameter()

    # Keras's files store slots variable by variable, except the slots named here,
    # which follow at the end for all variables.
    slots_apart: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        learning_rate: LearningRate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise unknown_arguments_error(type(self), kwargs)
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.built = False
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        check_combinations(self)
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

    # The rule

    def slots(self, variable: Variable) -> Slots:
        """Return the initial slots of a variable, by name."""
        return {}

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> Any:
        """Return the `learning_rate` passed to `update`, once for all variables.

        Args:
            step: the number of this update, a float that starts at 1.
            learning_rate: the current learning rate.
        """
        return learning_rate

    def update(
        self,
        gradient: jax.Array,
        value: jax.Array,
        slots: Slots,
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, Slots]:
        """Return a variable's new value and slots: a pure function.

        Args:
            gradient: the gradient of the loss with respect to the variable.
            value: the variable's value.
            slots: the variable's slots.
            step: the number of this update, a float that starts at 1.
            learning_rate: the value returned by `prepare`.
        """
        raise StateError(f"{type(self).__name__} has no `update` method: define one.")

    def decay_of(self, variable: Variable) -> Any:
        """Return the weight decay of a variable, or `None`."""
        return None if variable in self._undecayed else self.weight_decay

    # State

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
        self._undecayed |= {v for v in variables if self._has_undecayed_name(v)}
        if self.use_ema:
            self._averages = [
                self._make_variable_for(v, zeros(v), "average") for v in variables
            ]
        if self.gradient_accumulation_steps is not None:
            name = "gradient_accumulator"
            self._accumulators = [
                self._make_variable_for(v, zeros(v), name) for v in variables
            ]
        with no_state():  # `slots` reads hyperparameters, which a step may trace
            self._slots = self._make_slots()
        self._slot_names = tuple(dict.fromkeys(name for name, _ in self._slots))
        self.built = True

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

    def _has_undecayed_name(self, variable: Variable) -> bool:
        return any(re.search(name, variable.name) for name in self._undecayed_names)

    # One step

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Update variables from their gradients.

        Args:
            grads: one gradient for each variable; a variable with `None` is skipped.
            trainable_variables: the variables; `None` for those passed to `build`.

        Raises:
            StateError: not built, or built for other variables.
            ArgumentError: all gradients are `None`, or their number is wrong.
        """
        if len(grads) == 0:
            return
        targets = self._resolve_variables(trainable_variables)
        gradients, variables = match_gradients(type(self).__name__, grads, targets)
        if self.loss_scale_factor is not None:
            gradients = [gradient / self.loss_scale_factor for gradient in gradients]
        if self.gradient_accumulation_steps is None:
            self._update(gradients, variables)
        else:
            self._accumulate(gradients, variables, self.gradient_accumulation_steps)
        if self.use_ema:
            self._update_averages()
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def _resolve_variables(
        self, variables: Sequence[Variable] | None
    ) -> list[Variable]:
        if variables is not None:
            self.build(variables)
            return list(variables)
        if not self.built:
            raise StateError(
                f"{type(self).__name__} is not built: call "
                "`optimizer.build(trainable_variables)`, or pass the variables to "
                "`apply`."
            )
        return self.changed_variables

    def _update(self, gradients: list[jax.Array], variables: list[Variable]) -> None:
        learning_rate = self.learning_rate
        if isinstance(learning_rate, Variable):
            learning_rate = learning_rate.value
        for variable in variables:
            decay = self.decay_of(variable)
            if decay is not None:
                value = upcast(variable.value)
                variable.assign(value - value * decay * learning_rate)
        self._apply_rule(
            self._clip_gradients(gradients), variables, jnp.asarray(learning_rate)
        )

    def _apply_rule(self, gradients: Any, variables: Any, learning_rate: Any) -> None:
        if type(self).update_step is not Optimizer.update_step:
            update, rate = self.update_step, learning_rate
        else:
            update = self._update_variable
            rate = self.prepare(self._step_number(), learning_rate)
        for gradient, variable in zip(gradients, variables, strict=True):
            update(gradient, variable, rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its slots, with `update`."""
        rate = self.prepare(self._step_number(), jnp.asarray(learning_rate))
        self._update_variable(gradient, variable, rate)

    def _update_variable(
        self, gradient: jax.Array, variable: Variable, rate: Any
    ) -> None:
        i = self._positions[variable]
        names = [name for name in self._slot_names if (name, i) in self._slots]
        slots = {name: upcast(self._slots[name, i].value) for name in names}
        value, slots = self.update(
            gradient, upcast(variable.value), slots, self._step_number(), rate
        )
        variable.assign(value)
        for name in names:
            self._slots[name, i].assign(slots[name])

    def _step_number(self) -> jax.Array:
        return (self._update_count() + 1).astype(jnp.float32)

    def _get_variable_index(self, variable: Variable) -> int:
        """Return a variable's index in the list passed to `build`; Keras's name."""
        return self._positions[variable]

    def _update_count(self) -> jax.Array:
        count = self.iterations
        return count.value if isinstance(count, Variable) else count

    def _clip_gradients(self, gradients: list[jax.Array]) -> list[jax.Array]:
        if self.clipnorm is not None:
            return [clip_by_norm(gradient, self.clipnorm) for gradient in gradients]
        if self.clipvalue is not None:
            limit = self.clipvalue
            return [jnp.clip(gradient, -limit, limit) for gradient in gradients]
        if self.global_clipnorm is not None:
            return clip_by_global_norm(gradients, self.global_clipnorm)
        return gradients

    def _accumulate(
        self, gradients: list[jax.Array], variables: list[Variable], steps: int
    ) -> None:
        sums = [self._accumulators[self._positions[v]] for v in variables]
        for gradient, total in zip(gradients, sums, strict=True):
            total.assign(upcast(total.value) + gradient)

        def update() -> None:
            self._update([upcast(total.value) / steps for total in sums], variables)
            for total in sums:
                total.assign(jnp.zeros_like(total.value))

        is_due = (self._iterations.value + 1) % steps == 0
        update_if(is_due, update, lambda: None, [*self._positions, *self.variables])

    def _update_averages(self) -> None:
        updates = self._update_count()
        # The weights after the first update initialize the averages.
        momentum = jnp.where(updates == 0, 0.0, self.ema_momentum)
        for variable, average in zip(self._positions, self._averages, strict=True):
            value = upcast(variable.value)
            mean = momentum * upcast(average.value) + (1.0 - momentum) * value
            average.assign(mean)
            if self.ema_overwrite_frequency is not None:
                is_due = (updates + 1) % self.ema_overwrite_frequency == 0
                variable.assign(jnp.where(is_due, mean, value))

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Variable]]
    ) -> Variable:
        """Update variables from (gradient, variable) pairs and return the step."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self._iterations

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[jax.Array], list[jax.Array]]:
        """Compute what `apply` does as a pure function of values.

        Args:
            optimizer_variables: values of `variables`.
            grads: one gradient for each variable.
            trainable_variables: values of the variables passed to `build`.

        Returns:
            The new values of the trainable variables, and those of the optimizer.
        """
        targets = self._resolve_variables(None)
        _, values = stateless.call(
            self.apply,
            [*targets, *self.variables],
            [*trainable_variables, *optimizer_variables],
            grads,
        )
        return values[: len(targets)], values[len(targets) :]

    def scale_loss(self, loss: jax.Array) -> jax.Array:
        """Return the loss multiplied by `loss_scale_factor`, if it is set."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace the variables' values by their averages, with `use_ema`."""
        if not self.use_ema or int(self._iterations) == 0:
            return
        var_list = list(var_list)
        self._require_known(var_list)
        for variable in var_list:
            variable.assign(self._averages[self._positions[variable]])

    # Configs

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
