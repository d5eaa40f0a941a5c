"""Data sets, images and sequences, under the paths of Keras."""

from __future__ import annotations

from lamina.data.pipeline.arrays import timeseries_dataset_from_array
from lamina.preprocessing import image, sequence

__all__ = [
    "image",
    "sequence",
    "timeseries_dataset_from_array",
]


def __dir__() -> list[str]:
    return __all__
