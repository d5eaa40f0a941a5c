"""Small real-world datasets.

`auto_mpg` and `digits` are included in lamina. The others are the datasets of Keras,
downloaded once into the user's cache folder and verified by their hashes.
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
