"""Data sets to learn and to compare with.

`auto_mpg` and `digits` come with lamina and need no network; the others are Keras's,
downloaded once into the user's cache folder and checked by their hashes.
"""

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
