"""Functions of `tensorflow.summary`: scalars for TensorBoard."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from os import PathLike
from typing import Any, SupportsFloat, SupportsInt

import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.ops.types import Tensor
from lamina.tracebacks import warn

_active: list[Any] = []
_step: list[int] = [0]


class FileWriter:
    """Writer of event files for TensorBoard.

    Args:
        logdir: the folder; `None` to write nothing.

    Without tensorboardX, it warns and writes nothing.
    """

    def __init__(self, logdir: str | PathLike[str] | None) -> None:
        self._writer: Any = None
        if logdir is None:
            return
        if find_spec("tensorboardX") is None:
            warn(
                "tf.summary writes nothing, because tensorboardX is not installed. "
                "Install it: `pip install 'lamina[tensorboard]'`."
            )
            return
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(logdir))

    @contextlib.contextmanager
    def as_default(self, step: int | None = None) -> Iterator[FileWriter]:
        """Return a context manager in which the functions here write to this file."""
        before = [*_active]
        self.set_as_default(step)
        try:
            yield self
        finally:
            _active[:] = before
            self.flush()

    def flush(self) -> None:
        """Write what is in memory."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    def set_as_default(self, step: int | None = None) -> None:
        """Let the functions here write to this file."""
        if step is not None:
            set_step(step)
        _active[:] = [] if self._writer is None else [self._writer]


def create_file_writer(
    logdir: str | PathLike[str], *_: object, **__: object
) -> FileWriter:
    """Return a writer of event files for TensorBoard."""
    return FileWriter(logdir)


def create_noop_writer() -> FileWriter:
    """Return a writer that writes nothing."""
    return FileWriter(None)


def flush(writer: FileWriter | None = None, name: str = "") -> None:
    """Write what is in memory."""
    for active in [writer] if writer is not None else _active:
        active.flush()


def record_if(condition: bool) -> contextlib.AbstractContextManager[Any]:
    """Return a block in which the functions here write only if a condition is true."""
    return contextlib.nullcontext() if condition else _paused()


@contextlib.contextmanager
def _paused() -> Iterator[None]:
    before = [*_active]
    _active.clear()
    try:
        yield
    finally:
        _active[:] = before


def should_record_summaries() -> bool:
    """Return whether the functions here write."""
    return bool(_active)


def trace_on(graph: bool = True, profiler: bool = False, **_: object) -> None:
    """Do nothing: there are no graphs. `jax.profiler.trace(folder)` measures time."""


def trace_off() -> None:
    """Do nothing; see `trace_on`."""


def trace_export(name: str, *_: object, **__: object) -> None:
    """Do nothing; see `trace_on`."""


def graph(graph_data: object) -> None:
    """Do nothing: there are no graphs."""


def set_step(step: SupportsInt) -> None:
    """Set the step of what is written without one."""
    _step[0] = int(step)


def _number(step: SupportsInt | None) -> int:
    return _step[0] if step is None else int(step)


def scalar(
    name: str,
    data: SupportsFloat,
    step: SupportsInt | None = None,
    description: str = "",
) -> None:
    """Write a number."""
    for writer in _active[-1:]:
        writer.add_scalar(name, float(data), _number(step))


def histogram(
    name: str, data: Tensor, step: SupportsInt | None = None, **_: object
) -> None:
    """Write the distribution of numbers."""
    for writer in _active[-1:]:
        writer.add_histogram(name, np.asarray(data), _number(step))


def image(
    name: str,
    data: Tensor,
    step: SupportsInt | None = None,
    max_outputs: int = 3,
    **_: object,
) -> None:
    """Write images: (batch, rows, columns, channels)."""
    for writer in _active[-1:]:
        pixels = np.asarray(data)[:max_outputs]
        writer.add_images(name, pixels, _number(step), dataformats="NHWC")


def audio(
    name: str,
    data: Tensor,
    sample_rate: int,
    step: SupportsInt | None = None,
    max_outputs: int = 3,
    **_: object,
) -> None:
    """Write sounds from -1 to 1: (batch, samples, channels)."""
    for writer in _active[-1:]:
        for i, sound in enumerate(np.asarray(data)[:max_outputs]):
            writer.add_audio(f"{name}/{i}", sound, _number(step), int(sample_rate))


def text(
    name: str,
    data: str | bytes | np.ndarray,
    step: SupportsInt | None = None,
    description: str = "",
) -> None:
    """Write a text."""
    for writer in _active[-1:]:
        writer.add_text(name, on_host(data).item().decode(), _number(step))
