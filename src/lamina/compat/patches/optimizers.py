"""Changes of optimizers and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lamina.compat.keras.backend import graphs
from lamina.compat.notices import tell
from lamina.compat.patches.apply import Changes
from lamina.lazy import LazyImport
from lamina.optimizers import LossScaleOptimizer, Optimizer
from lamina.typing import Array

if TYPE_CHECKING:
    from lamina.metrics import Metric

_tape_minimize = LazyImport("lamina.compat.tensorflow.recording.tape:minimize")


def _get_learning_rate(optimizer: Optimizer) -> Any:
    tell("optimizer.lr", "optimizer.learning_rate")
    return optimizer.learning_rate


def _set_learning_rate(optimizer: Optimizer, value: Any) -> None:
    tell("optimizer.lr", "optimizer.learning_rate")
    optimizer.learning_rate = value


def _reset_metric(metric: Metric) -> None:
    tell("metric.reset_states()", "metric.reset_state()")
    metric.reset_state()


def _scaled_loss(optimizer: LossScaleOptimizer, loss: Array) -> Any:
    """Return a loss multiplied by the scale."""
    tell("optimizer.get_scaled_loss(loss)", "optimizer.scale_loss(loss)")
    return optimizer.scale_loss(loss)


def _scaled_gradients(optimizer: LossScaleOptimizer, grads: Sequence[Any]) -> Any:
    """Return gradients as they are: `apply_gradients` divides them by the scale."""
    tell("optimizer.get_unscaled_gradients(gradients)", "gradients")
    return grads


def _minimize(optimizer: Optimizer, *args: object, **kwargs: object) -> Any:
    return _tape_minimize.load()(optimizer, *args, **kwargs)


def changes(module: object) -> Changes:
    """Return the changes of optimizers."""
    rate = property(_get_learning_rate, _set_learning_rate)
    yield Optimizer, "lr", rate
    yield Optimizer, "get_updates", graphs.get_updates
    yield Optimizer, "get_gradients", graphs.get_gradients
    yield Optimizer, "minimize", _minimize
    yield LossScaleOptimizer, "get_scaled_loss", _scaled_loss
    yield LossScaleOptimizer, "get_unscaled_gradients", _scaled_gradients


def metrics(module: Any) -> Changes:
    """Return the changes of metrics."""
    yield module.Metric, "reset_states", _reset_metric
