"""Batches of the images in arrays, folders and data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.compat.keras.preprocessing.image_batches import (
    ImageBatches,
    ImageChanges,
    class_targets,
    column_targets,
    is_image,
)
from lamina.typing import ArrayLike
from lamina.utils import img_to_array, load_img, save_img


class ImageFlows(ImageChanges):
    """Base of `ImageDataGenerator` with the methods that make batches."""

    data_format: str
    validation_split: float

    def flow(
        self,
        x: ArrayLike | Sequence[Any],
        y: ArrayLike | Sequence[Any] | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | Sequence[Any] | None = None,
        seed: int | None = None,
        subset: str | None = None,
        **options: object,
    ) -> ImageBatches:
        """Return batches of the images in an array."""
        x = np.asarray(x)
        rows = self._subset(len(x), subset)
        others = [np.asarray(v) for v in (y, sample_weight) if v is not None]
        batches = ImageBatches(
            self,
            lambda i: x[i].astype("float32"),
            [other[rows] for other in others],
            rows,
            (batch_size, shuffle, seed),
        )
        return _saved(batches, self.data_format, options)

    def flow_from_directory(
        self,
        directory: str,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        subset: str | None = None,
        interpolation: str = "nearest",
        **options: object,
    ) -> ImageBatches:
        """Return batches of the images in a folder for each class."""
        folder = Path(directory)
        names = classes or sorted(p.name for p in folder.iterdir() if p.is_dir())
        files: list[tuple[Path, int]] = []
        for label, name in enumerate(names):
            found = sorted(p for p in (folder / name).rglob("*") if is_image(p))
            rows = self._subset(len(found), subset)
            files += [(found[i], label) for i in rows]
        labels = np.array([label for _, label in files], "int32")
        paths = [path for path, _ in files]
        print(f"Found {len(files)} images belonging to {len(names)} classes.")
        batches = ImageBatches(
            self,
            lambda i: self._load(paths[i], color_mode, target_size, interpolation),
            class_targets(labels, class_mode, len(names)),
            np.arange(len(files)),
            (batch_size, shuffle, seed),
        )
        batches.is_input_target = class_mode == "input"
        batches.classes = labels
        batches.class_indices = {name: label for label, name in enumerate(names)}
        batches.filenames = [str(path.relative_to(folder)) for path in paths]
        batches.filepaths = [str(path) for path in paths]
        return _saved(batches, self.data_format, options)

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | None = None,
        x_col: str = "filename",
        y_col: str | Sequence[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        subset: str | None = None,
        interpolation: str = "nearest",
        **options: object,
    ) -> ImageBatches:
        """Return batches of the images that a data frame lists.

        Args:
            dataframe: a row for each image.
            directory: the folder of the files, for paths relative to it.
            x_col: the column of the paths.
            y_col: the column of the classes; for "raw" one of numbers, or several.
            weight_col: the column of the weights.
            target_size: rows and columns of the images.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: names of the classes; by default those in the column, sorted.
            class_mode: "categorical", also of lists of classes, "binary", "sparse",
                "raw" (or "other"), "multi_output", "input" or `None`.
            batch_size: number of images in a batch.
            shuffle: whether the order is random.
            seed: seed of the order and the random changes.
            subset: "training" or "validation".
            interpolation: how images are resized.
        """
        folder = Path(directory or "")
        frame, paths = _with_files(dataframe, x_col, folder)
        rows = self._subset(len(paths), subset)
        targets, names = column_targets(frame, y_col, class_mode, classes)
        weights = [] if weight_col is None else [np.asarray(frame[weight_col])]
        print(f"Found {len(rows)} validated image filenames.")
        batches = ImageBatches(
            self,
            lambda i: self._load(paths[i], color_mode, target_size, interpolation),
            [part[rows] for part in (*targets, *weights)],
            rows,
            (batch_size, shuffle, seed),
        )
        batches.is_input_target = class_mode == "input"
        batches.class_indices = {name: label for label, name in enumerate(names)}
        batches.filenames = [str(paths[i].relative_to(folder)) for i in rows]
        batches.filepaths = [str(paths[i]) for i in rows]
        if names and class_mode in ("binary", "sparse", "categorical"):
            labels = [names.index(n) for n in frame[y_col] if not isinstance(n, list)]
            batches.classes = np.array(labels)[rows] if labels else np.array([])
        return _saved(batches, self.data_format, options)

    def _load(
        self, path: Path, color: str, size: Sequence[int] | None, interpolation: str
    ) -> np.ndarray:
        image = load_img(
            path, color_mode=color, target_size=size, interpolation=interpolation
        )
        return img_to_array(image, data_format=self.data_format)

    def _subset(self, count: int, subset: str | None) -> np.ndarray:
        """Return the indices of a subset; that for validation comes first."""
        split = int(self.validation_split * count)
        bounds = {
            None: (0, count),
            "validation": (0, split),
            "training": (split, count),
        }
        return np.arange(*bounds[subset])


def _saved(batches: ImageBatches, order: str, options: Mapping[str, Any]) -> Any:
    """Return batches whose images are also written to the folder `save_to_dir`.

    Args:
        batches: the batches.
        order: the format of the images, such as "channels_last".
        options: "save_to_dir", "save_prefix" and "save_format".
    """
    folder = options.get("save_to_dir")
    if folder:
        prefix = options.get("save_prefix", "")
        ending = options.get("save_format", "png")

        def save(image: np.ndarray, row: int) -> None:
            # Images of one index differ: Keras added a random number too.
            name = f"{prefix}_{row}_{np.random.randint(10**7)}.{ending}"
            save_img(Path(folder) / name, image, data_format=order)

        batches.save = save
    return batches


def _with_files(frame: Any, column: str, folder: Path) -> tuple[Any, list[Path]]:
    """Return the rows of a data frame whose files exist, and their paths."""
    paths = [folder / str(name) for name in frame[column]]
    exists = np.array([path.is_file() for path in paths], bool)
    return frame[exists], [p for p, there in zip(paths, exists, strict=True) if there]
