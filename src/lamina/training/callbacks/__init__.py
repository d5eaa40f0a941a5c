"""Callbacks: objects whose methods `fit`, `evaluate` and `predict` call."""

from __future__ import annotations

from lamina.training.callbacks.backup_and_restore import BackupAndRestore
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.callbacks.csv_logger import CSVLogger
from lamina.training.callbacks.history import History
from lamina.training.callbacks.lambda_callback import LambdaCallback
from lamina.training.callbacks.learning_rate import (
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from lamina.training.callbacks.monitoring.early_stopping import EarlyStopping
from lamina.training.callbacks.monitoring.model_checkpoint import ModelCheckpoint
from lamina.training.callbacks.monitoring.orbax_checkpoint import OrbaxCheckpoint
from lamina.training.callbacks.progress.logger import ProgbarLogger
from lamina.training.callbacks.remote_monitor import RemoteMonitor
from lamina.training.callbacks.swap_ema_weights import SwapEMAWeights
from lamina.training.callbacks.tensorboard.callback import TensorBoard
from lamina.training.callbacks.terminate_on_nan import TerminateOnNaN
from lamina.training.checkpoint.checkpoints import Checkpoints
from lamina.training.checkpoint.folder import CheckpointWarning

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "CheckpointWarning",
    "Checkpoints",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OrbaxCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
