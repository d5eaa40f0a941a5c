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
from lamina.optimizers.arguments import unknown_arguments
from lamina.optimizers.base import Optimizer
from lamina.optimizers.gradients import choose, matched

__all__ = ["LossScaleOptimizer"]

_is_optimizer = Check("an optimizer", lambda v: isinstance(v, Optimizer), (3, "adam"))

# Keras has written these into files although they were never in use.
_INERT = {"ema_momentum": 0.99, "use_ema": False, "dynamic": True}


class LossScaleOptimizer(Optimizer):
    """Another optimizer, on a loss multiplied by a scale that adapts.

    Small gradients vanish in float16, so the loss is multiplied by the scale and the
    gradients are divided by it. A step whose gradients overflow is skipped and halves
    the scale; after `dynamic_growth_steps` steps without one, the scale doubles.

    Args:
        inner_optimizer: the optimizer; its learning rate and other options count.
        initial_scale: the first scale; too high a one is quickly found out.
        dynamic_growth_steps: after how many good steps the scale doubles.
        name: a unique name; made from the class's name when `None`.

    Raises:
        ArgumentError: the inner optimizer has a `loss_scale_factor` of its own.

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
        **kwargs: Any,
    ) -> None:
        self._refuse(kwargs)
        if inner_optimizer.loss_scale_factor is not None:
            raise ArgumentError(
                "LossScaleOptimizer: the inner optimizer has a `loss_scale_factor` of "
                f"{inner_optimizer.loss_scale_factor}, so the loss would be scaled "
                "twice. Make the inner optimizer without one."
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    def _refuse(self, given: dict[str, Any]) -> None:
        for name, value in given.items():
            if name not in {*Optimizer.arguments, "dynamic"}:
                raise unknown_arguments(type(self), [name])
            if value != _INERT.get(name):
                raise ArgumentError(
                    f"LossScaleOptimizer can't do `{name}={value!r}` itself: give it "
                    "to the inner optimizer (for a fixed scale, `loss_scale_factor`)."
                )

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the state of the scale and of the inner optimizer."""
        variables = list(variables)
        if not self.built:
            self.step_counter = self._own(np.int32(0), "step_counter")
            self.dynamic_scale = self._own(
                np.float32(self.initial_scale), "dynamic_scale"
            )
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def iterations(self) -> Any:
        """How many updates have been made; skipped steps do not count."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Change variables by gradients of the scaled loss, unless one overflowed.

        Args:
            grads: one gradient for each variable; `None` leaves a variable alone.
            trainable_variables: the variables; `None` for those of `build`.
        """
        if len(grads) == 0:
            return
        targets = self._targets(trainable_variables)
        gradients, variables = matched(type(self).__name__, grads, targets)
        finite = jnp.stack([jnp.all(jnp.isfinite(g)) for g in gradients]).all()
        scale, count = self.dynamic_scale.value, self.step_counter.value

        def step() -> None:
            self.inner_optimizer.apply([g / scale for g in gradients], variables)
            grow = count + 1 == self.dynamic_growth_steps
            self.step_counter.assign(jnp.where(grow, 0, count + 1))
            self.dynamic_scale.assign(jnp.where(grow, scale * 2.0, scale))

        def skip() -> None:
            self.step_counter.assign(0)
            self.dynamic_scale.assign(scale * 0.5)

        choose(finite, step, skip, [*self._positions, *self.variables])

    def scale_loss(self, loss: jax.Array) -> jax.Array:
        """The loss to differentiate: multiplied by the scale."""
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """End training, as the inner optimizer does."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Keep the inner optimizer's weight decay off some variables.

        Args:
            var_list: the variables.
            var_names: patterns found in the names of the variables, such as "bias".
        """
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
