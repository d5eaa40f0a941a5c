"""California Housing: 20,640 blocks of the 1990 census with 8 features each."""

from __future__ import annotations

from lamina.datasets.arrays import read_arrays
from lamina.datasets.keras_files import keras_file
from lamina.datasets.split import Split, check_test_split, shuffled_split
from lamina.errors import invalid
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


_ROWS = {"small": 600, "large": None}


@filter_traceback
def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Split:
    """Load median house values in dollars and 8 features of each census block.

    The columns are median income, house age, average rooms, average bedrooms,
    population, average occupancy, latitude and longitude.

    Args:
        version: `"large"` for all rows, `"small"` for the first 600.
        path: name of the file in the cache.
        test_split: fraction of the rows in the test set.
        seed: seed of the shuffle.

    Shape:
        By default `((16512, 8), (16512,)), ((4128, 8), (4128,))`.

    Example:
        ```python
        (x_train, y_train), test = lamina.datasets.california_housing.load_data()
        ```

    Reference:
        R. Pace and R. Barry (1997), Sparse Spatial Autoregressions.
    """
    check_test_split("california_housing.load_data", test_split)
    if version not in _ROWS:
        expected = "'small' or 'large'"
        raise invalid("california_housing.load_data", "version", version, expected)
    x, y = read_arrays(keras_file("california_housing.npz", path), "x", "y")
    rows = _ROWS[version]
    return shuffled_split(x[:rows], y[:rows], test_split, seed)
