"""Changes of optimizers and metrics."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lamina.compat.keras import optimizers
from lamina.compat.keras.backend import graphs
from lamina.compat.notices import tell
from lamina.compat.patches.apply import Changes
from lamina.lazy import LazyImport
from lamina.optimizers import LossScaleOptimizer, Optimizer
from lamina.optimizers.rule import UpdateRule
from lamina.optimizers.schedules import InverseTimeDecay
from lamina.typing import Array

if TYPE_CHECKING:
    from lamina.metrics import Metric

_tape_minimize = LazyImport("lamina.compat.tensorflow.recording.tape:minimize")


# Arguments of `add_weight` of metrics in tf.keras 2.
_WITHOUT_EFFECT = ("aggregation", "synchronization")
_WEIGHT = ("name", "shape", *_WITHOUT_EFFECT, "initializer", "dtype")


class _DecayedRate(float):
    """Learning rate before the decay that an optimizer was created with."""

    optimizer: Optimizer

    def assign(self, value: Any) -> None:
        """Change the learning rate of the optimizer."""
        self.optimizer.learning_rate = value


def _get_learning_rate(optimizer: Optimizer) -> Any:
    tell("optimizer.lr", "optimizer.learning_rate")
    schedule = vars(optimizer).get("_learning_rate")
    if not isinstance(schedule, InverseTimeDecay):
        return optimizer.learning_rate
    rate = _DecayedRate(schedule.initial_learning_rate)
    rate.optimizer = optimizer
    return rate


def _get_decay(optimizer: Optimizer) -> float:
    tell("optimizer.decay", "optimizer.learning_rate")
    return _initial_decay(optimizer)


def _initial_decay(optimizer: Optimizer) -> float:
    schedule = vars(optimizer).get("_learning_rate")
    return getattr(schedule, "decay_rate", 0.0)


def _wrap_assign(assign: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Return a setter that also changes a rate with `decay`, as in Keras 1 and 2."""

    @functools.wraps(assign)
    def call(optimizer: Optimizer, value: Any) -> None:
        schedule = vars(optimizer).get("_learning_rate")
        if isinstance(schedule, InverseTimeDecay) and not callable(value):
            config = {**schedule.get_config(), "initial_learning_rate": float(value)}
            value = InverseTimeDecay.from_config(config)
        assign(optimizer, value)

    return call


def _set_learning_rate(optimizer: Optimizer, value: Any) -> None:
    tell("optimizer.lr", "optimizer.learning_rate")
    optimizer.learning_rate = value


def _reset_metric(metric: Metric) -> None:
    tell("metric.reset_states()", "metric.reset_state()")
    metric.reset_state()


def _named_first(create: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `add_weight` with the arguments of tf.keras 2, too.

    These are (name, shape, aggregation, synchronization, initializer, dtype).
    """

    @functools.wraps(create)
    def call(metric: Metric, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            tell(f"add_weight({args[0]!r})", f"add_weight(name={args[0]!r})")
            kwargs, args = {**dict(zip(_WEIGHT, args, strict=False)), **kwargs}, ()
        found = {n: v for n, v in kwargs.items() if n not in _WITHOUT_EFFECT}
        return create(metric, *args, **found)

    return call


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
    today: Any = Optimizer.learning_rate
    rate = property(today.fget, _wrap_assign(today.fset))
    yield Optimizer, "learning_rate", rate
    yield Optimizer, "lr", property(_get_learning_rate, _set_learning_rate)
    yield Optimizer, "decay", optimizers.owned("decay", _get_decay)
    count: Any = Optimizer.iterations
    yield Optimizer, "iterations", optimizers.owned("iterations", count.fget)
    yield Optimizer, "build", optimizers.wrap_build(Optimizer.build)
    apply_rule = vars(UpdateRule)["_apply_rule"]
    yield Optimizer, "_apply_rule", optimizers.wrap_apply_rule(apply_rule)
    yield Optimizer, "_create_slots", optimizers.create_slots
    yield Optimizer, "add_slot", optimizers.add_slot
    yield Optimizer, "get_slot", optimizers.get_slot
    yield Optimizer, "_set_hyper", optimizers.set_hyper
    yield Optimizer, "_get_hyper", optimizers.get_hyper
    yield Optimizer, "_serialize_hyperparameter", optimizers.serialize_hyper
    yield Optimizer, "_decayed_lr", optimizers.decayed_rate
    yield Optimizer, "_initial_decay", property(_initial_decay)
    yield Optimizer, "get_updates", graphs.get_updates
    yield Optimizer, "get_gradients", graphs.get_gradients
    yield Optimizer, "minimize", _minimize
    yield LossScaleOptimizer, "get_scaled_loss", _scaled_loss
    yield LossScaleOptimizer, "get_unscaled_gradients", _scaled_gradients


def metrics(module: Any) -> Changes:
    """Return the changes of metrics."""
    yield module.Metric, "reset_states", _reset_metric
    # The metrics of `compile`, of which `model.metrics` had one object.
    yield module.Metric, "metrics", property(lambda metric: [metric])
    create = vars(module.Metric)["add_weight"]
    yield module.Metric, "add_weight", _named_first(create)
