"""Overfitting of one batch."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from lamina.core.check import check_arguments, positive_int
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer
from lamina.tuning.trial import trial
from lamina.typing import Data

_CHUNK = 25  # steps between two checks of the loss
# A batch counts as learned if its loss falls to this part of the first one.
_LEARNED = 0.1

_CHECKS = {"max_steps": positive_int}


class OneBatch(NamedTuple):
    """Result of `overfit_one_batch`.

    Attributes:
        first_loss: the loss of the first step.
        last_loss: the mean loss of the last steps; NaN if it diverged.
        steps: number of steps.
        seconds: time they took, without the first one, which compiles.

    Example:
        >>> OneBatch(first_loss=2.0, last_loss=0.125, steps=51, seconds=0.1).learned
        True
    """

    first_loss: float
    last_loss: float
    steps: int
    seconds: float

    @property
    def learned(self) -> bool:
        """True if the loss fell to a tenth of the first one."""
        return self.last_loss <= _LEARNED * self.first_loss

    def __repr__(self) -> str:
        done = (
            f"loss {self.first_loss:.3g} -> {self.last_loss:.3g} in {self.steps} steps "
            f"({self.seconds:.1f} s)"
        )
        if self.learned:
            return f"<OneBatch: learned, {done}>"
        if math.isnan(self.last_loss):
            advice = (
                "the loss diverged: choose a smaller learning rate with tuning.lr_find"
            )
        else:
            advice = (
                "check that the labels belong to the inputs and that the loss fits the "
                "last activation, or choose a learning rate with tuning.lr_find"
            )
        return f"<OneBatch: not learned, {done}; {advice}>"


@filter_traceback
def overfit_one_batch(
    model: Trainer,
    x: Data,
    y: Data | None = None,
    sample_weight: Data | None = None,
    *,
    batch_size: int | None = None,
    max_steps: int = 500,
) -> OneBatch:
    """Train on one batch repeatedly, and report whether the model can fit it.

    If a model cannot fit 32 rows, it cannot fit a data set: the labels, the loss, the
    architecture or the learning rate is wrong. The test ends when the loss is a tenth
    of the first one. Dropout and regularizers stay active, so the loss of a good model
    may not fall as far. Afterwards the model and the optimizer are restored, bit for
    bit.

    Args:
        model: a compiled model.
        x: inputs, as for `fit`; one random batch of them is used.
        y: targets, as for `fit`.
        sample_weight: weight of each row.
        batch_size: rows in the batch; 32 by default.
        max_steps: maximum number of steps.

    Raises:
        StateError: the model is not compiled.
        ArgumentError: `max_steps` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> import lamina
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.compile(lamina.optimizers.Adam(0.1), "mse")
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> lamina.tuning.overfit_one_batch(model, x, x.sum(1)).learned
        True
    """
    check_arguments("overfit_one_batch", _CHECKS, {"max_steps": max_steps})
    data = x, y, sample_weight
    with trial(model, "overfit_one_batch", data, batch_size) as steps:
        batch = next(steps.batches())
        first = last = steps.losses(batch, 1, 0)
        done, start = 1, time.perf_counter()
        while done < max_steps and np.isfinite(last) and last > _LEARNED * first:
            count = min(_CHUNK, max_steps - done)
            last = steps.losses(batch, count, done)
            done += count
        return OneBatch(first, last, done, time.perf_counter() - start)
