"""Base class of optimizers.

An update rule consists of two pure functions, `slots` and `update`; the base class
implements clipping, weight decay, averaging, accumulation and files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter
from typing import Any, ClassVar, TypeVar

import jax
import jax.numpy as jnp

from lamina.core.check import (
    Check,
    at_least,
    between,
    optional,
    positive_number,
    result_for,
)
from lamina.core.module import Hyperparameter, signature, with_parameters
from lamina.core.registry import Registry
from lamina.core.scope import local
from lamina.core.tracing import stateless
from lamina.core.variable import Variable
from lamina.errors import StateError
from lamina.optimizers.arguments import (
    CHECKS,
    LearningRate,
    check_combinations,
    unknown_arguments_error,
)
from lamina.optimizers.gradients import (
    accumulate,
    clip,
    match_gradients,
    upcast,
    update_averages,
)
from lamina.optimizers.rule import UpdateRule

F = TypeVar("F", bound=Callable[..., None])
optimizer_registry = Registry("optimizer", "keras.optimizers")


class Optimizer(UpdateRule):
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
    weight_decay = Hyperparameter(optional(at_least(0)))
    clipnorm = Hyperparameter(optional(positive_number))
    clipvalue = Hyperparameter(optional(positive_number))
    global_clipnorm = Hyperparameter(optional(positive_number))
    ema_momentum = Hyperparameter(between(0, 1))
    loss_scale_factor = Hyperparameter(optional(positive_number))

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
        **kwargs: object,
    ) -> None:
        if kwargs:
            raise unknown_arguments_error(type(self), kwargs)
        super().__init__(learning_rate, name)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        check_combinations(self)

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
        if local.state is not None and local.state.gradients is not None:
            local.state.gradients.extend(zip(variables, gradients, strict=True))
        self._step(gradients, variables)

    def _step(self, gradients: list[jax.Array], variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            gradients = [gradient / self.loss_scale_factor for gradient in gradients]
        if self.gradient_accumulation_steps is None:
            self._update(gradients, variables)
        else:
            self._accumulate(gradients, variables, self.gradient_accumulation_steps)
        if self.use_ema:
            pairs = zip(self._positions, self._averages, strict=True)
            when = self._update_count(), self.ema_overwrite_frequency
            update_averages(pairs, self.ema_momentum, *when)
        for variable in variables:
            if variable.constraint is not None:
                expected = f"an array of shape {variable.shape}"
                variable.assign(result_for(variable, "constraint", expected))
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
        rate = self._current_rate()
        self._decay(variables, rate)
        limits = self.clipnorm, self.clipvalue, self.global_clipnorm
        self._apply_rule(clip(gradients, *limits), variables, jnp.asarray(rate))

    def _accumulate(
        self, gradients: list[jax.Array], variables: list[Variable], steps: int
    ) -> None:
        sums = [self._accumulators[self._positions[v]] for v in variables]

        def update() -> None:
            self._update([upcast(total.value) / steps for total in sums], variables)

        is_due = (self._iterations.value + 1) % steps == 0
        changed = [*self._positions, *self.variables]
        accumulate(gradients, sums, is_due, update, changed)

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Variable]]
    ) -> Variable:
        """Update variables from (gradient, variable) pairs and return the step."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [v for _, v in pairs])
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


def takes_shared_arguments(init: F) -> F:
    """Add the arguments of `Optimizer` to the constructor of a rule.

    They follow its positional parameters, and its keyword-only ones follow them: the
    positions that all arguments have in Keras.
    """
    *given, kwargs = signature(init).parameters.values()
    names = {p.name for p in [*given, kwargs]}
    inherited = signature(Optimizer.__init__).parameters.values()
    shared = [p for p in inherited if p.name not in names]
    first = [p for p in given if p.kind is p.POSITIONAL_OR_KEYWORD]
    rest = given[len(first) :]
    last = [p.replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for p in rest]
    return with_parameters(init, [*first, *shared, *last, kwargs])
