"""Training steps that are undone at the end of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lamina.data.adapt import adapt
from lamina.training.checks.steps.trial import Trial
from lamina.training.prepare import prepare_model
from lamina.training.state import training_of
from lamina.training.trainer import Trainer
from lamina.typing import Data


@contextmanager
def trial(
    model: Trainer,
    method: str,
    data: tuple[Data, Data | None, Data | None],
    batch_size: int | None,
) -> Iterator[Trial]:
    """Let a block train a model; its variables are restored at the end.

    Args:
        model: a compiled model. It is built for the data if it is not built.
        method: the name in messages.
        data: inputs, targets and sample weights, as for `fit`.
        batch_size: rows per step; 32 by default.

    Raises:
        StateError: the model is not compiled.
        DataError: the data does not fit the model.
    """
    state = training_of(model)
    with state.running(method):
        feed = adapt(*data, batch_size, shuffle=True, host=state.host(data[0]))
        prepare_model(state, feed, check=True, to_train=True)
        steps = Trial(state.engine("train"), feed)
        try:
            yield steps
        finally:
            steps.restore()
