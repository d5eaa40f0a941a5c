"""`Trackio`: training runs in Trackio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.trackers.base import Tracker


class Trackio(Tracker):
    """Callback that sends metrics to Trackio, by default to files of this machine.

    It needs `lamina[trackio]`; `trackio show` displays the runs. The record of the run
    and the best values are sent too; see `Tracker`.

    Args:
        project: name of the project.
        name: name of the run; Trackio makes one by default.
        config: further entries of the record, such as hyperparameters.
        **options: more arguments of `trackio.init`, such as `space_id`.

    Raises:
        MissingPackageError: trackio is not installed.

    Example:
        ```python
        model.fit(x, y, epochs=10, callbacks=[lamina.callbacks.Trackio("digits")])
        ```
    """

    package = "trackio"

    def __init__(
        self,
        project: str,
        name: str | None = None,
        config: Mapping[str, object] | None = None,
        **options: object,
    ) -> None:
        super().__init__(config)
        self.project, self.name, self.options = project, name, options
        self._run: Any = None
        self._last = 0

    def _open(self, config: dict[str, object]) -> str:
        # Trackio resumes a run by its name.
        self._run = self._module.init(
            project=self.project,
            name=self.run_id or self.name,
            resume="allow" if self.run_id else "never",
            config=config,
            **self.options,
        )
        return self._run.name

    def _log(self, metrics: dict[str, float], epoch: int) -> None:
        self._last = epoch
        self._run.log(metrics, step=epoch)

    def _finish(self, summary: dict[str, float], completed: bool) -> None:
        if summary:
            self._run.log(summary, step=self._last)
        self._run.finish()
