"""Findings about a run, from its learning curves and a few measurements at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina.training.callbacks.monitoring.monitor import better_direction
from lamina.training.checks.findings import Finding

MIN_EPOCHS = 5

# Relative rise of the validation loss above its smallest value that counts.
_MIN_RISE = 0.1
# Relative changes below this are noise of a loss that stands still.
_NOISE = 0.01
# Relative jump from epoch to epoch that counts as oscillation.
_JUMP = 0.15
# Updates of a weight per step, relative to it, of a healthy run.
_SMALLEST_UPDATE, _LARGEST_UPDATE = 1e-4, 1e-1
_DEAD = 0.5  # part of a layer's units


class RunFacts(NamedTuple):
    """Facts about a run that its curves do not show.

    Args:
        fresh: whether the model was not trained before.
        restores_best: whether a callback keeps the best epoch.
        penalty: part of the last loss that regularizers add.
        learning_rate: the rate at the end, if it is a number.
    """

    fresh: bool = True
    restores_best: bool = False
    penalty: float = 0.0
    learning_rate: float | None = None


class _Curves(NamedTuple):
    """Curves of a run of at least `MIN_EPOCHS` epochs, each of the same length."""

    values: dict[str, np.ndarray]
    facts: RunFacts

    @property
    def loss(self) -> np.ndarray:
        return self.values["loss"]

    @property
    def epochs(self) -> int:
        return len(self.loss)

    def lower_rate(self) -> str:
        """Return how to lower the learning rate."""
        rate = self.facts.learning_rate
        return "" if rate is None else f", from {rate:.2g} to {rate / 10:.2g}"


def curve_findings(
    logs: Mapping[str, Sequence[Any]], facts: RunFacts | None = None
) -> list[Finding]:
    """Return what the curves of a run show; nothing for a healthy or a short run.

    Args:
        logs: values by epoch of the loss and of metrics, as in `History.history`.
        facts: what else is known about the run.
    """
    count = len(logs.get("loss", ()))
    values = {
        name: np.asarray(curve, float)
        for name, curve in logs.items()
        if len(curve) == count and all(np.ndim(v) == 0 for v in curve)
    }
    is_known = count >= MIN_EPOCHS and "loss" in values
    # Losses such as log-likelihoods may be negative: nothing is relative to them.
    if not is_known or not (np.isfinite(values["loss"]) & (values["loss"] > 0)).all():
        return []
    curves = _Curves(values, facts or RunFacts())
    found = list(filter(None, (rule(curves) for rule in _RULES)))
    return [*found, *_metrics_without_gain(curves)]


def update_findings(ratios: Mapping[str, float]) -> list[Finding]:
    """Return findings about the sizes of updates.

    Args:
        ratios: norm of a step's update relative to that of the weight, by its path.
    """
    small = {p: r for p, r in ratios.items() if r < _SMALLEST_UPDATE}
    large = {p: r for p, r in ratios.items() if r > _LARGEST_UPDATE}
    found: list[Finding] = []
    for some, word, fix in (
        (small, "small", "Raise the learning rate"),
        (large, "large", "Lower the learning rate"),
    ):
        if some:
            path = (min if some is small else max)(some, key=lambda p: some[p])
            message = (
                f"The updates of {len(some)} of {len(ratios)} weights are {word}: a "
                f"step changes {path!r} by {some[path]:.1g} of its size; 0.0001 to "
                "0.1 is usual."
            )
            fix = f"{fix}: lamina.tuning.lr_find(model, x, y)."
            found.append(Finding(f"{word}-updates", "warning", message, fix))
    return found


def unit_findings(dead: Mapping[str, float]) -> list[Finding]:
    """Return findings about units that are 0 for all rows.

    Args:
        dead: part of the units of each ReLU layer, by the layer's path.
    """
    worst = max(dead, key=lambda path: dead[path], default="")
    if not worst or dead[worst] < _DEAD:
        return []
    message = (
        f"{100 * dead[worst]:.0f} % of the ReLU units of layer {worst!r} are 0 for all "
        "rows, so they do not learn any more."
    )
    fix = "Lower the learning rate, or use activation='leaky_relu' or 'gelu'."
    return [Finding("dead-units", "warning", message, fix)]


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return medians of three epochs."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)


class Turn(NamedTuple):
    """Rise of the validation loss while the training loss falls.

    Attributes:
        best: index of the epoch after which the validation loss rises.
        last: median of the last three validation losses.
    """

    best: int
    last: float


def overfitting(loss: Sequence[float], val_loss: Sequence[float]) -> Turn | None:
    """Return the turn of the validation loss; `None` if it does not clearly rise.

    Args:
        loss: training losses by epoch.
        val_loss: validation losses of the same epochs.
    """
    val = np.asarray(val_loss, float)
    if len(val) < MIN_EPOCHS or not np.isfinite(val).all():
        return None
    smooth = _smooth(val)
    best, last = int(np.argmin(smooth)), float(np.median(val[-3:]))
    if best > len(val) - 4 or smooth[best] <= 0:
        return None
    noise = 4 * float(np.median(np.abs(np.diff(val))))
    is_rise = last - smooth[best] >= max(_MIN_RISE * smooth[best], noise)
    return Turn(best, last) if is_rise and loss[-1] <= 0.95 * loss[best] else None


def _overfitting(curves: _Curves) -> Finding | None:
    val, loss = curves.values.get("val_loss"), curves.loss
    turn = None if val is None else overfitting(loss.tolist(), val.tolist())
    if val is None or turn is None or curves.facts.restores_best:
        return None
    best, last = turn
    message = (
        f"The validation loss rises since epoch {best + 1} of {curves.epochs}: "
        f"{val[best]:.3g} then, {last:.3g} at the end, while the loss fell to "
        f"{loss[-1]:.3g}."
    )
    fix = (
        "Try callbacks.EarlyStopping('val_loss', patience=3, "
        "restore_best_weights=True), more data, augmentation or Dropout."
    )
    return Finding("overfitting", "warning", message, fix)


def _no_progress(curves: _Curves) -> Finding | None:
    loss = curves.loss
    if not curves.facts.fresh or loss.min() < (1 - 2 * _NOISE) * loss[0]:
        return None
    message = (
        f"The loss is {loss[0]:.3g} in the first and {loss[-1]:.3g} in the last of "
        f"{curves.epochs} epochs: nothing was learned."
    )
    fix = "Try lamina.tuning.overfit_one_batch(model, x, y), then lr_find."
    return Finding("no-progress", "warning", message, fix)


def _plateau(curves: _Curves) -> Finding | None:
    """Return a finding if the loss stands still for most of the run, and is high."""
    smooth = _smooth(curves.loss)
    if curves.epochs < 10 or smooth[-1] < 0.3 * smooth[0]:
        return None
    still = np.flatnonzero(smooth > (1 + _NOISE) * smooth.min())
    start = int(still[-1]) + 1 if len(still) else 0
    if start == 0 or start > 0.4 * curves.epochs:
        return None
    message = (
        f"The loss has stayed at {smooth[-1]:.3g} since epoch {start + 1} of "
        f"{curves.epochs}."
    )
    fix = "Train for fewer epochs, or try callbacks.ReduceLROnPlateau('loss')."
    return Finding("plateau", "advice", message, fix)


def _oscillation(curves: _Curves) -> Finding | None:
    last = curves.loss[curves.epochs // 2 :]
    steps = np.diff(last)
    if len(steps) < 3:
        return None
    turns = float(np.mean(steps[1:] * steps[:-1] < 0))
    jump = float(np.median(np.abs(steps)))
    is_falling = last[0] - last[-1] > 2 * jump
    if turns < 0.6 or jump < _JUMP * np.median(last) or is_falling:
        return None
    message = (
        f"The loss jumps by {100 * jump / np.median(last):.0f} % from epoch to epoch."
    )
    fix = f"Lower the learning rate{curves.lower_rate()}, or use larger batches."
    return Finding("oscillation", "warning", message, fix)


def _rise(curves: _Curves) -> Finding | None:
    smooth = _smooth(curves.loss)
    lowest = int(np.argmin(smooth))
    last = float(np.median(curves.loss[-3:]))
    if lowest > curves.epochs - 4 or last < 1.2 * smooth[lowest]:
        return None
    noise = 2 * float(np.median(np.abs(np.diff(curves.loss[: lowest + 2]))))
    if last - smooth[lowest] < noise:
        return None
    message = (
        f"The loss rises since epoch {lowest + 1} of {curves.epochs}, from "
        f"{smooth[lowest]:.3g} to {last:.3g}."
    )
    fix = f"Lower the learning rate{curves.lower_rate()}, or pass clipnorm=1.0 to it."
    return Finding("rising-loss", "warning", message, fix)


def _penalty(curves: _Curves) -> Finding | None:
    penalty, loss = curves.facts.penalty, float(curves.loss[-1])
    if penalty <= 0.5 * loss:
        return None
    message = f"Regularizers make {penalty:.3g} of the loss of {loss:.3g}."
    fix = "Divide their factors by 10, for example regularizers.L2(1e-4)."
    return Finding("large-penalty", "warning", message, fix)


def _metrics_without_gain(curves: _Curves) -> Iterator[Finding]:
    """Yield a finding for each metric that does not improve while the loss falls."""
    loss = curves.loss
    if loss[-1] > 0.5 * loss[0]:
        return
    for name, values in curves.values.items():
        direction = better_direction(name)
        is_loss = name == "loss" or name.startswith("val_") or name.endswith("_loss")
        if direction is None or is_loss or not np.isfinite(values).all():
            continue
        gain = values[-1] - values[0] if direction == "max" else values[0] - values[-1]
        is_perfect = direction == "max" and values[-1] > 0.98
        if gain > 2 * _NOISE * abs(values[0]) or gain > 0.005 or is_perfect:
            continue
        message = (
            f"The loss fell from {loss[0]:.3g} to {loss[-1]:.3g}, but {name!r} went "
            f"from {values[0]:.3g} to {values[-1]:.3g}."
        )
        fix = (
            "Check that the metric fits labels and outputs: "
            "'sparse_categorical_accuracy' takes class indices, 'accuracy' says "
            "nothing about a regression, and 'auc' is better for rare classes."
        )
        yield Finding("metric-does-not-follow", "warning", message, fix)


_RULES: tuple[Callable[[_Curves], Finding | None], ...] = (
    _no_progress,
    _rise,
    _oscillation,
    _overfitting,
    _plateau,
    _penalty,
)
