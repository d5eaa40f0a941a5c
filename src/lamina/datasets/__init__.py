"""Small real-world datasets.

`auto_mpg` and `digits` are included in lamina. The others are the datasets of Keras,
downloaded once into the user's cache folder and verified by their hashes.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.datasets import (
        auto_mpg,
        boston_housing,
        california_housing,
        cifar10,
        cifar100,
        digits,
        fashion_mnist,
        imdb,
        mnist,
        reuters,
    )
else:
    # On first use: downloads need modules that take a while to import.
    def __getattr__(name: str) -> ModuleType:
        if name in __all__:
            return importlib.import_module(f"lamina.datasets.{name}")
        raise AttributeError(f"module 'lamina.datasets' has no attribute {name!r}")


__all__ = [
    "auto_mpg",
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]


def __dir__() -> list[str]:
    return __all__
