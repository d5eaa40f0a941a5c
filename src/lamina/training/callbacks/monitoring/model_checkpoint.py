"""`ModelCheckpoint`: save the model during training."""

from __future__ import annotations

import os
from concurrent.futures import Future
from pathlib import Path
from string import Formatter

from lamina.core.process import is_first_process
from lamina.errors import ArgumentError, SaveError, did_you_mean
from lamina.io.files import HDF5_SUFFIXES, is_legacy_hdf5, warn_legacy_format
from lamina.runtime.interrupts import run_in_thread
from lamina.training.callbacks.base import path_like
from lamina.training.callbacks.monitoring.saving import SavingCallback
from lamina.typing import Logs


class ModelCheckpoint(SavingCallback):
    """Callback that saves the model, or its weights, after epochs or batches.

    The state is copied on the device and written by a thread, so that training
    continues; when `fit` returns, the file is complete. A write error is raised when
    the next file is due, or at the end.

    Args:
        filepath: path of the file; `{epoch}`, `{batch}` and names of metrics in braces
            are replaced, as in `"{epoch:02d}-{val_loss:.2f}.keras"`.
        monitor: the metric's name in the logs, for `save_best_only`.
        verbose: 1 to print a line at each save.
        save_best_only: whether to save only when the metric improves on the best value.
        save_weights_only: whether to write weights, to a `.weights.h5` or a
            `.safetensors` file, instead of the whole model, to a `.keras` file. Both
            can be written to an `.h5` file in the layout of Keras 2.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the metric.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: initial best value of the metric.

    Raises:
        ArgumentError: the file has an unsupported ending, or a name in braces is
            unknown.

    Example:
        >>> best = ModelCheckpoint("best.keras", save_best_only=True)
        >>> best.monitor, best.needs
        ('val_loss', 'epochs')
    """

    arguments = {**SavingCallback.arguments, "filepath": path_like}
    former = {
        "period": "Use save_freq='epoch', or a number of batches as `save_freq`.",
    }

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(
            *(monitor, verbose, save_best_only, mode, save_freq),
            initial_value_threshold,
        )
        self.filepath = os.fspath(filepath)
        self.save_weights_only = save_weights_only
        self._writer: Future[None] | None = None
        _check_ending(self.filepath, save_weights_only)
        self.names_in_path = _names_in(self.filepath)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Check that the file can be written, and reset the best value.

        Raises:
            SaveError: the path is that of a folder, or goes through a file.
        """
        super().on_train_begin(logs)
        path = Path(self.filepath)
        wrong = [p for p in path.parents if p.is_file()]
        if wrong or path.is_dir():
            is_what = f"{str(wrong[0])!r} is a file" if wrong else "it is a folder"
            raise SaveError(
                f"ModelCheckpoint cannot write {self.filepath!r}: {is_what}. Give "
                "`filepath` another name."
            )

    def write(self, logs: Logs) -> str:
        """Start to write the file and return its path."""
        path = self._path(logs)
        self.close()
        # Several processes collect the arrays; one writes them.
        write = self.model.prepare_save(path, self.save_weights_only)
        if is_first_process():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = run_in_thread(write)
        return path

    def close(self) -> None:
        """Wait until the current file is written."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.result()

    def _path(self, logs: Logs) -> str:
        values = {**logs, "epoch": self._epoch + 1}
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            name = error.args[0]
            raise ArgumentError(
                f"ModelCheckpoint: `filepath` has the unknown name {{{name}}}."
                f"{did_you_mean(name, values)} Available: {', '.join(values)}. "
                f"Received: filepath={self.filepath!r}."
            ) from None


def _names_in(path: str) -> list[str]:
    """Return the names in braces of a path.

    Raises:
        ArgumentError: the braces are not a format.
    """
    try:
        names = [name for _, name, _, _ in Formatter().parse(path) if name is not None]
        path.format(**dict.fromkeys(names, 1))
    except (ValueError, LookupError) as error:
        raise ArgumentError(
            "ModelCheckpoint: `filepath` has braces that cannot be filled in: "
            f"{error}. Received: filepath={path!r}. Write names, as in "
            "'{epoch:02d}.keras'."
        ) from None
    return names


def _check_ending(path: str, weights_only: bool) -> None:
    if weights_only:
        is_known = path.endswith((".weights.h5", ".safetensors", *HDF5_SUFFIXES))
        expected = "`.weights.h5`, `.safetensors` or `.h5`"
    else:
        is_known = path.endswith(".keras") or is_legacy_hdf5(path)
        expected = (
            "`.keras` or `.h5`; for weights alone, pass `save_weights_only=True` and "
            "end it in `.weights.h5`"
        )
    if not is_known:
        raise ArgumentError(
            f"ModelCheckpoint: `filepath` must end in {expected}. Received: "
            f"filepath={path!r}."
        )
    warn_legacy_format(path, ".weights.h5" if weights_only else ".keras")
