"""Data sets of the image, text and audio files in a folder."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

from lamina.core.check import (
    boolean,
    check_arguments,
    one_of,
    optional,
    positive_int,
    require_dense,
    sizes,
)
from lamina.data.files.audio import load_audio
from lamina.data.files.folders import folder_datasets
from lamina.data.files.images import (
    COLOR_MODE,
    ImageForm,
    load_pixels,
    pillow,
)
from lamina.data.files.resize import METHODS
from lamina.errors import invalid
from lamina.io.files import read_file
from lamina.ops.nn.conv_params import is_channels_last
from lamina.tracebacks import filter_traceback


@filter_traceback
def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return batches of the images in a folder that has a folder for each class.

    Files that end in .bmp, .gif, .jpeg, .jpg or .png are read by threads when they are
    needed. Pixels are float32 from 0 to 255.

    Args:
        directory: the folder.
        labels: `"inferred"` from the names of the folders in `directory`; a list of
            class indices, one for each file in the order of the sorted paths; or
            `None` for no labels.
        label_mode: `"int"` for class indices, int32 (batch,); `"categorical"` for
            one-hot rows, float32 (batch, classes); `"binary"` for two classes, float32
            (batch, 1); or `None` for no labels.
        class_names: names of the folders in the order of the classes; by default all,
            sorted.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`, for 1, 3 or 4 channels.
        batch_size: images in a batch; `None` for single images.
        image_size: (height, width) to which images are resized, in pixels.
        shuffle: whether to shuffle the files, anew in each epoch.
        seed: seed of the order. Required if the files are split.
        validation_split: fraction of the files for validation, between 0 and 1.
        subset: part to return: `"training"`, `"validation"` or `"both"`.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`,
            `"lanczos5"`, `"gaussian"` or `"mitchellcubic"`, without antialiasing.
        follow_links: whether to follow symbolic links to folders.
        crop_to_aspect_ratio: whether to crop the center to the aspect ratio of
            `image_size` before resizing. By default, images are distorted.
        pad_to_aspect_ratio: whether to pad with zeros to this aspect ratio instead.
        data_format: `"channels_first"` or `"channels_last"`; by default
            `config.image_data_format()`.
        format: `"tf"` or `"grain"`, with the same effect.
        verbose: whether to print the number of files and classes.

    Shape:
        (batch, height, width, channels), and labels as `label_mode` says.

    Returns:
        A lazy data set, or a list of two with `subset="both"`. It has the attributes
        `class_names` and `file_paths`.

    Raises:
        ArgumentError: an argument is not valid, or there is no such folder.
        DataError: the folder has no such files. While iterating: a file is damaged.
        MissingPackageError: Pillow is not installed.

    Example:
        ```python
        train = image_dataset_from_directory(
            "photos", image_size=(160, 160), validation_split=0.2, subset="training",
            seed=1,
        )
        model.fit(train.map(lambda x, y: (x / 255, y)), epochs=3)
        ```
    """
    owner = "image_dataset_from_directory"
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    checks = {
        "color_mode": COLOR_MODE,
        "image_size": sizes(2),
        "interpolation": one_of(*METHODS),
        "crop_to_aspect_ratio": boolean,
        "pad_to_aspect_ratio": boolean,
    }
    check_arguments(owner, checks, {**locals(), "image_size": size})
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        hint = "Set only one of crop_to_aspect_ratio and pad_to_aspect_ratio."
        raise invalid(owner, "pad_to_aspect_ratio", True, "False here", hint)
    first = not is_channels_last(owner, data_format)
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None
    height, width = size
    mode, method = color_mode.lower(), interpolation.lower()
    form = ImageForm(mode, height, width, method, fit, first)
    pillow()
    endings = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
    load = functools.partial(load_pixels, form=form)
    return folder_datasets(locals(), endings, load)


