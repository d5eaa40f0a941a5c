"""Event files for TensorBoard that do not stop training when a disk is full."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from typing import Any

from lamina.core.process import is_first_process
from lamina.errors import SaveError


class _EventFile:
    """File writer for a `SummaryWriter` of tensorboardX.

    That of tensorboardX writes in a thread that ends at the first error. Further events
    then fill a queue, and training blocks.
    """

    def __init__(self, folder: str, required: bool) -> None:
        # Optional dependency.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.record_writer import directory_check

        self._folder = folder
        self._file: Any = None
        if not is_first_process():
            return
        try:
            directory_check(folder)
            self._file = EventsWriter(f"{folder}/events")
        except OSError as error:
            if required:
                raise SaveError(
                    f"TensorBoard cannot write to {folder!r}: {_reason(error)}. Pass "
                    "a folder as `log_dir` that can be written to."
                ) from None
            self.give_up(error)

    def get_logdir(self) -> str:
        """Return the folder."""
        return self._folder

    def add_summary(
        self,
        summary: object,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Write an event with a summary."""
        event = _event(summary=summary, wall_time=walltime or time.time())
        event.step = int(global_step or 0)
        self._attempt("write_event", event)

    def add_graph(self, graph: bytes) -> None:
        """Write an event with a serialized graph."""
        event = _event(graph_def=graph, wall_time=time.time())
        self._attempt("write_event", event)

    def flush(self) -> None:
        """Flush the file."""
        self._attempt("flush")

    def close(self) -> None:
        """Flush and close the file."""
        self._attempt("close")
        self._file = None

    def _attempt(self, method: str, *args: object) -> None:
        if self._file is None:
            return
        try:
            getattr(self._file, method)(*args)
        except OSError as error:
            self.give_up(error)

    def give_up(self, error: OSError) -> None:
        """Warn, and stop writing."""
        warnings.warn(
            f"TensorBoard cannot write to {self._folder!r}: {_reason(error)}. "
            "Training continues without these logs.",
            stacklevel=2,
        )
        file, self._file = self._file, None
        if file is not None:
            # The writer's own `close` leaves the file open if it cannot flush it. The
            # file's attribute is private: another release may not have it.
            with suppress(OSError, AttributeError):
                file._py_recordio_writer._writer.close()


def _event(**fields: object) -> Any:
    from tensorboardX.proto import event_pb2

    messages: Any = event_pb2  # its classes are made at run time
    return messages.Event(**fields)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def summary_writer(folder: str, required: bool) -> Any:
    """Return a `SummaryWriter` of tensorboardX that writes with an `_EventFile`.

    Args:
        folder: path of the folder.
        required: whether a folder that cannot be written to is an error, not a warning.

    Raises:
        SaveError: the folder cannot be written to.
    """
    from tensorboardX import SummaryWriter

    file = _EventFile(folder, required)
    files = {"_get_file_writer": lambda _: file}
    kind: Any = type("SummaryWriter", (SummaryWriter,), files)
    writer = kind(folder, write_to_disk=False)
    writer.file_writer, writer.all_writers = file, {folder: file}
    return writer
