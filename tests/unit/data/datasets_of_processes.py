"""Data sets that worker processes import; without lamina, they start in less time."""

from __future__ import annotations

import os
from typing import Any

import numpy as np


class Squares:
    """Batches of squares, and the process that computed them."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def __getitem__(self, index: int) -> Any:
        if index == 7:
            raise LookupError("no batch 7")
        return np.full(3, self.offset + index**2), os.getpid()


class Unpicklable(Squares):
    """A data set with an attribute that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.function = lambda: None
