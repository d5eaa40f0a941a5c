"""keras-tcn: a model is trained, saved and loaded."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("tcn") is None:
    pytest.skip("keras-tcn is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


def test_keras_tcn_trains_and_is_saved(tmp_path):
    import keras
    import tcn

    x = np.random.default_rng(0).normal(size=(32, 10, 2)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((10, 2)),
            tcn.TCN(nb_filters=4, dilations=(1, 2), use_skip_connections=True),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mean_squared_error")
    losses = model.fit(x, x.sum((1, 2)), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path, custom_objects={"TCN": tcn.TCN})
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
