"""`TensorBoard`: logs, learning rate and weights for TensorBoard to draw."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import jax

from lamina.core.check import Check, at_least, boolean, is_int
from lamina.errors import ArgumentError
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.learning_rate import rate_of

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes what `tensorboard --logdir=logs` shows; needs `lamina[tensorboard]`.

    Args:
        log_dir: where to; `train` and `validation` are made inside.
        histogram_freq: epochs from one histogram of all weights to the next; 0 for
            none.
        write_graph: whether to write the model's summary, as a text.
        write_images: must be false.
        write_steps_per_second: whether to write the speed.
        update_freq: `"epoch"`, or a number of batches after which to write metrics as
            well; `"batch"` is 1.
        profile_batch: a batch, or the first and last of several, counted from 1, to
            record a profile of; 0 for none.
        embeddings_freq: must be 0.
        embeddings_metadata: must be `None`.

    Raises:
        ArgumentError: one of the last two or `write_images` is asked for.
        ModuleNotFoundError: tensorboardX is not installed.

    Example:
        >>> board = TensorBoard("logs", update_freq=100)
        >>> board.needs
        'batches'
    """

    arguments = {
        "histogram_freq": at_least(0),
        "write_steps_per_second": boolean,
        "update_freq": Check(
            "'epoch', 'batch' or a positive number of batches",
            lambda v: v in ("epoch", "batch") or (is_int(v) and v > 0),
            ("epochs", 0, 2.5),
        ),
    }

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        _refuse("write_images", write_images)
        _refuse("embeddings_freq", embeddings_freq)
        _refuse("embeddings_metadata", embeddings_metadata)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.profile_batch = _range(profile_batch)
        by_epochs = update_freq == "epoch" and self.profile_batch is None
        self.needs = "epochs" if by_epochs else "batches"
        self._writers: dict[str, Any] = {}
        self._batches = 0
        self._profiling = False
        self._epoch_start = 0, 0.0

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            # An extra: the types are checked without it too.
            from tensorboardX import SummaryWriter  # type: ignore[import-not-found]

            self._writers[name] = SummaryWriter(str(Path(self.log_dir, name)))
        return self._writers[name]

    def _scalars(self, writer: str, values: dict[str, Any], step: int) -> None:
        for name, value in values.items():
            if jax.numpy.ndim(value) == 0:
                self._writer(writer).add_scalar(name, float(value), step)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Write the model's summary."""
        self._batches = 0
        self._profile()
        if self.write_graph:
            self.model.summary(
                print_fn=lambda text: self._writer("train").add_text(
                    "model", f"<pre>{text}</pre>", 0
                )
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the time."""
        self._epoch_start = self._updates(), time.perf_counter()

    def _updates(self) -> int:
        return int(getattr(self.model.optimizer, "iterations", 0))

    def batches_to_pause(self) -> int:
        """How many batches are left until a profile begins or ends."""
        if self.profile_batch is None:
            return super().batches_to_pause()
        first, last = self.profile_batch
        ahead = [n - self._batches for n in (first - 1, last) if n > self._batches]
        return ahead[0] if ahead else super().batches_to_pause()

    def _profile(self) -> None:
        """Start or stop a profile, if it is time."""
        if self.profile_batch is None:
            return
        first, last = self.profile_batch
        if self._batches == first - 1:
            jax.profiler.start_trace(str(Path(self.log_dir, "train")))
            self._profiling = True
        elif self._batches == last and self._profiling:
            self._stop_profile()

    def _stop_profile(self) -> None:
        jax.profiler.stop_trace()
        self._profiling = False

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Write the metrics so far, if it is time."""
        self._batches += 1
        self._profile()
        if isinstance(self.update_freq, int) and self._batches % self.update_freq == 0:
            values = {f"batch_{name}": value for name, value in (logs or {}).items()}
            self._scalars("train", values, self._batches)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the metrics of an evaluation against the number of updates."""
        values = {f"evaluation_{k}_vs_iterations": v for k, v in (logs or {}).items()}
        self._scalars("validation", values, self._updates())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's metrics, the learning rate, and weights if it is time."""
        train: dict[str, Any] = {}
        validation: dict[str, Any] = {}
        for name, value in (logs or {}).items():
            group = validation if name.startswith("val_") else train
            group[f"epoch_{name.removeprefix('val_')}"] = value
        train["epoch_learning_rate"] = rate_of(self.model)
        if self.write_steps_per_second:
            before, since = self._epoch_start
            seconds = time.perf_counter() - since
            train["epoch_steps_per_second"] = (self._updates() - before) / seconds
        self._scalars("train", train, epoch)
        self._scalars("validation", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for weight in self.model.weights:
                name = f"{weight.path}/histogram"
                self._writer("train").add_histogram(name, weight.numpy(), epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        self.close()

    def close(self) -> None:
        """Close the files."""
        if self._profiling:
            self._stop_profile()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _refuse(argument: str, value: Any) -> None:
    if value:
        raise ArgumentError(
            f"TensorBoard: `{argument}` is not supported; leave it out. Received: "
            f"{argument}={value!r}."
        )


def _range(profile_batch: Any) -> tuple[int, int] | None:
    """The first and last batch to profile."""
    pair = (profile_batch,) * 2 if is_int(profile_batch) else tuple(profile_batch)
    if (
        len(pair) != 2
        or not all(is_int(n) for n in pair)
        or not 0 <= pair[0] <= pair[1]
    ):
        raise ArgumentError(
            "TensorBoard: `profile_batch` must be a batch's number or those of a first "
            f"and a last one. Received: profile_batch={profile_batch!r}."
        )
    return (pair[0], pair[1]) if pair[1] > 0 else None
