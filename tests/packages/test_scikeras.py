"""scikeras: classifiers and regressors in pipelines and searches of scikit-learn."""

from __future__ import annotations

import importlib.util
import pickle
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("scikeras") is None:
    pytest.skip("scikeras is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


def network(meta: dict[str, Any], hidden: int = 8) -> Any:
    import keras

    kind = meta["target_type_"]
    units = meta["n_classes_"] if kind == "multiclass" else 1
    activation = {"binary": "sigmoid", "multiclass": "softmax"}.get(kind)
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(units, activation=activation),
        ]
    )


def estimator(name: str, **options: Any) -> Any:
    import scikeras.wrappers

    cls = getattr(scikeras.wrappers, name)
    rate = {"optimizer": "adam", "optimizer__learning_rate": 0.05}
    return cls(network, epochs=20, verbose=0, random_state=0, **rate, **options)


def test_classifier_in_a_pipeline(classes):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = classes
    model = estimator("KerasClassifier", loss="binary_crossentropy")
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    assert pipeline.score(x, y) > 0.8
    loaded = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(loaded.predict_proba(x), pipeline.predict_proba(x))


def test_classifier_of_names_in_a_grid_search(classes):
    from sklearn.model_selection import GridSearchCV

    x, _ = classes
    y = np.array(["low", "mid", "high"])[np.digitize(x.sum(1), [-1, 1])]
    model = estimator("KerasClassifier", loss="sparse_categorical_crossentropy")
    grid = {"model__hidden": [2, 16], "optimizer__learning_rate": [1e-4, 0.05]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_["optimizer__learning_rate"] == 0.05
    assert set(search.predict(x)) <= {"low", "mid", "high"}


def test_regressor_in_a_grid_search(classes):
    from sklearn.model_selection import GridSearchCV

    x, _ = classes
    y = x.sum(1)
    model = estimator("KerasRegressor", loss="mean_squared_error")
    search = GridSearchCV(model, {"epochs": [1, 40]}, cv=2, error_score="raise")
    search.fit(x, y)
    assert search.best_params_ == {"epochs": 40}
    assert search.score(x, y) > 0.8


def test_training_continues_with_partial_fit(classes):
    x, y = classes
    model = estimator("KerasClassifier", loss="binary_crossentropy").fit(x, y)
    model.partial_fit(x, y)
    assert model.current_epoch == 21
