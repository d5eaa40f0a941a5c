"""Data sets, images and sequences, under the paths of Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.data.pipeline.arrays import timeseries_dataset_from_array
from lamina.lazy import lazy_attributes
from lamina.preprocessing import sequence

if TYPE_CHECKING:
    from lamina.data.files.directories import (
        image_dataset_from_directory,
        text_dataset_from_directory,
    )
    from lamina.preprocessing import image
else:
    _DIRECTORIES = "lamina.data.files.directories"
    __getattr__ = lazy_attributes(
        __name__,
        image="lamina.preprocessing.image",
        image_dataset_from_directory=f"{_DIRECTORIES}:image_dataset_from_directory",
        text_dataset_from_directory=f"{_DIRECTORIES}:text_dataset_from_directory",
    )

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]


def __dir__() -> list[str]:
    return __all__
