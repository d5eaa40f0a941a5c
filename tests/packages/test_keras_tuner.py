"""keras-tuner: searches, reloading from disk, best models."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("keras_tuner") is None:
    pytest.skip("keras-tuner is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")
TUNERS = {
    "RandomSearch": {"max_trials": 2},
    "BayesianOptimization": {"max_trials": 3},
    "Hyperband": {"max_epochs": 2, "factor": 2},
    "GridSearch": {"max_trials": 2},
}


def build(hp: Any) -> Any:
    import keras

    model = keras.Sequential([keras.Input((4,))])
    model.add(keras.layers.Dense(hp.Choice("units", [4, 8]), activation="relu"))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(0.1))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("name", TUNERS)
def test_search_reload_and_best_models(name, classes, tmp_path):
    import keras_tuner

    x, y = classes

    def tuner() -> Any:
        return getattr(keras_tuner, name)(
            build,
            objective="val_accuracy",
            directory=tmp_path,
            project_name="search",
            seed=1,
            **TUNERS[name],
        )

    first = tuner()
    first.search(x, y, validation_split=0.25, epochs=1, verbose=0)
    second = tuner()
    second.reload()
    trials = second.oracle.trials
    assert len(trials) == len(first.oracle.trials) >= 2
    assert all(0 <= trial.score <= 1 for trial in trials.values())
    best = [t.get_best_hyperparameters()[0].values for t in (first, second)]
    assert best[0] == best[1]
    models = [t.get_best_models(1)[0] for t in (first, second)]
    predictions = [model.predict(x, verbose=0) for model in models]
    np.testing.assert_array_equal(*predictions)


def test_hypermodels_with_their_own_fit(classes, tmp_path):
    import keras_tuner

    x, y = classes

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), **kwargs)

    objective = keras_tuner.Objective("val_loss", "min")
    tuner = keras_tuner.RandomSearch(
        Model(), objective=objective, max_trials=2, directory=tmp_path
    )
    tuner.search(x[:64], y[:64], validation_data=(x[64:], y[64:]), verbose=0)
    assert tuner.get_best_hyperparameters()[0]["batch"] in (16, 32)
