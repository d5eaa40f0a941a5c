"""`MLflow`: training runs in MLflow."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lamina.trackers.base import Tracker

_MOST_PARAMS = 100  # in one request to a server


class MLflow(Tracker):
    """Callback that sends metrics to MLflow.

    It needs `lamina[mlflow]`; `mlflow ui` displays the runs. Within `with
    mlflow.start_run():` that run is used. The record of the run and the best values are
    sent too, as parameters and metrics; see `Tracker`.

    Args:
        experiment: name of the experiment, which is created if needed; that of
            `mlflow.set_experiment` by default.
        name: name of the run; MLflow makes one by default.
        config: further entries of the record, such as hyperparameters.
        tracking_uri: address of a server or database, such as `"sqlite:///mlflow.db"`;
            that of `mlflow.set_tracking_uri` by default.

    Raises:
        MissingPackageError: mlflow is not installed.

    Example:
        ```python
        model.fit(x, y, epochs=10, callbacks=[lamina.callbacks.MLflow("digits")])
        ```
    """

    package = "mlflow"

    def __init__(
        self,
        experiment: str | None = None,
        name: str | None = None,
        config: Mapping[str, object] | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        super().__init__(config)
        self.experiment, self.name, self.tracking_uri = experiment, name, tracking_uri
        self._is_mine = True

    def _open(self, config: dict[str, object]) -> str:
        mlflow = self._module
        active = mlflow.active_run()
        self._is_mine = active is None
        if active is None:
            if self.tracking_uri is not None:
                mlflow.set_tracking_uri(self.tracking_uri)
            if self.experiment is not None:
                mlflow.set_experiment(self.experiment)
            active = mlflow.start_run(run_id=self.run_id, run_name=self.name)
        run_id = active.info.run_id
        if run_id != self.run_id:  # the parameters of a resumed run cannot change
            params = [(_key(name), value) for name, value in config.items()]
            for i in range(0, len(params), _MOST_PARAMS):
                mlflow.log_params(dict(params[i : i + _MOST_PARAMS]))
        return run_id

    def _log(self, metrics: dict[str, float], epoch: int | None) -> None:
        values = {_key(name): value for name, value in metrics.items()}
        self._module.log_metrics(values, step=epoch, run_id=self.run_id)

    def _finish(self, summary: dict[str, float], completed: bool) -> None:
        self._log(summary, None)
        if self._is_mine:
            self._module.end_run("FINISHED" if completed else "FAILED")


def _key(name: str) -> str:
    """Replace the characters that MLflow does not accept in names."""
    return re.sub(r"[^\w\-. /]", "_", name)
