"""Rules for the optimizer, the arguments of `fit` and the callbacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina import config, optimizers
from lamina.core.creation import created_at
from lamina.layers import Embedding
from lamina.optimizers import schedules
from lamina.optimizers.state import schedule_of
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.hooks import misnamed_methods
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.training.checks.case import Case
from lamina.training.checks.rules.base import Advice, rule

# Largest learning rate that usually works.
_HIGHEST = {
    "SGD": 1.0,
    "Adagrad": 1.0,
    "Ftrl": 1.0,
    "Lion": 0.01,
    "Adam": 0.1,
    "AdamW": 0.1,
    "Adamax": 0.1,
    "Nadam": 0.1,
    "RMSprop": 0.1,
    "Lamb": 0.1,
}
_USUALLY_HIGHEST = 0.05
_LOWEST = 1e-7
# Default learning rate, for the fix.
_USUAL = {"SGD": 0.01, "Adagrad": 0.01, "Lion": 1e-4}
_FEW_UPDATES = 50
_DIRECTIONS = {
    **dict.fromkeys(("accuracy", "acc", "auc", "precision", "recall"), "max"),
    **dict.fromkeys(("mae", "mse", "mean_absolute_error", "mean_squared_error"), "min"),
}
# Largest share of a weight that one step of weight decay usually removes.
_LARGEST_DECAY = 0.02


def _optimizer(case: Case) -> tuple[Any, str, float]:
    """Return the optimizer that has the learning rate, its class and the rate.

    The rate is that of the first step; NaN if it is unknown.
    """
    outer = case.model.optimizer
    optimizer = getattr(outer, "inner_optimizer", outer)
    rate = getattr(optimizer, "learning_rate", None)  # several optimizers have several
    is_known = isinstance(optimizer, optimizers.Optimizer) and rate is not None
    value = float(np.asarray(rate)) if is_known else math.nan
    return optimizer, type(optimizer).__name__, value


@rule("learning-rate-high", "warning")
def learning_rate_too_high(case: Case) -> Advice:
    optimizer, kind, rate = _optimizer(case)
    highest = _HIGHEST.get(kind)
    if highest is None or not rate > 1.01 * highest:
        return None
    weighted = [node for node in case.nodes if case.is_trained(node)]
    if len(weighted) == 1 and rate <= 1:  # a linear model has larger steps
        return None
    return (
        f"The learning rate of {kind} is {rate:g}: its steps will probably be too "
        "large, and the loss will grow or stay high.",
        f"Use optimizers.{kind}(learning_rate={_USUAL.get(kind, 0.001)}).",
        created_at(optimizer),
    )


@rule("learning-rate-unusual", "advice")
def learning_rate_unusual(case: Case) -> Advice:
    optimizer, kind, rate = _optimizer(case)
    is_adaptive = _HIGHEST.get(kind) == _HIGHEST["Adam"]
    if not is_adaptive or not 1.01 * _USUALLY_HIGHEST < rate <= 1.01 * _HIGHEST[kind]:
        return None
    # Small models learn with such rates too.
    nodes = [n for n in case.nodes if not isinstance(n.operation, Embedding)]
    if sum(map(case.is_trained, nodes)) < 4:
        return None
    return (
        f"The learning rate of {kind} is {rate:g}; a model of several layers usually "
        "needs one from 0.0001 to 0.01, and stops learning at larger ones.",
        f"Use optimizers.{kind}(learning_rate=0.001).",
        created_at(optimizer),
    )


@rule("learning-rate-low", "warning")
def learning_rate_too_low(case: Case) -> Advice:
    optimizer, kind, rate = _optimizer(case)
    if not rate < _LOWEST or schedule_of(optimizer) is not None:
        return None
    return (
        f"The learning rate of {kind} is {rate:g}, so training changes almost nothing.",
        f"Use optimizers.{kind}(learning_rate={_USUAL.get(kind, 0.001)}).",
        created_at(optimizer),
    )


@rule("epsilon-large", "advice")
def large_epsilon(case: Case) -> Advice:
    optimizer, kind, _ = _optimizer(case)
    epsilon = getattr(optimizer, "epsilon", None)
    if not isinstance(epsilon, float) or epsilon < 0.5:
        return None
    return (
        f"{kind} has epsilon={epsilon:g}, which makes its steps much smaller than the "
        "learning rate.",
        "Remove the argument.",
        created_at(optimizer),
    )


@rule("schedule-ends-early", "warning")
def schedule_that_ends_early(case: Case) -> Advice:
    optimizer, kind, _ = _optimizer(case)
    schedule, total = schedule_of(optimizer), _steps(case)
    if not isinstance(schedule, schedules.LearningRateSchedule) or total < 20:
        return None
    last = _last_useful_step(schedule)
    if last is None or 5 * last > total:
        return None
    name = type(schedule).__name__
    return (
        f"The learning rate of {kind} is almost 0 after {math.ceil(last)} of {total} "
        f"steps: `decay_steps` of {name} counts batches, and an epoch has "
        f"{total // max(case.options.epochs, 1)}.",
        f"Use optimizers.schedules.{name}(..., decay_steps={total}, ...).",
        created_at(optimizer),
    )


def _steps(case: Case) -> int:
    """Return the number of training steps, 0 if it is unknown."""
    options = case.options
    steps = options.steps_per_epoch or 0
    if not steps and case.is_whole and case.inputs:
        steps = -(-len(case.inputs[0].array) // (options.batch_size or 32))
    return steps * options.epochs


def _last_useful_step(schedule: schedules.LearningRateSchedule) -> float | None:
    """Return the step at which a schedule is almost 0, `None` if it never is.

    It is computed without the schedule, whose operations would be compiled.
    """
    kind, low = type(schedule), 1e-4 * getattr(schedule, "initial_learning_rate", 0.0)
    given: Any = schedule
    if kind is schedules.ExponentialDecay and 0 < given.decay_rate < 1:
        return given.decay_steps * math.log(1e-4) / math.log(given.decay_rate)
    if kind is schedules.CosineDecay and given.alpha < 1e-4:
        return given.decay_steps + given.warmup_steps
    if kind is schedules.PolynomialDecay and not given.cycle:
        return given.decay_steps if given.end_learning_rate < low else None
    return None


@rule("weight-decay-large", "warning")
def weights_that_vanish(case: Case) -> Advice:
    optimizer, kind, rate = _optimizer(case)
    decay = getattr(optimizer, "weight_decay", None)
    if not isinstance(decay, (int, float)) or not decay * rate > _LARGEST_DECAY:
        return None
    return (
        f"{kind} has weight_decay={decay:g} and the learning rate {rate:g}: each step "
        f"makes all weights {decay * rate:.0%} smaller.",
        f"Use optimizers.{kind}(weight_decay=0.01).",
        created_at(optimizer),
    )


@rule("one-batch-per-epoch", "advice")
def one_batch_per_epoch(case: Case) -> Advice:
    size, options = case.options.batch_size, case.options
    if not case.inputs or not size or options.steps_per_epoch:
        return None
    rows = len(case.inputs[0].array)
    if size < rows or rows < 200 or options.epochs >= _FEW_UPDATES:
        return None
    return (
        f"batch_size={size} puts all {rows} rows into one batch, so {options.epochs} "
        f"epochs are only {options.epochs} updates of the weights.",
        "Use batch_size=32, or more epochs.",
    )


@rule("few-steps-per-epoch", "advice")
def steps_per_epoch_of_few_rows(case: Case) -> Advice:
    options = case.options
    steps, size = options.steps_per_epoch, options.batch_size or 32
    if not steps or not case.inputs or not isinstance(options.x, np.ndarray):
        return None
    rows = len(case.inputs[0].array)
    if steps * size * 10 > rows or rows < 1000:
        return None
    return (
        f"steps_per_epoch={steps} with batches of {size} uses {steps * size} of "
        f"{rows} rows in an epoch.",
        "Remove `steps_per_epoch`: an epoch then has all rows.",
    )


@rule("unknown-monitor", "warning", each="unknown_monitors")
def monitored_metric_that_will_not_exist(problem: str) -> Advice:
    return problem, ""


@rule("monitor-mode", "warning", each="callbacks")
def metric_whose_worst_value_is_taken(callback: Callback) -> Advice:
    if not isinstance(callback, MonitorCallback) or not callback.is_watching():
        return None
    name = callback.monitor.removeprefix("val_")
    right = "min" if name == "loss" else _DIRECTIONS.get(name)
    if callback.mode == "auto" or right in (None, callback.mode):
        return None
    return (
        f"{type(callback).__name__}(monitor={callback.monitor!r}, mode="
        f"{callback.mode!r}) takes the worst value for the best.",
        f"Use mode={right!r}, or 'auto'.",
    )


@rule("callback-method", "warning", each="callbacks")
def method_that_is_never_called(callback: Callback) -> Advice:
    found = dict(misnamed_methods(callback))
    if not found:
        return None
    kind, names = type(callback).__name__, " and ".join(sorted(found))
    return (
        f"{kind} defines {names}, but callbacks have no such method, so it is never "
        "called.",
        f"Rename it: {', '.join(f'def {found[name]}' for name in sorted(found))}.",
    )


@rule("no-epochs", "warning")
def first_epoch_after_the_last(case: Case) -> Advice:
    first, last = case.options.initial_epoch, case.options.epochs
    if last > first or first == 0 or config.max_epochs():
        return None
    return (
        f"fit(initial_epoch={first}, epochs={last}) trains nothing: `epochs` is the "
        "number of the last epoch, not the number of further ones.",
        f"For {max(last, 1)} further epochs use epochs={first + max(last, 1)}.",
    )
