"""`WeightsAndBiases`: training runs in Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.trackers.base import Tracker


class WeightsAndBiases(Tracker):
    """Callback that sends metrics to Weights & Biases.

    It needs `lamina[wandb]`. With `mode="offline"` the run is written to files, which
    `wandb sync` sends. If your program has called `wandb.init`, that run is used, and
    you finish it. The record of the run and the best values are sent too; see
    `Tracker`.

    Args:
        project: name of the project.
        name: name of the run; one is made by default.
        config: further entries of the record, such as hyperparameters.
        **options: more arguments of `wandb.init`, such as `entity`, `mode` or `tags`.

    Raises:
        MissingPackageError: wandb is not installed.

    Example:
        ```python
        board = lamina.callbacks.WeightsAndBiases("digits", mode="offline")
        model.fit(x, y, epochs=10, callbacks=[board])
        ```
    """

    package = "wandb"

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        config: Mapping[str, object] | None = None,
        **options: object,
    ) -> None:
        super().__init__(config)
        self.project, self.name, self.options = project, name, options
        self._run: Any = None
        self._is_mine = True
        self._defined: set[str] = set()

    def _open(self, config: dict[str, object]) -> str:
        self._run, self._defined = self._module.run, set()
        self._is_mine = self._run is None
        if not self._is_mine:
            self._run.config.update(config, allow_val_change=True)
            return self._run.id
        given: dict[str, Any] = {"project": self.project, "name": self.name}
        if self.run_id is not None:
            given |= {"id": self.run_id, "resume": "allow"}
        self._run = self._module.init(config=config, **given, **self.options)
        return self._run.id

    def _log(self, metrics: dict[str, float], epoch: int) -> None:
        # The epoch is an axis of its own: the run may have other logs between.
        for name in metrics.keys() - self._defined:
            self._run.define_metric(name, step_metric="epoch")
        self._defined |= metrics.keys()
        self._run.log({"epoch": epoch, **metrics})

    def _finish(self, summary: dict[str, float], completed: bool) -> None:
        self._run.summary.update(summary)
        if self._is_mine:
            self._run.finish(exit_code=0 if completed else 1)
