"""`BackupAndRestore`: resume an interrupted run, with Keras's interface."""

from __future__ import annotations

import os
from typing import Any

from lamina.core.check import Check, boolean, is_int
from lamina.training.callbacks.base import Callback
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
        "backup_dir": Check(
            "a path",
            lambda v: isinstance(v, (str, os.PathLike)) and v != "",
            (None, 3, ""),
        ),
        "save_freq": Check(
            "'epoch' or a positive number of batches",
            lambda v: v == "epoch" or (is_int(v) and v > 0),
            ("batch", 0, 2.5),
        ),
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
        steps: Any = None if save_freq == "epoch" else save_freq
        epochs = 1 if save_freq == "epoch" else None
        self.checkpoints = Checkpoints(backup_dir, None, steps, epochs)
