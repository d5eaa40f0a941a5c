"""CIFAR-100: 60,000 colour photographs of 32 by 32 pixels in 100 classes."""

from __future__ import annotations

import numpy as np

from lamina.datasets.cifar import images, read_rows
from lamina.datasets.split import Split
from lamina.errors import invalid

__all__ = ["load_data"]

_ARCHIVE = "cifar-100-binary.tar.gz"
_MD5 = "03b5dce01913d631647c71ecec9e9cb8"
_LABEL_COLUMNS = {"coarse": 0, "fine": 1}


def load_data(label_mode: str = "fine") -> Split:
    """Photographs: uint8 images of 0 to 255, and their classes as a uint8 column.

    Args:
        label_mode: `"fine"` for the 100 classes, `"coarse"` for their 20 families.

    Shape:
        `((50000, 32, 32, 3), (50000, 1)), ((10000, 32, 32, 3), (10000, 1))`, or the
        channels before the pixels where `image_data_format()` says so.

    Example:
        ```python
        (x_train, y_train), (x_test, y_test) = lamina.datasets.cifar100.load_data()
        ```

    Reference:
        A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    if label_mode not in _LABEL_COLUMNS:
        expected = "'fine' or 'coarse'"
        raise invalid("cifar100.load_data", "label_mode", label_mode, expected)
    return _part("train", label_mode), _part("test", label_mode)


def _part(part: str, label_mode: str) -> tuple[np.ndarray, np.ndarray]:
    members = [f"cifar-100-binary/{part}.bin"]
    rows = read_rows(_ARCHIVE, _MD5, members, labels=2)
    column = _LABEL_COLUMNS[label_mode]
    return images(rows), rows[:, column : column + 1]
