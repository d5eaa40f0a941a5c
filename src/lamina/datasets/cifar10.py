"""CIFAR-10: 60,000 color photographs of 32 by 32 pixels in 10 classes."""

from __future__ import annotations

from lamina.datasets.cifar import Archive, load
from lamina.datasets.split import Split
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


_BATCHES = tuple(f"data_batch_{part}" for part in range(1, 6))
BINARY = Archive(
    name="cifar-10-binary.tar.gz",
    digest="c32a1d4ab5d03f1284b67883e8d87530",
    train=tuple(f"cifar-10-batches-bin/{batch}.bin" for batch in _BATCHES),
    test=("cifar-10-batches-bin/test_batch.bin",),
    labels=("labels",),
)
PICKLED = Archive(
    name="cifar-10-python.tar.gz",
    digest="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    train=tuple(f"cifar-10-batches-py/{batch}" for batch in _BATCHES),
    test=("cifar-10-batches-py/test_batch",),
    labels=("labels",),
    is_pickled=True,
)


@filter_traceback
def load_data() -> Split:
    """Load photographs: uint8 images of 0 to 255, and classes as a uint8 column.

    The classes 0 to 9 are airplane, automobile, bird, cat, deer, dog, frog, horse,
    ship and truck.

    Either published archive is read: `cifar-10-binary.tar.gz`, which is downloaded, or
    `cifar-10-python.tar.gz` if only that is in the cache. No code in its pickles
    is run.

    Shape:
        `((50000, 32, 32, 3), (50000, 1)), ((10000, 32, 32, 3), (10000, 1))`; with
        `image_data_format()` "channels_first", images have shape (3, 32, 32).

    Example:
        ```python
        (x_train, y_train), (x_test, y_test) = lamina.datasets.cifar10.load_data()
        ```

    Reference:
        A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    return load(BINARY, PICKLED, "labels")
