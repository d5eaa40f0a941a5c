"""Fashion-MNIST: 70,000 pictures of clothes of 28 by 28 pixels."""

from __future__ import annotations

import gzip
import io
import math
import struct

import numpy as np

from lamina.core.tracebacks import filter_traceback
from lamina.datasets.archives import ARCHIVE_ERRORS, read_member
from lamina.datasets.fetch import get_file
from lamina.datasets.split import KERAS_FILES, Split
from lamina.errors import FileFormatError

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


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
        H. Xiao, K. Rasul and R. Vollgraf (2017), arXiv:1708.07747, licence MIT.
    """
    return _load_part("train"), _load_part("t10k")


def _load_part(part: str) -> tuple[np.ndarray, np.ndarray]:
    images = _read(f"{part}-images-idx3-ubyte.gz", dimensions=3)
    return images, _read(f"{part}-labels-idx1-ubyte.gz", dimensions=1)


def _read(name: str, dimensions: int) -> np.ndarray:
    """Read a file in the IDX format: magic number, sizes as big-endian int32, bytes."""
    subfolder = "datasets/fashion-mnist"
    path = get_file(
        name, KERAS_FILES + name, file_hash=_MD5[name], cache_subdir=subfolder
    )
    try:
        with gzip.open(path) as packed, io.BufferedReader(packed) as file:
            magic, *shape = struct.unpack(
                f">{dimensions + 1}I", file.read(4 * dimensions + 4)
            )
            if magic != 0x800 + dimensions:
                raise FileFormatError(f"it is not an IDX file of {dimensions} axes.")
            data = read_member(file, name, math.prod(shape))
    except (struct.error, *ARCHIVE_ERRORS) as error:
        raise FileFormatError(f"{path} cannot be read: {error}") from None
    return np.frombuffer(data, np.uint8).reshape(shape)
