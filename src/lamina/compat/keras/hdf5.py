"""`HDF5Matrix` of Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import h5py

from lamina.compat.notices import tell


class HDF5Matrix:
    """Rows of a data set in an HDF5 file.

    Args:
        datapath: path of the file.
        dataset: name of the data set.
        start: first row.
        end: row after the last.
        normalizer: function of the rows.
    """

    def __new__(
        cls,
        datapath: str,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> Any:
        tell("HDF5Matrix", "h5py.File(path)[dataset][start:end]")
        with h5py.File(datapath) as file:
            data = cast(h5py.Dataset, file[dataset])
            rows = data[start:end]
        return rows if normalizer is None else normalizer(rows)
