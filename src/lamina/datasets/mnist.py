"""MNIST: 70,000 handwritten digits of 28 by 28 pixels."""

from __future__ import annotations

from lamina.core.tracebacks import filter_traceback
from lamina.datasets.arrays import read_arrays
from lamina.datasets.fetch import get_file
from lamina.datasets.split import KERAS_FILES, Split

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


@filter_traceback
def load_data(path: str = "mnist.npz") -> Split:
    """Load handwritten digits: uint8 images of 0 to 255, and the digits as uint8.

    Args:
        path: name of the file in the cache.

    Shape:
        `((60000, 28, 28), (60000,)), ((10000, 28, 28), (10000,))`.

    Example:
        ```python
        (x_train, y_train), (x_test, y_test) = lamina.datasets.mnist.load_data()
        ```

    Reference:
        Y. LeCun and C. Cortes, licence CC BY-SA 3.0.
    """
    file = get_file(path, KERAS_FILES + "mnist.npz", file_hash=_SHA256)
    names = "x_train", "y_train", "x_test", "y_test"
    x_train, y_train, x_test, y_test = read_arrays(file, *names)
    return (x_train, y_train), (x_test, y_test)
