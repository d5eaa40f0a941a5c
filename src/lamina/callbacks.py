"""Callbacks under the path of `keras.callbacks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.lazy import lazy_attributes
from lamina.training import callbacks as _callbacks
from lamina.training.callbacks import *  # noqa: F403

if TYPE_CHECKING:
    from lamina.report.callback import Report as Report
    from lamina.trackers.mlflow import MLflow as MLflow
    from lamina.trackers.trackio import Trackio as Trackio
    from lamina.trackers.wandb import WeightsAndBiases as WeightsAndBiases
else:
    __getattr__ = lazy_attributes(
        __name__,
        MLflow="lamina.trackers.mlflow:MLflow",
        Report="lamina.report.callback:Report",
        Trackio="lamina.trackers.trackio:Trackio",
        WeightsAndBiases="lamina.trackers.wandb:WeightsAndBiases",
    )

__all__ = ["MLflow", "Report", "Trackio", "WeightsAndBiases"]
__all__ += _callbacks.__all__


def __dir__() -> list[str]:
    return __all__
