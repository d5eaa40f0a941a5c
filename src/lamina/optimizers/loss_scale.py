"""Dynamic loss scaling for training in float16."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, positive_int, positive_number
from lamina.core.registry import serialize
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.optimizers.arguments import LearningRate, unknown_arguments_error
from lamina.optimizers.base import Optimizer
from lamina.optimizers.gradients import update_if
from lamina.tracebacks import warn
from lamina.typing import Array

_is_optimizer = Check("an optimizer", lambda v: isinstance(v, Optimizer), (3, "adam"))

# Keras writes these into files although it never uses them.
_UNUSED_BY_KERAS = {"ema_momentum": 0.99, "use_ema": False, "dynamic": True}


class LossScaleOptimizer(Optimizer):
    """Optimizer wrapper that scales the loss dynamically to prevent underflow.

    Small gradients underflow in float16, so the loss is multiplied by the scale and
    the gradients are divided by it. A step whose gradients overflow is skipped and
    halves the scale; `dynamic_growth_steps` finite steps in a row double it.

    Args:
        inner_optimizer: the optimizer; its learning rate and other options apply.
        initial_scale: the initial scale; a few steps reduce one that is too large.
        dynamic_growth_steps: number of finite steps after which the scale doubles.
        name: a unique name; derived from the class name when `None`.

    Example:
        >>> from lamina.optimizers.rules.sgd import SGD
        >>> weight = Variable([1.0])
        >>> optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=8.0)
        >>> optimizer.apply([[4.0]], [weight])
        >>> optimizer.apply([[np.inf]], [weight])
        >>> weight.numpy(), float(optimizer.dynamic_scale)
        (array([0.75], dtype=float32), 4.0)

    Reference: Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740
    """

    arguments: ClassVar[dict[str, Check]] = {
        "inner_optimizer": _is_optimizer,
        "initial_scale": positive_number,
        "dynamic_growth_steps": positive_int,
    }

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: object,
    ) -> None:
        self._check_options(kwargs)
        if inner_optimizer.loss_scale_factor is not None:
            warn(
                "LossScaleOptimizer: the `loss_scale_factor` of "
                f"{inner_optimizer.loss_scale_factor} of the inner optimizer is "
                "removed, because it would scale the loss twice. Create the inner "
                "optimizer without it."
            )
            inner_optimizer.loss_scale_factor = None
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    def _check_options(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            if name not in {*Optimizer.arguments, "dynamic"}:
                raise unknown_arguments_error(type(self), [name])
            if value != _UNUSED_BY_KERAS.get(name):
                raise ArgumentError(
                    f"LossScaleOptimizer does not support `{name}={value!r}`: pass it "
                    "to the inner optimizer (for a fixed scale, `loss_scale_factor`)."
                )

    def build(self, variables: Iterable[Variable]) -> None:
        """Create the state of the scale and of the inner optimizer."""
        variables = list(variables)
        if not self.built:
            self.step_counter = self._make_variable(np.int32(0), "step_counter")
            self.dynamic_scale = self._make_variable(
                np.float32(self.initial_scale), "dynamic_scale"
            )
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def iterations(self) -> Any:
        """Number of updates made, without skipped steps."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """Learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        self.inner_optimizer.learning_rate = value

    def _step(self, gradients: list[jax.Array], variables: list[Variable]) -> None:
        """Update variables from gradients of the scaled loss, unless one overflowed."""
        is_finite = self.check_finite(gradients)
        scale, count = self.dynamic_scale.value, self.step_counter.value

        def update() -> None:
            self.inner_optimizer.apply([g / scale for g in gradients], variables)
            is_due = count + 1 == self.dynamic_growth_steps
            self.step_counter.assign(jnp.where(is_due, 0, count + 1))
            self.dynamic_scale.assign(jnp.where(is_due, scale * 2.0, scale))

        def skip() -> None:
            self.step_counter.assign(0)
            self.dynamic_scale.assign(scale * 0.5)

        update_if(is_finite, update, skip, [*self._positions, *self.variables])

    def check_finite(self, grads: Sequence[Array]) -> jax.Array:
        """Return whether all values of all gradients are finite, as a boolean array."""
        return jnp.stack([jnp.all(jnp.isfinite(g)) for g in grads]).all()

    def scale_loss(self, loss: jax.Array) -> jax.Array:
        """Return the loss multiplied by the scale."""
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace the variables' values by the inner optimizer's averages, if any."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Exclude variables from the inner optimizer's weight decay.

        Args:
            var_list: the variables.
            var_names: regular expressions searched in the names, such as "bias".
        """
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
