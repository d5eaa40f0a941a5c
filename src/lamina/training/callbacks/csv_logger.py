"""`CSVLogger`: write the logs of each epoch to a CSV file."""

from __future__ import annotations

import csv
import errno
import io
import os
import warnings
from typing import Any

import numpy as np

from lamina.core.check import Check
from lamina.core.process import is_first_process
from lamina.errors import SaveError
from lamina.training.callbacks.base import Callback, path_like
from lamina.typing import Logs


class CSVLogger(Callback):
    """Callback that writes the logs of each epoch to a CSV file.

    Args:
        filename: path of the file.
        separator: character between values.
        append: whether to append to an existing file.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "log.csv")
        >>> logger = CSVLogger(path)
        >>> logger.on_train_begin()
        >>> logger.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
        >>> logger.on_train_end()
        >>> print(path.read_text())
        epoch,loss,val_loss
        0,0.5,0.75
        <BLANKLINE>
    """

    epochs_may_wait = True
    # A resumed run truncates the file to the size at its checkpoint.
    state_names = ("keys", "_size", "_waiting")
    arguments = {
        "filename": path_like,
        "separator": Check(
            "one character", lambda v: isinstance(v, str) and len(v) == 1, ("", 1, ", ")
        ),
    }

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
    ) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep, self.append = separator, append
        self.keys: list[str] | None = None
        self._path = ""
        self._size = 0
        self._waiting = b""
        self._warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Create the file; the first write empties it unless `append` is set.

        Raises:
            SaveError: the file cannot be opened for writing.
        """
        self.keys, self._waiting, self._warned = None, b"", False
        self._path = os.path.abspath(self.filename)
        if not is_first_process():
            return
        try:
            with open(self._path, "ab") as file:
                self._size = file.tell() if self.append else 0
        except OSError as error:
            raise SaveError(
                f"CSVLogger cannot write {self.filename!r}: {error.strerror}. Pass "
                "a `filename` in a folder that exists and can be written to."
            ) from None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a line, and the header before the first one."""
        logs = logs or {}
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, delimiter=self.sep)
        if self.keys is None:
            self.keys = _names(logs)
            if self._size == 0:
                writer.writerow(["epoch", *self.keys])
        values = [_text(logs.get(key, "NA")) for key in self.keys]
        writer.writerow([epoch, *values])
        self._waiting += lines.getvalue().encode()
        self._write()

    def _write(self) -> None:
        """Write the pending lines; after an error they stay pending."""
        if not is_first_process():
            return
        try:
            with open(self._path, "ab", buffering=0) as file:
                # Remove a partial line, or lines that a killed run wrote.
                if file.tell() > self._size:
                    file.truncate(self._size)
                written = file.write(self._waiting)
            if written < len(self._waiting):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._warned:
                warnings.warn(
                    f"CSVLogger cannot write {self.filename!r}: {error.strerror}. "
                    "Training continues, and writing is tried again after each epoch.",
                    stacklevel=2,
                )
            self._warned = True
            return
        self._size += written
        self._waiting = b""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Write lines that are still pending."""
        self._write()


def _names(logs: Logs) -> list[str]:
    names = sorted(logs)
    # Later epochs may have validation metrics even if the first has none.
    if not any(name.startswith("val_") for name in names):
        names += [f"val_{name}" for name in names]
    return names


def _text(value: Any) -> object:
    return value if np.ndim(value) == 0 else f"[{', '.join(map(str, value))}]"
