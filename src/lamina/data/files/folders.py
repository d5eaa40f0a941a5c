"""Files of a folder and their labels, as lazy data sets."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina.core.check import (
    check_arguments,
    integer,
    is_int,
    one_of,
    optional,
    positive_int,
)
from lamina.data.pipeline.arrays import FORMAT
from lamina.data.pipeline.dataset import Dataset, available_cores
from lamina.errors import ArgumentError, DataError, MissingFileError, invalid
from lamina.progress.bar import ProgressBar
from lamina.progress.output import write_line

# Seconds of a scan before its progress is shown.
_SCAN_SECONDS = 1.0
_SUBSETS = one_of("training", "validation", "both")
_CHECKS = {
    "batch_size": optional(positive_int),
    "label_mode": optional(one_of("int", "categorical", "binary")),
    "subset": optional(_SUBSETS),
    "seed": optional(integer(0, 2**32 - 1)),
    "format": FORMAT,
}


class FolderArguments(NamedTuple):
    """The arguments that the functions `*_dataset_from_directory` share.

    Args:
        owner: the function's name, for messages.
        directory: the folder.
        labels: `"inferred"`, `None` or a list of class indices.
        label_mode: form of the labels, or `None`.
        class_names: names of the classes' folders, in order.
        batch_size: rows in a batch, or `None` for single rows.
        shuffle: whether to shuffle the files.
        seed: seed of the order.
        validation_split: share of the files for validation.
        subset: which part to return.
        follow_links: whether to follow symbolic links.
        verbose: whether to report the number of files.
        format: accepted for Keras's signature.
    """

    owner: str
    directory: str | os.PathLike[str]
    labels: str | Sequence[int] | None
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool
    format: str = "tf"

    def check(self) -> None:
        """Refuse values that are not valid, or not together.

        Raises:
            ArgumentError: an argument is not valid.
        """
        check_arguments(self.owner, _CHECKS, self._asdict())
        labels = self.labels
        is_list = isinstance(labels, (list, tuple))
        if not (all(map(is_int, labels)) if is_list else labels in ("inferred", None)):
            expected = "'inferred', None or a list of integers, one for each file"
            raise invalid(self.owner, "labels", self.labels, expected)
        if self.class_names and self.labels != "inferred":
            hint = "Only labels='inferred' takes names of classes."
            raise invalid(self.owner, "class_names", self.class_names, "None", hint)
        self._check_split()

    def _check_split(self) -> None:
        split, subset = self.validation_split, self.subset
        if bool(split) != bool(subset):
            raise ArgumentError(
                f"{self.owner}: `validation_split` and `subset` go together. Received: "
                f"validation_split={split!r}, subset={subset!r}. Pass both, such as "
                "validation_split=0.2, subset='training'."
            )
        if split and not 0 < split < 1:
            raise invalid(self.owner, "validation_split", split, "between 0 and 1")
        if split and self.shuffle and self.seed is None:
            expected = "an integer if files are shuffled and split"
            advice = "Without it, the two parts would overlap."
            raise invalid(self.owner, "seed", None, expected, advice)


class _Files(NamedTuple):
    """Paths, their classes, and the names of all classes."""

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None

    def part(self, chosen: np.ndarray | slice) -> _Files:
        """Return some of the files, by a slice or by indices."""
        paths = np.asarray(self.paths, dtype=object)[chosen].tolist()
        labels = None if self.labels is None else self.labels[chosen]
        return _Files(paths, labels, self.class_names)


def folder_datasets(
    arguments: Mapping[str, Any],
    endings: tuple[str, ...],
    load: Callable[[str], Any],
    pad: bool = False,
) -> Any:
    """Return the data set, or the two data sets, of the files in a folder.

    Args:
        arguments: the local variables of the public function, among them the
            arguments and `owner`, its name.
        endings: endings of the files' names, in lower case.
        load: function that reads a file.
        pad: whether the rows of a batch are padded to one shape.

    Raises:
        ArgumentError: an argument is not valid.
        MissingFileError: there is no such folder.
        DataError: there are no files, or not the expected number of classes.
    """
    names = [name for name in FolderArguments._fields if name in arguments]
    given = FolderArguments(**{name: arguments[name] for name in names})
    if given.label_mode is None:
        given = given._replace(labels=None)
    if isinstance(given.labels, np.ndarray):
        given = given._replace(labels=given.labels.tolist())
    given.check()
    mode, subset = given.label_mode, given.subset
    given = given._replace(
        label_mode=mode and mode.lower(), subset=subset and subset.lower()
    )
    files = _list_files(given, endings)
    _check_classes(files, given)
    if given.shuffle and given.seed is not None:
        order = np.arange(len(files.paths))
        np.random.RandomState(given.seed).shuffle(order)
        files = files.part(order)
    parts = _split(files, given)
    for name, part in parts.items():
        if not part.paths:
            kind = "" if name == "all" else f"{name} "
            raise DataError(
                f"{given.owner}: no {kind}files ending in {', '.join(endings)} in "
                f"{os.fspath(given.directory)!r}."
            )
    made = [
        _dataset(part, given, load, pad, given.shuffle and name != "validation")
        for name, part in parts.items()
    ]
    return made if given.subset == "both" else made[0]


def _check_classes(files: _Files, given: FolderArguments) -> None:
    """Refuse classes that the form of the labels cannot hold."""
    if files.labels is None or given.label_mode == "int":
        return
    count, is_binary = len(files.class_names or ()), given.label_mode == "binary"
    is_known = (files.labels >= 0) & (files.labels < count)
    if not is_known.all() or (is_binary and count != 2):
        expected = "two classes, 0 and 1" if is_binary else f"classes 0 to {count - 1}"
        raise DataError(
            f"{given.owner}: label_mode={given.label_mode!r} needs {expected}. "
            f"Received: class_names={files.class_names}."
        )


def _dataset(
    files: _Files,
    given: FolderArguments,
    load: Callable[[str], Any],
    pad: bool,
    shuffle: bool,
) -> Dataset:
    paths, labels = files.paths, _encoded(files, given.label_mode)

    def item(_: object, index: int) -> Any:
        value = load(paths[index])
        return value if labels is None else (value, labels[index])

    dataset = Dataset(len(paths), item, workers=available_cores())
    if shuffle:
        dataset = dataset.shuffle(seed=given.seed)
    if given.batch_size is not None:
        batch = dataset.padded_batch if pad else dataset.batch
        dataset = batch(given.batch_size)
    dataset.class_names, dataset.file_paths = files.class_names, paths
    return dataset


def _encoded(files: _Files, mode: str | None) -> np.ndarray | None:
    """Return the labels in the form of a `label_mode`."""
    if files.labels is None:
        return None
    if mode == "binary":
        return files.labels[:, None].astype("float32")
    if mode == "categorical":
        classes = np.arange(len(files.class_names or ()))
        return (files.labels[:, None] == classes).astype("float32")
    return files.labels


def _split(files: _Files, given: FolderArguments) -> dict[str, _Files]:
    """Return the requested parts by name; the only one without a split is "all"."""
    if not given.validation_split:
        return {"all": files}
    count = int(given.validation_split * len(files.paths))
    cut = len(files.paths) - count
    parts = {
        "training": files.part(slice(cut)),
        "validation": files.part(slice(cut, None)),
    }
    wanted = [name for name in parts if given.subset in (name, "both")]
    for name in wanted if given.verbose else ():
        write_line(f"Using {len(parts[name].paths)} files for {name}.")
    return {name: parts[name] for name in wanted}


def _list_files(given: FolderArguments, endings: tuple[str, ...]) -> _Files:
    """Return the files of the folder in the order of their paths."""
    root = os.fspath(given.directory)
    if not os.path.isdir(root):
        raise MissingFileError(f"{given.owner}: no such folder: {root!r}.")
    names = _class_folders(given, root) if given.labels == "inferred" else [""]
    delay = _SCAN_SECONDS if given.verbose else math.inf
    with ProgressBar("Scanning folders", unit="file", delay=delay) as bar:
        found = [
            _walk(os.path.join(root, n), given.follow_links, endings, bar)
            for n in names
        ]
    paths = [path for folder in found for path in folder]
    labels, class_names = None, None
    if given.labels == "inferred":
        class_names = list(names)
        labels = np.repeat(np.arange(len(names)), [len(folder) for folder in found])
    elif given.labels is not None:
        labels = np.asarray(given.labels)
        class_names = [str(label) for label in sorted(set(given.labels))]
        if len(labels) != len(paths):
            raise DataError(
                f"{given.owner}: `labels` has {len(labels)} entries, but {root!r} has "
                f"{len(paths)} files. Each file needs one, in the order of the paths."
            )
    if given.verbose:
        classes = (
            "" if labels is None else f" belonging to {len(class_names or ())} classes"
        )
        write_line(f"Found {len(paths)} files{classes}.")
    return _Files(
        paths, None if labels is None else labels.astype("int32"), class_names
    )


def _class_folders(given: FolderArguments, root: str) -> list[str]:
    with os.scandir(root) as entries:
        folders = sorted(e.name for e in entries if e.is_dir() and e.name[0] != ".")
    unknown = set(given.class_names or ()) - set(folders)
    if unknown:
        expected = f"names of folders of {root!r}: {folders}"
        raise invalid(given.owner, "class_names", given.class_names, expected)
    return list(given.class_names or folders)


def _walk(
    folder: str, follow_links: bool, endings: tuple[str, ...], bar: ProgressBar
) -> list[str]:
    """Return the paths below a folder, sorted by folder and then by name."""
    visited: list[tuple[str, list[str], list[str]]] = []
    for found in os.walk(folder, followlinks=follow_links):
        visited.append(found)
        bar.add(len(found[2]))
    visited.sort(key=lambda v: v[0])
    return [
        os.path.join(parent, name)
        for parent, _, names in visited
        for name in sorted(names)
        if name.lower().endswith(endings)
    ]
