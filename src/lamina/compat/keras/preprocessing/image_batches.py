"""Batches of `ImageDataGenerator`, and their targets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.dataset import PyDataset
from lamina.errors import ArgumentError
from lamina.utils import to_categorical

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".gif", ".tif", ".tiff", ".webp")


# NumPy has one generator for all threads.
_lock = threading.Lock()


class ImageChanges:
    """Base of `ImageDataGenerator`: what changes the images of batches."""

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Return an image after the changes that are not random."""
        raise NotImplementedError

    def get_random_transform(
        self, img_shape: Sequence[int], seed: int | None = None
    ) -> dict[str, Any]:
        """Return random changes by name."""
        raise NotImplementedError

    def apply_transform(
        self, x: np.ndarray, transform_parameters: Mapping[str, Any]
    ) -> np.ndarray:
        """Return an image after changes."""
        raise NotImplementedError


class ImageBatches(PyDataset):
    """Batches of an `ImageDataGenerator`; iteration over them does not end.

    Random numbers are drawn from NumPy's global generator, in the order of Keras. With
    a seed, those of each batch start from the seed plus the number of batches before.

    Args:
        generator: the `ImageDataGenerator`, which changes images.
        load: function of an index that returns an image.
        others: targets and weights of the images.
        rows: indices of the images.
        options: size of batches, whether to shuffle, seed.
    """

    classes: np.ndarray
    class_indices: dict[str, int]
    filenames: list[str]
    filepaths: list[str]
    # Whether each batch is its own target.
    is_input_target = False
    # Function that writes an image, of an index.
    save: Callable[[np.ndarray, int], None] | None = None

    def __init__(
        self,
        generator: ImageChanges,
        load: Callable[[int], np.ndarray],
        others: Sequence[np.ndarray],
        rows: np.ndarray,
        options: tuple[int, bool, int | None],
    ) -> None:
        super().__init__()
        self.image_data_generator, self._load = generator, load
        self._others, self._rows = others, rows
        self.batch_size, self.shuffle, self.seed = options
        self.n = self.samples = len(rows)
        self._order: np.ndarray | None = None
        self._next = 0  # number of the next batch in the epoch
        self.total_batches_seen = 0

    def __len__(self) -> int:
        """Number of batches that have all images once."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """Return batch `index`."""
        return self._batch(index)

    def _batch(self, index: int, is_first: bool = False) -> Any:
        generator = self.image_data_generator
        with _lock:
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            self.total_batches_seen += 1
            if self._order is None or is_first:
                self._order = self._new_order()
            start = index * self.batch_size
            chosen = self._order[start : start + self.batch_size]
            images = [self._load(row) for row in self._rows[chosen]]
            changes = [generator.get_random_transform(x.shape) for x in images]
        pairs = zip(images, changes, strict=True)
        changed = (generator.apply_transform(*pair) for pair in pairs)
        batch = np.stack([generator.standardize(x) for x in changed]).astype("float32")
        if self.save is not None:
            for image, row in zip(batch, self._rows[chosen], strict=True):
                self.save(image, int(row))
        if self.is_input_target:
            return batch, batch
        return (batch, *(o[chosen] for o in self._others)) if self._others else batch

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next batch; after the last, the first of a new order."""
        index, self._next = self._next, (self._next + 1) % len(self)
        return self._batch(index, is_first=index == 0)

    next = __next__

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_indices)

    @property
    def labels(self) -> np.ndarray:
        """The index of the class of each image."""
        return self.classes

    @property
    def batch_index(self) -> int:
        """The number of the next batch."""
        return self._next

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of an image."""
        return self._load(int(self._rows[0])).shape

    def reset(self) -> None:
        """Start again with the first batch."""
        self._next = 0

    def on_epoch_end(self) -> None:
        """Draw a new order of the images."""
        with _lock:
            self._order = self._new_order()

    def _new_order(self) -> np.ndarray:
        return np.random.permutation(self.n) if self.shuffle else np.arange(self.n)


def is_image(path: Path) -> bool:
    """Return whether a file is an image, by its ending."""
    return path.suffix.lower() in _SUFFIXES


def class_targets(labels: np.ndarray, mode: str | None, count: int) -> list[np.ndarray]:
    """Return the targets for labels, in a list.

    Args:
        labels: the number of each image's class.
        mode: the argument `class_mode`.
        count: the number of classes.

    Raises:
        ArgumentError: the mode is unknown.
    """
    if mode is None or mode == "input":
        return []
    if mode == "categorical":
        return [np.asarray(to_categorical(labels, count))]
    if mode not in ("binary", "sparse"):
        raise ArgumentError(
            f"ImageDataGenerator: class_mode={mode!r} is not supported. Pass "
            "'categorical', 'binary', 'sparse', 'input' or None."
        )
    return [labels.astype("float32") if mode == "binary" else labels]


def column_targets(
    frame: Any,
    column: str | Sequence[str],
    mode: str | None,
    classes: Sequence[str] | None,
) -> tuple[list[np.ndarray], list[str]]:
    """Return the targets in columns of a data frame, and the names of the classes."""
    if mode in ("raw", "other"):
        return [np.asarray(frame[column])], []
    if mode == "multi_output":
        return [np.asarray(frame[name].tolist()) for name in column], []
    if mode is None or mode == "input":
        return [], []
    values = frame[column].tolist()
    lists = [v if isinstance(v, (list, tuple)) else [v] for v in values]
    names = list(classes or sorted({name for some in lists for name in some}))
    if mode != "categorical":
        labels = np.array([names.index(value) for value in values], "int32")
        return class_targets(labels, mode, len(names)), names
    targets = np.zeros((len(lists), len(names)), "float32")
    for row, some in zip(targets, lists, strict=True):
        row[[names.index(name) for name in some]] = 1
    return [targets], names
