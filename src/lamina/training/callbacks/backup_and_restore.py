"""`BackupAndRestore`: resume an interrupted run, with Keras's interface."""

from __future__ import annotations

import os

from lamina.core.check import boolean
from lamina.training.callbacks.base import Callback, frequency, path_like
from lamina.training.checkpoint.checkpoints import Checkpoints


class BackupAndRestore(Callback):
    """Callback that saves a run in a folder, from which `fit` resumes.

    The same as `fit(resume=...)`, except that the checkpoints are deleted at the end of
    training.

    Args:
        backup_dir: path of the folder.
        save_freq: `"epoch"`, or the number of batches between checkpoints.
        double_checkpoint: has no effect: the last two checkpoints are always kept.
        delete_checkpoint: whether to delete the checkpoints at the end of training.

    Example:
        >>> BackupAndRestore("backup", save_freq=100).checkpoints
        Checkpoints('backup', steps=100, keep=2)
    """

    epochs_may_wait = True
    arguments = {
        "backup_dir": path_like,
        "save_freq": frequency("epoch"),
        "delete_checkpoint": boolean,
    }

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        epochs = 1 if save_freq == "epoch" else None
        steps = None if isinstance(save_freq, str) else save_freq
        self.checkpoints = Checkpoints(backup_dir, None, steps, epochs)
