"""Boston Housing: 506 districts with 13 features each."""

from __future__ import annotations

from lamina.datasets.arrays import read_arrays
from lamina.datasets.keras_files import keras_file
from lamina.datasets.split import Split, check_test_split, shuffled_split
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


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
    x, y = read_arrays(keras_file("boston_housing.npz", path), "x", "y")
    return shuffled_split(x, y, test_split, seed)
