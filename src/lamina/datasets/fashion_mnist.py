"""Fashion-MNIST: 70,000 pictures of clothes of 28 by 28 pixels."""

from __future__ import annotations

import gzip

import numpy as np

from lamina.datasets.fetch import get_file
from lamina.datasets.split import KERAS_FILES, Split

__all__ = ["load_data"]

_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


def load_data() -> Split:
    """Pictures of clothes: uint8 images of 0 to 255, and their classes as uint8.

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
    return _part("train"), _part("t10k")


def _part(part: str) -> tuple[np.ndarray, np.ndarray]:
    images = _read(f"{part}-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
    return images, _read(f"{part}-labels-idx1-ubyte.gz", header=8)


def _read(name: str, header: int) -> np.ndarray:
    subfolder = "datasets/fashion-mnist"
    path = get_file(
        name, KERAS_FILES + name, file_hash=_MD5[name], cache_subdir=subfolder
    )
    with gzip.open(path) as file:
        return np.frombuffer(bytearray(file.read()), np.uint8, offset=header)
