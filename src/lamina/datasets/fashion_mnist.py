"""Fashion-MNIST: 70,000 pictures of clothes of 28 by 28 pixels."""

from __future__ import annotations

import gzip
import io
import math
import struct

import numpy as np

from lamina.datasets.archives import archive_errors, read_member
from lamina.datasets.keras_files import keras_file
from lamina.datasets.split import Split
from lamina.io.byte_range import require
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


@filter_traceback
def load_data() -> Split:
    """Load pictures of clothes: uint8 images of 0 to 255, and their classes as uint8.

    The classes 0 to 9 are T-shirt/top, trouser, pullover, dress, coat, sandal, shirt,
    sneaker, bag and ankle boot.

    Shape:
        `((60000, 28, 28), (60000,)), ((10000, 28, 28), (10000,))`.

    Example:
        ```python
        (x_train, y_train), (x_test, y_test) = lamina.datasets.fashion_mnist.load_data()
        ```

    Reference:
        H. Xiao, K. Rasul and R. Vollgraf (2017), arXiv:1708.07747, license MIT.
    """
    return _load_part("train"), _load_part("t10k")


def _load_part(part: str) -> tuple[np.ndarray, np.ndarray]:
    images = _read(f"{part}-images-idx3-ubyte.gz", dimensions=3)
    return images, _read(f"{part}-labels-idx1-ubyte.gz", dimensions=1)


def _read(name: str, dimensions: int) -> np.ndarray:
    """Read a file in the IDX format: magic number, sizes as big-endian int32, bytes."""
    path = keras_file(name, name, "datasets/fashion-mnist")
    with (
        archive_errors(f"{path} cannot be read"),
        gzip.open(path) as packed,
        io.BufferedReader(packed) as file,
    ):
        head = file.read(4 * dimensions + 4)
        magic, *shape = struct.unpack(f">{dimensions + 1}I", head)
        is_idx = magic == 0x800 + dimensions
        require(is_idx, f"it is not an IDX file of {dimensions} axes")
        data = read_member(file, name, math.prod(shape))
    return np.frombuffer(data, np.uint8).reshape(shape)
