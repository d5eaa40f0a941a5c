"""MNIST: 70,000 handwritten digits of 28 by 28 pixels."""

from __future__ import annotations

from lamina.datasets.arrays import read_arrays
from lamina.datasets.keras_files import keras_file
from lamina.datasets.split import Split
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


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
        Y. LeCun and C. Cortes, license CC BY-SA 3.0.
    """
    file = keras_file("mnist.npz", path)
    x_train, y_train = read_arrays(file, "x_train", "y_train")
    x_test, y_test = read_arrays(file, "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)
