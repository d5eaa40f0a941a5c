"""Modules that scikit-learn no longer has, for programs of the time of Keras 1."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from lamina.compat.notices import tell

# Today's names of scores by the old ones.
SCORES = {
    name: f"neg_{name}"
    for name in (
        *("log_loss", "mean_squared_error", "mean_absolute_error"),
        "median_absolute_error",
    )
}
# Functions that `sklearn.model_selection` has today, by their former module.
SAME: Mapping[str, tuple[str, ...]] = {
    "sklearn.grid_search": ("GridSearchCV", "RandomizedSearchCV", "ParameterGrid"),
    "sklearn.cross_validation": (
        *("train_test_split", "cross_val_score", "cross_val_predict"),
    ),
}
# Iterators of indices, whose constructors took the data.
_FOLDS = ("KFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit")


class FormerModules(MetaPathFinder, Loader):
    """Finder of the modules that scikit-learn no longer has."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """Return the spec of a former module."""
        return ModuleSpec(fullname, self) if fullname in SAME else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with today's functions, which take old arguments."""
        from sklearn import model_selection

        name = module.__name__
        tell(name, "sklearn.model_selection")
        for attribute in SAME[name]:
            today = getattr(model_selection, attribute)
            vars(module)[attribute] = _with_old_scores(today)
        if name.endswith("cross_validation"):
            for attribute in _FOLDS:
                today = getattr(model_selection, attribute)
                vars(module)[attribute] = _folds(today)


def forget_former_modules() -> None:
    """Remove the former modules of scikit-learn from this process."""
    for name in SAME:
        module = sys.modules.pop(name, None)
        parent, _, attribute = name.rpartition(".")
        if module is not None:
            vars(sys.modules[parent]).pop(attribute, None)


def _with_old_scores(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: object, **options: object) -> Any:
        score = options.get("scoring")
        if isinstance(score, str):
            options["scoring"] = SCORES.get(score, score)
        return function(*args, **options)

    return call


def _folds(splitter: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the data, or of its number of rows, that lists the folds."""

    def call(
        y: object = None, n_folds: int = 3, n: int | None = None, **options: object
    ) -> Any:
        data = n if y is None else y
        count = options.pop("n_iter", n_folds)
        labels = range(data) if isinstance(data, int) else data
        return list(splitter(n_splits=count, **options).split(labels, labels))

    return call
