"""CIFAR-10: 60,000 colour photographs of 32 by 32 pixels in 10 classes."""

from __future__ import annotations

from lamina.datasets.cifar import images, read_rows
from lamina.datasets.split import Split

__all__ = ["load_data"]

_ARCHIVE = "cifar-10-binary.tar.gz"
_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
_FOLDER = "cifar-10-batches-bin"
_TRAIN = [f"{_FOLDER}/data_batch_{part}.bin" for part in range(1, 6)]
_TEST = [f"{_FOLDER}/test_batch.bin"]


def load_data() -> Split:
    """Photographs: uint8 images of 0 to 255, and their classes as a uint8 column.

    The classes 0 to 9 are airplane, automobile, bird, cat, deer, dog, frog, horse,
    ship and truck.

    Shape:
        `((50000, 32, 32, 3), (50000, 1)), ((10000, 32, 32, 3), (10000, 1))`, or the
        channels before the pixels where `image_data_format()` says so.

    Example:
        ```python
        (x_train, y_train), (x_test, y_test) = lamina.datasets.cifar10.load_data()
        ```

    Reference:
        A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    train = read_rows(_ARCHIVE, _MD5, _TRAIN, labels=1)
    test = read_rows(_ARCHIVE, _MD5, _TEST, labels=1)
    return (images(train), train[:, :1]), (images(test), test[:, :1])
