"""Small real-world datasets.

`auto_mpg` and `digits` are included in lamina. The others are the datasets of Keras,
downloaded once into the user's cache folder and verified by their hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.lazy import lazy_attributes

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
    # Downloads need modules that take a while to import.
    modules = {name: f"{__name__}.{name}" for name in __all__}
    __getattr__ = lazy_attributes(__name__, **modules)


def __dir__() -> list[str]:
    return __all__
