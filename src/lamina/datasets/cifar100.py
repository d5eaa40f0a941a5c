"""CIFAR-100: 60,000 color photographs of 32 by 32 pixels in 100 classes."""

from __future__ import annotations

from lamina.datasets.cifar import Archive, load
from lamina.datasets.split import Split
from lamina.errors import invalid
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


BINARY = Archive(
    name="cifar-100-binary.tar.gz",
    digest="03b5dce01913d631647c71ecec9e9cb8",
    train=("cifar-100-binary/train.bin",),
    test=("cifar-100-binary/test.bin",),
    labels=("coarse_labels", "fine_labels"),
)
PICKLED = Archive(
    name="cifar-100-python.tar.gz",
    digest="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    train=("cifar-100-python/train",),
    test=("cifar-100-python/test",),
    labels=("coarse_labels", "fine_labels"),
    is_pickled=True,
)


@filter_traceback
def load_data(label_mode: str = "fine") -> Split:
    """Load photographs: uint8 images of 0 to 255, and classes as a uint8 column.

    Either published archive is read: `cifar-100-binary.tar.gz`, which is downloaded, or
    `cifar-100-python.tar.gz` if only that is in the cache. No code in its pickles
    is run.

    Args:
        label_mode: `"fine"` for the 100 classes, `"coarse"` for their 20 superclasses.

    Shape:
        `((50000, 32, 32, 3), (50000, 1)), ((10000, 32, 32, 3), (10000, 1))`; with
        `image_data_format()` "channels_first", images have shape (3, 32, 32).

    Example:
        ```python
        (x_train, y_train), (x_test, y_test) = lamina.datasets.cifar100.load_data()
        ```

    Reference:
        A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    if label_mode not in ("fine", "coarse"):
        expected = "'fine' or 'coarse'"
        raise invalid("cifar100.load_data", "label_mode", label_mode, expected)
    return load(BINARY, PICKLED, f"{label_mode}_labels")
