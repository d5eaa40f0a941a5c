"""`SwapEMAWeights`: averaged weights for evaluation."""

from __future__ import annotations

from typing import Any

from lamina.core.check import boolean
from lamina.errors import StateError
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.learning_rate import optimizers_by_rate
from lamina.typing import Logs


class SwapEMAWeights(Callback):
    """Callback that evaluates and predicts with the optimizer's average weights.

    The optimizer computes averages if it is made with `use_ema=True`. Training uses the
    weights themselves.

    Args:
        swap_on_epoch: whether the model also has the averages from the end of an epoch
            to the start of the next one, for later callbacks such as `ModelCheckpoint`.

    Raises:
        StateError: the optimizer computes no averages.

    Example:
        >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
        True
    """

    state_names = ("_own",)
    arguments = {"swap_on_epoch": boolean}

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._own: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Check that the optimizer averages the weights."""
        self._require_averages()

    def _require_averages(self) -> None:
        if not any(item.use_ema for item in optimizers_by_rate(self.model).values()):
            raise StateError(
                "SwapEMAWeights needs an optimizer that averages the weights: make it "
                "with `use_ema=True`."
            )

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Swap in the averages."""
        optimizer = self.model.optimizer
        self._require_averages()
        if self._own is None and optimizer.built:
            variables = self.model.trainable_variables
            self._own = [variable.raw for variable in variables]
            optimizer.finalize_variable_values(variables)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Restore the weights."""
        weights, self._own = self._own, None
        if weights is not None:
            variables = self.model.trainable_variables
            for variable, value in zip(variables, weights, strict=True):
                variable.assign(value)

    on_predict_begin = on_test_begin
    on_predict_end = on_test_end

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Restore the weights for training."""
        self.on_test_end()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Swap in the averages if `swap_on_epoch` is set."""
        if self.swap_on_epoch:
            self.on_test_begin()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Discard the weights: after training the model has the averages."""
        self._own = None

    def close(self) -> None:
        """Restore the weights after an error or an interrupt."""
        self.on_test_end()
