"""`SwapEMAWeights`: averaged weights for evaluation."""

from __future__ import annotations

from typing import Any

from lamina.core.check import boolean
from lamina.errors import StateError
from lamina.training.callbacks.base import Callback

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Gives the model the optimizer's average weights while it is evaluated or used.

    The optimizer keeps them if it is made with `use_ema=True`. Training goes on with
    its own weights.

    Args:
        swap_on_epoch: whether the averages also stay in the model from the end of an
            epoch to the next one, for callbacks that come after, such as
            `ModelCheckpoint`.

    Raises:
        StateError: the optimizer keeps no averages.

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

    def _put_averages(self) -> None:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "inner_optimizer", optimizer).use_ema:
            raise StateError(
                "SwapEMAWeights needs an optimizer that averages the weights: make it "
                "with `use_ema=True`."
            )
        if self._own is None and optimizer.built:
            variables = self.model.trainable_variables
            self._own = [variable.raw for variable in variables]
            optimizer.finalize_variable_values(variables)

    def _put_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            variables = self.model.trainable_variables
            for variable, value in zip(variables, own, strict=True):
                variable.assign(value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Train with the weights themselves."""
        self._put_own()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Leave the averages in the model, if that was asked for."""
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Training has ended, with the averages in the model."""
        self._own = None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluate with the averages."""
        self._put_averages()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Go back to the weights themselves."""
        self._put_own()

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Predict with the averages."""
        self._put_averages()

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Go back to the weights themselves."""
        self._put_own()

    def close(self) -> None:
        """Go back to the weights themselves after an error or an interrupt."""
        self._put_own()
