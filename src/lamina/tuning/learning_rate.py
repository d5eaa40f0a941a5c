"""Learning rate range test."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.core.check import Check, check_arguments, is_int, positive_number
from lamina.core.variable import Variable
from lamina.display import new_figure
from lamina.errors import StateError, invalid
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer
from lamina.tuning.trial import trial
from lamina.typing import Data

# Weight of earlier losses in the mean by which divergence is detected.
_MEMORY = 0.98
# The test stops at a mean that is this many times the smallest one.
_DIVERGED = 4.0
# Standard deviation of the smoothing, as a part of the number of steps. A one-sided
# mean as in fastai lags: in tests it suggested ten times the rate that trains best.
_WIDTH = 0.05

_CHECKS = {
    "start_lr": positive_number,
    "end_lr": positive_number,
    "num_it": Check("an integer of at least 10", lambda v: is_int(v) and v >= 10, (9,)),
}


@dataclass(frozen=True, eq=False)
class LearningRates:
    """Result of `lr_find`.

    Args:
        learning_rates: the learning rate of each step, shape (steps,).
        losses: smoothed losses, shape (steps,).
        suggestion: the learning rate at which the loss fell most steeply; `None` if
            it did not fall.
        stopped: whether the test stopped early because the loss diverged.

    Example:
        >>> rates, losses = np.array([0.001, 0.01, 0.1]), np.array([1.0, 0.5, 0.25])
        >>> LearningRates(rates, losses, suggestion=0.01, stopped=False)
        <LearningRates: suggestion 0.01; 3 steps from 0.001 to 0.1>
    """

    learning_rates: np.ndarray
    losses: np.ndarray
    suggestion: float | None
    stopped: bool

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the loss by learning rate, with the suggestion marked.

        Args:
            path: where to write the figure; its ending is the format.

        Returns:
            A Matplotlib figure.
        """
        figure, (panel,) = new_figure(1, 1, 5.5, 4)
        panel.plot(self.learning_rates, self.losses)
        if self.suggestion is not None:
            [index] = np.flatnonzero(self.learning_rates == self.suggestion)
            label = f"suggestion: {self.suggestion:.2g}"
            panel.plot([self.suggestion], self.losses[[index]], "o", label=label)
            panel.legend()
        panel.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss")
        panel.grid(alpha=0.3)
        if path is not None:
            figure.savefig(path, dpi=100)
        return figure

    def __repr__(self) -> str:
        count = len(self.losses)
        if count == 0:
            return "<LearningRates: no suggestion, as the first step was not finite>"
        tested = f"{count} steps from {self.learning_rates[0]:.2g} to "
        tested += f"{self.learning_rates[-1]:.2g}"
        tested += ", where the loss diverged" if self.stopped else ""
        if self.suggestion is None:
            return f"<LearningRates: no suggestion, as the loss did not fall; {tested}>"
        return f"<LearningRates: suggestion {self.suggestion:.2g}; {tested}>"


@filter_traceback
def lr_find(
    model: Trainer,
    x: Data,
    y: Data | None = None,
    sample_weight: Data | None = None,
    *,
    batch_size: int | None = None,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_it: int = 100,
    stop_div: bool = True,
) -> LearningRates:
    """Train with rates from a very small to a very large one, and suggest one.

    The rate grows exponentially from step to step. The suggestion is the rate at which
    the smoothed loss falls most steeply before its minimum. Afterwards the model and
    the optimizer are what they were, bit for bit.

    Args:
        model: a compiled model, whose learning rate is a number.
        x: inputs, as for `fit`.
        y: targets, as for `fit`.
        sample_weight: weight of each row.
        batch_size: rows per step; 32 by default.
        start_lr: first learning rate.
        end_lr: last learning rate.
        num_it: number of steps; the data is repeated if it has fewer batches.
        stop_div: whether to stop when the loss is four times the smallest one.

    Raises:
        StateError: the model is not compiled, or its learning rate is a schedule.
        ArgumentError: a rate is not positive, `end_lr` is not larger than `start_lr`,
            or `num_it` is below 10.

    Example:
        >>> import numpy as np
        >>> import lamina
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((64, 2), "float32")
        >>> result = lamina.tuning.lr_find(model, x, x.sum(1), num_it=30)
        >>> 1e-7 < result.suggestion < 10
        True

    Reference:
        Smith 2017, "Cyclical learning rates for training neural networks". Names and
        defaults are those of fastai's `lr_find`.
    """
    values = {"start_lr": start_lr, "end_lr": end_lr, "num_it": num_it}
    check_arguments("lr_find", _CHECKS, values)
    if end_lr <= start_lr:
        raise invalid("lr_find", "end_lr", end_lr, f"larger than {start_lr=}")
    rates = np.geomspace(start_lr, end_lr, num_it)
    losses: list[float] = []
    mean, best, stopped = 0.0, math.inf, False
    with trial(model, "lr_find", (x, y, sample_weight), batch_size) as steps:
        rate = _rate_of(model)
        for i, batch in zip(range(num_it), steps.batches(), strict=False):
            rate.assign(rates[i])
            loss = steps.losses(batch, 1, i)
            mean = _MEMORY * mean + (1 - _MEMORY) * loss
            unbiased = mean / (1 - _MEMORY ** (i + 1))
            diverged = stop_div and unbiased > _DIVERGED * best
            stopped = diverged or not math.isfinite(loss)
            if stopped:
                break
            losses.append(loss)
            best = min(best, unbiased)
    tested = rates[: len(losses)]
    smooth = _smoothed(np.array(losses), _WIDTH * num_it)
    return LearningRates(tested, smooth, _steepest(tested, smooth), stopped)


def _rate_of(model: Trainer) -> Variable:
    rate = getattr(model.optimizer, "learning_rate", None)
    if not isinstance(rate, Variable):
        raise StateError(
            "lr_find: the learning rate of the optimizer is not a number, so it cannot "
            "be varied. Compile with a number for the test, for example: "
            "model.compile(optimizer=lamina.optimizers.Adam(1e-3), loss='mse')."
        )
    return rate


def _smoothed(losses: np.ndarray, width: float) -> np.ndarray:
    """Return means weighted by a Gaussian of the distance in steps."""
    steps = np.arange(len(losses))
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
    return weights @ losses / weights.sum(1)


def _steepest(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Return the rate at which the loss falls most before its minimum."""
    lowest = int(np.argmin(losses)) if len(losses) else 0
    if lowest == 0:
        return None
    slopes = np.gradient(losses[: lowest + 1])
    return float(rates[int(np.argmin(slopes))])
