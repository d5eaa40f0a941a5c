"""Auto MPG: fuel consumption of 392 cars of the years 1970 to 1982."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lamina.datasets.split import Split, check_test_split, shuffled_split
from lamina.tracebacks import filter_traceback

__all__ = ["FEATURES", "load_data"]


def __dir__() -> list[str]:
    return __all__


FEATURES = (
    "cylinders",
    "displacement",
    "horsepower",
    "weight",
    "acceleration",
    "model_year",
    "usa",
    "europe",
    "japan",
)


@filter_traceback
def load_data(test_split: float = 0.2, seed: int = 113) -> Split:
    """Load the 392 complete rows of UCI's Auto MPG data, shuffled and split.

    `x` has nine float32 columns, named in `auto_mpg.FEATURES`: number of cylinders,
    displacement in cubic inches, horsepower, weight in pounds, seconds from standing
    to 60 miles per hour, model year (70 to 82), and the origin as three columns of
    which one is 1. `y` is the consumption in miles per US gallon, float32.

    Args:
        test_split: fraction of the rows in the test set.
        seed: seed of the shuffle.

    Shape:
        By default `((314, 9), (314,)), ((78, 9), (78,))`.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = lamina.datasets.auto_mpg.load_data()
        >>> x_train.shape, x_test.shape
        ((314, 9), (78, 9))

    Reference:
        R. Quinlan (1993), UCI Machine Learning Repository, doi:10.24432/C5859H,
        license CC BY 4.0. Six rows without horsepower and the names are left out.
    """
    check_test_split("auto_mpg.load_data", test_split)
    path = Path(__file__).with_name("auto_mpg.csv")
    rows = np.loadtxt(path, np.float32, delimiter=",", skiprows=1)
    mpg, measures, origin = rows[:, 0], rows[:, 1:7], rows[:, 7]
    x = np.column_stack([measures, origin[:, None] == np.arange(1, 4)])
    return shuffled_split(x.astype(np.float32), mpg, test_split, seed, round)
