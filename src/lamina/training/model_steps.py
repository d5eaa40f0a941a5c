"""Training, evaluation and prediction steps of a model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina import optimizers
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import overridable
from lamina.core.scope import local
from lamina.core.tracing import stateless
from lamina.core.tracing.stateless import value_and_grad
from lamina.data.adapt import unpack_x_y_sample_weight
from lamina.errors import StateError
from lamina.tracebacks import filter_traceback
from lamina.training.plan.user_loss import batch_loss
from lamina.training.state import (
    MetricsOwner,
    accepts_state,
    is_overridden,
)
from lamina.typing import Array, PyTree

_NO_LOSS = (
    "There is no loss: pass `loss=` to `compile()`, or call `add_loss` in a layer."
)
_NO_LABELS = (
    "There is no loss, because the data has no labels: pass `y`, as in `fit(x, y)` and "
    "`validation_data=(x, y)`, let a generator yield `(x, y)`, or compile without "
    "`loss` and use `add_loss`."
)


class _CompiledLoss:
    """The argument `loss` of `compile`, for models without such an attribute."""

    def __get__(self, model: Any, owner: type) -> Any:
        if model is None:
            return self
        arguments = model._training.arguments
        return arguments.loss if arguments else None


class ModelSteps(MetricsOwner):
    """Base of `Trainer` with the steps on one batch, which users may override.

    Arguments have the type `Any`, so that overrides may narrow it.
    """

    # User-defined models may set their own until `compile`, as in Keras.
    loss: Any = _CompiledLoss()

    @overridable
    @accepts_state
    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch; override this for your own step.

        Runs inside the compiled loop: read and assign variables as usual, and take
        gradients with `lamina.value_and_grad(function, variables)`. Keras's form for
        JAX, `train_step(self, state, data)`, works too, with
        `logs, state = super().train_step(state, data)`.

        Args:
            data: a batch, `(x, y, sample_weight)`.

        Returns:
            The logs: values by name.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        batch = {"x": x, "y": y, "sample_weight": sample_weight}
        optimizer = self.optimizer
        if optimizer is None:
            raise StateError("There is no optimizer: pass one to `compile()`.")
        scaled = isinstance(optimizer, optimizers.LossScaleOptimizer)

        def loss_of_batch() -> Any:
            y_pred = self(x, training=True)
            loss = batch_loss(self, training=True, y_pred=y_pred, **batch)
            masks = jax.tree.map(get_mask, y_pred)
            return optimizer.scale_loss(loss), (loss, y_pred, masks)

        variables = self.trainable_variables
        # Scaled gradients may overflow; that step is skipped by the optimizer.
        (_, (loss, y_pred, masks)), gradients = value_and_grad(
            loss_of_batch, variables, has_aux=True, watch=not scaled
        )
        jax.tree.map(set_mask, y_pred, masks)
        if scaled and local.state is not None:
            local.state.watch(loss)
        optimizer.apply(gradients, variables)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    @overridable
    @accepts_state
    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate on one batch; override this for your own step."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        if self._has_loss():
            batch = {"x": x, "y": y, "sample_weight": sample_weight}
            loss = batch_loss(self, training=False, y_pred=y_pred, **batch)
            self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    @overridable
    def predict_step(self, data: Any) -> Any:
        """Return outputs for one batch; override this for your own step."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    def _has_loss(self) -> bool:
        arguments = self._training.arguments
        has_loss = arguments is not None and arguments.loss is not None
        has_own = is_overridden(self, "compute_loss")
        return has_loss or has_own or bool(self.losses)

    def _track_loss(self, loss: Array, x: PyTree) -> None:
        tracker = self._training.loss_tracker
        if tracker is not None:
            rows = jax.tree.leaves(x)[0].shape[0]
            tracker.update_state(loss, sample_weight=rows)

    @filter_traceback
    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[Array, tuple[list[Any], list[Any], list[Any]]]:
        """Call `compute_loss` as a pure function of variables' values.

        Args:
            trainable_variables: values of `trainable_variables`.
            non_trainable_variables: values of `non_trainable_variables`.
            metrics_variables: values of `metrics_variables`.
            x: inputs.
            y: labels.
            y_pred: outputs for `x`.
            sample_weight: weights of the rows.
            training: whether the loss is that of a training step.

        Returns:
            The loss, and the three lists of values afterwards.
        """
        given = (trainable_variables, non_trainable_variables, metrics_variables)
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )
        variables, values = itertools.chain(*groups), itertools.chain(*given)
        loss, after = stateless.call(
            functools.partial(batch_loss, self),
            [*variables],
            [*values],
            x=x,
            y=y,
            y_pred=y_pred,
            sample_weight=sample_weight,
            training=training,
        )
        rest = iter(after)
        first, second, third = ([next(rest) for _ in group] for group in groups)
        return loss, (first, second, third)

    @overridable
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of one batch, with penalties and the losses of `add_loss`.

        Raises:
            StateError: neither `compile` nor a layer gives a loss.
        """
        extra = self.losses
        loss: Any = None
        plan = self._training.plans.find(y, y_pred)
        if plan is not None:
            loss = plan.loss(y, y_pred, sample_weight)
        for value in extra:
            value = jnp.sum(value) if jnp.ndim(value) else value
            loss = value if loss is None else loss + value
        if loss is None:
            given = self._training.arguments
            raise StateError(_NO_LABELS if given and given.loss else _NO_LOSS)
        return loss
