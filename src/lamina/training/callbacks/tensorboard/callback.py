"""`TensorBoard`: logs, learning rate and weights for TensorBoard to draw."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lamina.core.check import Check, at_least, boolean, is_int
from lamina.errors import missing_package
from lamina.training.callbacks.base import NEVER, Callback, frequency, period_of
from lamina.training.callbacks.learning_rate import rates_of
from lamina.training.callbacks.tensorboard.embeddings import EmbeddingTables, FilePath
from lamina.training.callbacks.tensorboard.event_file import summary_writer
from lamina.training.callbacks.tensorboard.graph import serialized_graph
from lamina.training.callbacks.tensorboard.profile import Profile
from lamina.typing import Logs


def _range(batches: Any) -> tuple[int, ...]:
    """Return the first and last batch to profile; 0 and 0 for none."""
    return (batches, batches) if is_int(batches) else tuple(batches)


def _is_range(batches: object) -> bool:
    if not is_int(batches) and not isinstance(batches, (tuple, list)):
        return False
    pair = _range(batches)
    return len(pair) == 2 and all(map(is_int, pair)) and 0 <= pair[0] <= pair[1]


class TensorBoard(Callback):
    """Callback that writes event files for TensorBoard.

    It needs `lamina[tensorboard]`; `tensorboard --logdir=logs` shows the files.

    Args:
        log_dir: path of the folder; it gets subfolders `train` and `validation`.
        histogram_freq: number of epochs between histograms of all weights; 0 for none.
        write_graph: whether to write the model's graph, and its summary as text.
        write_images: whether to write weights as images too, from black for the
            smallest to white for the largest; needs `lamina[images]`.
        write_steps_per_second: whether to write the number of steps per second.
        update_freq: `"epoch"`, or the number of batches after which metrics are also
            written; `"batch"` is 1.
        profile_batch: batch to profile, or the first and the last one, counted from 1;
            0 for none.
        embeddings_freq: number of epochs between copies of the tables of all Embedding
            layers for the projector; 0 for none.
        embeddings_metadata: path of a text file with one name per line for each index;
            or a dictionary from names of Embedding layers to such paths.

    Raises:
        ArgumentError: `embeddings_metadata` names a layer that is not an Embedding, or
            the number of lines in a file differs from the number of rows in the table.
        MissingPackageError: tensorboardX is not installed.

    Example:
        >>> board = TensorBoard("logs", update_freq=100)
        >>> board.needs
        'batches'
    """

    arguments = {
        "histogram_freq": at_least(0),
        "write_images": boolean,
        "write_steps_per_second": boolean,
        "embeddings_freq": at_least(0),
        "update_freq": frequency("epoch", "batch"),
        "profile_batch": Check(
            "the index of a batch, or a pair of the first and the last one",
            _is_range,
            (-1, (2, 1), (1, 2, 3), "10"),
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
        embeddings_metadata: FilePath | Mapping[str, FilePath] | None = None,
    ) -> None:
        super().__init__()
        if importlib.util.find_spec("tensorboardX") is None:
            raise missing_package("tensorboardX", "TensorBoard", "tensorboard")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._period = period_of(update_freq)
        self.profile_batch = _range(profile_batch)
        self._writers: dict[str, Any] = {}
        self._batches = 0
        self._profile = Profile(Path(log_dir, "train"), *self.profile_batch)
        self._epoch_start = 0, 0.0

    @property
    def needs(self) -> str:  # type: ignore[override]
        """Need of the batch methods: none without metrics or a profile of batches."""
        by_epochs = self._period == NEVER and self.profile_batch[1] == 0
        return "epochs" if by_epochs else "batches"

    def _writer(self, name: str, required: bool = False) -> Any:
        if name not in self._writers:
            folder = str(Path(self.log_dir, name))
            self._writers[name] = summary_writer(folder, required)
        return self._writers[name]

    def _scalars(self, writer: str, title: str, logs: Logs | None, step: int) -> None:
        for name, value in (logs or {}).items():
            if np.ndim(value) == 0:
                self._writer(writer).add_scalar(title.format(name), float(value), step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Write the model's graph and summary.

        Raises:
            SaveError: the folder cannot be written to.
        """
        self.close()
        if self.embeddings_freq:
            self._tables = EmbeddingTables(self.embeddings_metadata)
            self._tables.read_names(self.model)
        self._batches = 0
        writer = self._writer("train", required=True)
        self._profile.update(self._batches)
        if self.write_graph:
            self.model.summary(
                print_fn=lambda text: writer.add_text("model", f"<pre>{text}</pre>", 0)
            )
            graph = serialized_graph(self.model)
            if graph is not None:
                writer.file_writer.add_graph(graph)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Store the time at which the epoch begins."""
        self._epoch_start = self._updates(), time.perf_counter()

    def _updates(self) -> int:
        return int(getattr(self.model.optimizer, "iterations", 0))

    def batches_to_pause(self) -> int:
        """Return the number of batches until a profile starts or ends."""
        return self._profile.batches_left(self._batches) or super().batches_to_pause()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the metrics so far, every `update_freq` batches."""
        self._batches += 1
        self._profile.update(self._batches)
        if self._batches % self._period == 0:
            self._scalars("train", "batch_{}", logs, self._batches)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write the metrics of an evaluation by number of updates."""
        title = "evaluation_{}_vs_iterations"
        self._scalars("validation", title, logs, self._updates())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's metrics, the learning rate, and weights if they are due."""
        train: Logs = {}
        validation: Logs = {}
        for name, value in (logs or {}).items():
            group = validation if name.startswith("val_") else train
            group[name.removeprefix("val_")] = value
        train.update(rates_of(self.model))
        if self.write_steps_per_second:
            before, since = self._epoch_start
            seconds = time.perf_counter() - since
            train["steps_per_second"] = (self._updates() - before) / seconds
        self._scalars("train", "epoch_{}", train, epoch)
        self._scalars("validation", "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._tables.write(self.model, self._writer("train"), epoch)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in self.model.weights:
            array = weight.numpy()
            writer.add_histogram(f"{weight.path}/histogram", array, epoch)
            image = _as_image(array) if self.write_images else None
            if image is not None:
                writer.add_image(f"{weight.path}/image", image, epoch, dataformats="HW")

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._profile.stop()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _as_image(weight: np.ndarray) -> np.ndarray | None:
    """Convert a weight to an image with values from 0 to 1.

    Kernels of a convolution are arranged filter by filter.
    """
    if not 1 <= weight.ndim <= 4:
        return None
    if weight.ndim <= 2:
        image = np.atleast_2d(weight)
    else:
        height, width, channels, filters = (1, *weight.shape)[-4:]
        kernels = weight.reshape(height, width, channels, filters)
        image = kernels.transpose(2, 0, 3, 1).reshape(channels * height, -1)
    low, high = image.min(), image.max()
    return (image - low) / (high - low if high > low else 1)
