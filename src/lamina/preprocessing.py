"""Functions of `keras.preprocessing`."""

from __future__ import annotations

from types import SimpleNamespace

from lamina.data.array_dataset import timeseries_dataset_from_array
from lamina.utils import pad_sequences

__all__ = ["sequence", "timeseries_dataset_from_array"]


def __dir__() -> list[str]:
    return __all__


sequence = SimpleNamespace(pad_sequences=pad_sequences)
