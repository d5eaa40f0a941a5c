"""Boston Housing: 506 districts with 13 features each."""

from __future__ import annotations

from lamina.core.tracebacks import filter_traceback
from lamina.datasets.arrays import read_arrays
from lamina.datasets.fetch import get_file
from lamina.datasets.split import (
    KERAS_FILES,
    Split,
    check_test_split,
    shuffle,
    split_at,
)

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


_SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


@filter_traceback
def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Split:
    """Load median house values in 1,000 dollars and 13 features of each district.

    One feature encodes the share of Black residents as if it lowered the value of a
    house. Use the data to discuss that; to learn regression, use `auto_mpg` or
    `california_housing`.

    Args:
        path: name of the file in the cache.
        test_split: fraction of the rows in the test set.
        seed: seed of the shuffle.

    Shape:
        By default `((404, 13), (404,)), ((102, 13), (102,))`.

    Example:
        ```python
        (x_train, y_train), test = lamina.datasets.boston_housing.load_data()
        ```

    Reference:
        D. Harrison and D. Rubinfeld (1978), Hedonic Housing Prices and the Demand for
        Clean Air.
    """
    check_test_split("boston_housing.load_data", test_split)
    file = get_file(path, KERAS_FILES + "boston_housing.npz", file_hash=_SHA256)
    x, y = read_arrays(file, "x", "y")
    x, y = shuffle(x, y, seed)
    return split_at(x, y, int(len(x) * (1 - test_split)))
