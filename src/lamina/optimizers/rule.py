"""`UpdateRule`: an update rule, and its application to a variable and its slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError, MissingMethodError
from lamina.optimizers.gradients import upcast
from lamina.optimizers.state import OptimizerState, Slots
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike


class UpdateRule(OptimizerState):
    """Base class of optimizers: what is computed for one variable."""

    weight_decay: Any

    @filter_traceback
    def __setattr__(self, name: str, value: object) -> None:
        if name == "lr" and not hasattr(type(self), name):
            raise ArgumentTypeError(
                f"{type(self).__name__} has no attribute 'lr'. Set its `learning_rate`."
            )
        super().__setattr__(name, value)

    def prepare(self, step: jax.Array, learning_rate: jax.Array) -> Any:
        """Compute the argument `learning_rate` of `update`, the same for all variables.

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
        raise MissingMethodError(f"{type(self).__name__} must define `update`.")

    def decay_of(self, variable: Variable) -> Any:
        """Return the weight decay of a variable, or `None`."""
        return None if variable in self._undecayed else self.weight_decay

    def _current_rate(self) -> Any:
        rate = self.learning_rate
        return rate.value if isinstance(rate, Variable) else rate

    def _decay(self, variables: Iterable[Variable], learning_rate: Any) -> None:
        """Decay weights that `exclude_from_weight_decay` does not name."""
        for variable in variables:
            decay = self.decay_of(variable)
            if decay is not None:
                value = upcast(variable.value)
                variable.assign(value - value * decay * learning_rate)

    def _apply_rule(
        self, gradients: list[jax.Array], variables: list[Variable], rate: jax.Array
    ) -> None:
        pairs = list(zip(gradients, variables, strict=True))
        if type(self).update_step is not UpdateRule.update_step:
            for gradient, variable in pairs:
                self.update_step(gradient, variable, rate)
            return
        prepared, step, update = self._prepared(rate), self._step_number(), self.update
        if isinstance(step, Tracer):
            # Traced once for variables of the same shape, in a third of the time.
            update = jax.jit(lambda *args: self.update(*args), inline=True)
        for gradient, variable in pairs:
            self._update_variable(update, gradient, variable, step, prepared)

    def update_step(
        self, gradient: jax.Array, variable: Variable, learning_rate: ArrayLike
    ) -> None:
        """Update one variable and its slots, with `update`."""
        rate, step = self._prepared(jnp.asarray(learning_rate)), self._step_number()
        self._update_variable(self.update, gradient, variable, step, rate)

    def _prepared(self, learning_rate: jax.Array) -> Any:
        return self.prepare(self._step_number(), learning_rate)

    def _update_variable(
        self,
        update: Callable[..., tuple[jax.Array, Slots]],
        gradient: jax.Array,
        variable: Variable,
        step: jax.Array,
        rate: Any,
    ) -> None:
        i = self._positions[variable]
        names = [name for name in self._slot_names if (name, i) in self._slots]
        slots = {name: upcast(self._slots[name, i].value) for name in names}
        value, slots = update(gradient, upcast(variable.value), slots, step, rate)
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