@filter_traceback
def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return batches of the .txt files in a folder that has a folder for each class.

    Args:
        directory: the folder.
        labels: `"inferred"` from the names of the folders in `directory`; a list of
            class indices, one for each file in the order of the sorted paths; or
            `None` for no labels.
        label_mode: `"int"` for class indices, int32 (batch,); `"categorical"` for
            one-hot rows, float32 (batch, classes); `"binary"` for two classes, float32
            (batch, 1); or `None` for no labels.
        class_names: names of the folders in the order of the classes; by default all,
            sorted.
        batch_size: texts in a batch; `None` for single texts.
        max_length: number of characters after which a text is truncated.
        shuffle: whether to shuffle the files, anew in each epoch.
        seed: seed of the order. Required if the files are split.
        validation_split: fraction of the files for validation, between 0 and 1.
        subset: part to return: `"training"`, `"validation"` or `"both"`.
        follow_links: whether to follow symbolic links to folders.
        format: `"tf"` or `"grain"`, with the same effect.
        verbose: whether to print the number of files and classes.

    Shape:
        (batch,), an array of strings, and labels as `label_mode` says. Texts are read
        as UTF-8.

    Returns:
        A lazy data set, or a list of two with `subset="both"`. It has the attributes
        `class_names` and `file_paths`.

    Raises:
        ArgumentError: an argument is not valid, or there is no such folder.
        DataError: the folder has no such files. While iterating: a file is damaged.

    Example:
        ```python
        train = text_dataset_from_directory("reviews", batch_size=64, seed=1)
        train.class_names  # the names of the folders in "reviews"
        ```
    """
    owner = "text_dataset_from_directory"
    check_arguments(owner, {"max_length": optional(positive_int)}, locals())

    def load(path: str) -> str:
        return read_file(path).decode("utf-8", errors="replace")[:max_length]

    return folder_datasets(locals(), (".txt",), load)


@filter_traceback
def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Return batches of the .wav files in a folder that has a folder for each class.

    Files hold PCM samples of 8, 16, 24 or 32 bits. Samples are float32 from -1 to 1.

    Args:
        directory: the folder.
        labels: `"inferred"` from the names of the folders in `directory`; a list of
            class indices, one for each file in the order of the sorted paths; or
            `None` for no labels.
        label_mode: `"int"` for class indices, int32 (batch,); `"categorical"` for
            one-hot rows, float32 (batch, classes); `"binary"` for two classes, float32
            (batch, 1); or `None` for no labels.
        class_names: names of the folders in the order of the classes; by default all,
            sorted.
        batch_size: sounds in a batch; `None` for single sounds.
        sampling_rate: samples per second to which sounds are resampled; by default
            that of each file.
        output_sequence_length: number of samples to which sounds are truncated or
            padded with zeros; by default that of the longest sound of a batch.
        ragged: must be False: batches are dense.
        shuffle: whether to shuffle the files, anew in each epoch.
        seed: seed of the order. Required if the files are split.
        validation_split: fraction of the files for validation, between 0 and 1.
        subset: part to return: `"training"`, `"validation"` or `"both"`.
        follow_links: whether to follow symbolic links to folders.
        verbose: whether to print the number of files and classes.

    Shape:
        (batch, samples, channels), and labels as `label_mode` says.

    Returns:
        A lazy data set, or a list of two with `subset="both"`. It has the attributes
        `class_names` and `file_paths`.

    Raises:
        ArgumentError: an argument is not valid, or there is no such folder.
        DataError: the folder has no such files. While iterating: a file is damaged.

    Example:
        ```python
        train = audio_dataset_from_directory("sounds", output_sequence_length=16_000)
        sounds, labels = next(iter(train))  # (32, 16000, 1) and (32,)
        ```
    """
    owner = "audio_dataset_from_directory"
    lengths = ("sampling_rate", "output_sequence_length")
    check_arguments(owner, dict.fromkeys(lengths, optional(positive_int)), locals())
    require_dense(owner, ragged=ragged)
    load = functools.partial(
        load_audio, rate=sampling_rate, length=output_sequence_length
    )
    return folder_datasets(locals(), (".wav",), load, pad=True)
